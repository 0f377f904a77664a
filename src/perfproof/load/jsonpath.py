"""The subset of JSONPath that captures use: ``$``, ``.name``, ``['name']`` and ``[index]`` (negative: from the end).

Filters, wildcards, slices and ``..`` are refused: a capture takes exactly one value.
"""

from __future__ import annotations

import re

from perfproof.model.scenario import JsonValue

_STEP = re.compile(r"""\.([^.\[\]()'"*\s]+)|\[(-?\d+)\]|\['([^']*)'\]|\["([^"]*)"\]""")


def parse(path: str) -> tuple[str | int, ...]:
    """Return the steps of a path, e.g. ``$.a[0]['b c']`` -> ``("a", 0, "b c")``; ValueError says what is wrong."""
    if not path.startswith("$"):
        raise ValueError(f"a path starts with $, not {path[:1]!r}")
    steps: list[str | int] = []
    position = 1
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise ValueError(f"cannot read {path[position:]!r}; use .name, ['name'] or [0]")
        name, index, single, double = match.groups()
        steps.append(int(index) if index is not None else next(s for s in (name, single, double) if s is not None))
        position = match.end()
    return tuple(steps)


def find(document: JsonValue, path: str) -> JsonValue:
    """Return the value at ``path``; LookupError names the step that is not there and what is there instead."""
    value = document
    walked = "$"
    for step in parse(path):
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


def _kind(value: JsonValue) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return kinds.get(type(value), "null")
