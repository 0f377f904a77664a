"""Fill ``{name}`` in paths, headers, bodies and JSON; ``{{name}}`` stays as the literal ``{name}``.

What a placeholder is says ``perfproof.core.placeholders``. (Python's ``str.format`` was rejected: it makes every brace
of a JSON body special and reads attributes of the values.)
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

from perfproof.core.placeholders import PLACEHOLDER
from perfproof.model.scenario import JsonValue, Request, Scalar

Variables = Mapping[str, JsonValue]

_SAFE_IN_TARGET = "/?&=%:@!$'()*+,;~[]-._"


class MissingVariableError(LookupError):
    """A placeholder has no value; ``name`` is the placeholder."""

    def __init__(self, name: str, known: Variables) -> None:
        self.name = name
        super().__init__(f"{{{name}}} has no value; known: {', '.join(sorted(known)) or 'nothing'}")


def text_of(value: JsonValue) -> str:
    """Return a value as it stands in a text: JSON's words for null and booleans, no quotes around strings."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def fill(text: str, variables: Variables, encode: Callable[[str], str] = str) -> str:
    """Return ``text`` with its placeholders filled; each value passes through ``encode``."""

    def one(match: re.Match[str]) -> str:
        literal, name = match.groups()
        if literal is not None:
            return "{" + literal + "}"
        if name not in variables:
            raise MissingVariableError(name, variables)
        return encode(text_of(variables[name]))

    return PLACEHOLDER.sub(one, text)


def fill_target(path: str, variables: Variables) -> str:
    """Return a path with query; values are percent-encoded whole, the rest only where a URL demands it."""
    filled = fill(path, variables, lambda value: quote(value, safe=""))
    return quote(filled.partition("#")[0], safe=_SAFE_IN_TARGET)


def fill_json(template: JsonValue, variables: Variables) -> JsonValue:
    """Return a JSON template filled in its strings; a string that is exactly one placeholder takes the value itself."""
    if isinstance(template, str):
        match = PLACEHOLDER.fullmatch(template)
        if match is not None and match.group(2) is not None:
            name = match.group(2)
            if name not in variables:
                raise MissingVariableError(name, variables)
            return variables[name]
        return fill(template, variables)
    if isinstance(template, list):
        return [fill_json(item, variables) for item in template]
    if isinstance(template, dict):
        return {key: fill_json(item, variables) for key, item in template.items()}
    return template


def combinations(request: Request) -> tuple[dict[str, Scalar], ...]:
    """Return every combination of a request's values, the last variable changing fastest; one empty one if none."""
    names = list(request.values)
    return tuple(dict(zip(names, choice, strict=True)) for choice in itertools.product(*request.values.values()))


def variant_count(request: Request) -> int:
    """Return how many combinations a request's values have."""
    return math.prod(len(choices) for choices in request.values.values())


def labels(request: Request) -> tuple[str, ...]:
    """Return a label for each combination, e.g. ``limit=20, page=1``; ``("",)`` for a request without values."""
    return tuple(
        ", ".join(f"{name}={text_of(value)}" for name, value in combination.items())
        for combination in combinations(request)
    )
