"""Paths into JSON values: ``$.items[0].name``, with ``[*]`` for every index and ``.*`` for every name.

A capture takes exactly one value, so its paths (``parse_one``, ``find_one``) know no ``*``. Filters, slices
and ``..`` are refused everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

PathStep = str | int
Steps = tuple[PathStep, ...]

EVERY = "*"
_STEP = re.compile(r"""\.([^.\[\]'"\s]+)|\[(-?\d+|\*)\]|\['([^']*)'\]|\["([^"]*)"\]""")
_STEP_OF_ONE = re.compile(r"""\.([^.\[\]()'"*\s]+)|\[(-?\d+)\]|\['([^']*)'\]|\["([^"]*)"\]""")
_PLAIN = re.compile(r"[^.\[\]'\"\s*]+")


def parse(path: str) -> Steps:
    """Return the steps of a path; ValueError says what is wrong with it."""
    return _parsed(path, _STEP, "use .name, ['name'], [0] or [*]")


def parse_one(path: str) -> Steps:
    """Return the steps of a path to one value: ``$.a[0]['b c']`` -> ``("a", 0, "b c")``; ValueError if it is none."""
    return _parsed(path, _STEP_OF_ONE, "use .name, ['name'] or [0]")


def _parsed(path: str, step: re.Pattern[str], hint: str) -> Steps:
    if not path.startswith("$"):
        raise ValueError(f"a path starts with $, not {path[:1]!r}")
    steps: list[PathStep] = []
    position = 1
    while position < len(path):
        match = step.match(path, position)
        if match is None:
            raise ValueError(f"cannot read {path[position:]!r}; {hint}")
        name, index, single, double = match.groups()
        if index is not None:
            steps.append(EVERY if index == EVERY else int(index))
        else:
            steps.append(next(each for each in (name, single, double) if each is not None))
        position = match.end()
    return tuple(steps)


def spell(steps: Iterable[PathStep]) -> str:
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


def find_one(document: Any, path: str) -> Any:
    """Return the value at ``path``; LookupError names the step that is not there and what is there instead."""
    return find(document, parse_one(path))


def find(document: Any, steps: Steps) -> Any:
    """Return the value at a path without ``[*]``; LookupError says which step is not there, and what is there instead.

    A negative index counts from the end.
    """
    value = document
    walked = "$"
    for step in steps:
        if isinstance(step, int):
            if not isinstance(value, list):
                raise LookupError(f"{walked} is {_kind(value)}, not a list")
            if not -len(value) <= step < len(value):
                raise LookupError(f"{walked} has {len(value)} items, so there is no [{step}]")
            value = value[step]
            walked += f"[{step}]"
        else:
            if not isinstance(value, dict):
                raise LookupError(f"{walked} is {_kind(value)}, not an object")
            if step not in value:
                known = ", ".join(sorted(value)[:8]) or "nothing"
                raise LookupError(f"{walked} has no {step!r}; it has {known}")
            value = value[step]
            walked += f".{step}"
    return value


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return kinds.get(type(value), "null")
