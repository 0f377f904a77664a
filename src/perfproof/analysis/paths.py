"""Paths into JSON values: ``$.items[0].name``, with ``[*]`` for every index and ``.*`` for every name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

Step = str | int
Steps = tuple[Step, ...]

EVERY = "*"
_STEP = re.compile(r"""\.([^.\[\]'"\s]+)|\[(-?\d+|\*)\]|\['([^']*)'\]|\["([^"]*)"\]""")
_PLAIN = re.compile(r"[^.\[\]'\"\s*]+")


def parse(path: str) -> Steps:
    """Return the steps of a path; ValueError says what is wrong with it."""
    if not path.startswith("$"):
        raise ValueError(f"a path starts with $, not {path[:1]!r}")
    steps: list[Step] = []
    position = 1
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise ValueError(f"cannot read {path[position:]!r}; use .name, ['name'], [0] or [*]")
        name, index, single, double = match.groups()
        if index is not None:
            steps.append(EVERY if index == EVERY else int(index))
        else:
            steps.append(next(step for step in (name, single, double) if step is not None))
        position = match.end()
    return tuple(steps)


def spell(steps: Iterable[Step]) -> str:
    """Return steps as a path."""
    text = "$"
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step == EVERY:
            text += "[*]"
        else:
            text += f".{step}" if _PLAIN.fullmatch(step) else f"['{step}']"
    return text


def general(steps: Steps) -> Steps:
    """Return the path with every index replaced by ``[*]``."""
    return tuple(EVERY if isinstance(step, int) else step for step in steps)


def covers(pattern: Steps, steps: Steps) -> bool:
    """Tell whether ``steps`` are at or below what ``pattern`` means."""
    return len(pattern) <= len(steps) and all(want in (EVERY, got) for want, got in zip(pattern, steps, strict=False))


def find(document: Any, steps: Steps) -> Any:
    """Return the value at a path without ``[*]``; LookupError if there is none."""
    value = document
    for step in steps:
        fits = isinstance(value, list) if isinstance(step, int) else isinstance(value, dict)
        if not fits:
            raise LookupError(spell(steps))
        value = value[step]
    return value
