"""Between literal texts and those of a scenario, where ``{name}``, ``${NAME}`` and ``$$`` mean something."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from perfproof.core.placeholders import PLACEHOLDER, literal
from perfproof.errors import UsageError
from perfproof.model.scenario import JsonValue, Scalar
from perfproof.scenario.variables import TEMPLATE

_DOLLARS = re.compile(r"\$(?=[${])")


def written(text: str) -> str:
    """Return a literal text as a scenario writes it."""
    return literal(_DOLLARS.sub("$$", text)) if "{" in text or "$" in text else text


def typed(text: str) -> str:
    """Return what a person typed as a scenario writes it: ``${NAME}`` stays a variable, braces are themselves."""
    found, end = [], 0
    for match in TEMPLATE.finditer(text):
        found += [literal(text[end : match.start()]), match.group()]
        end = match.end()
    return "".join([*found, literal(text[end:])])


def written_json(value: JsonValue) -> JsonValue:
    """Return a literal JSON value as a scenario writes it; keys stay as they are."""
    if isinstance(value, str):
        return written(value)
    if isinstance(value, list):
        return [written_json(item) for item in value]
    if isinstance(value, dict):
        return {key: written_json(item) for key, item in value.items()}
    return value


def with_variables(text: str, environ: Mapping[str, str]) -> str:
    """Return ``text`` with ``${NAME}`` filled; ``UsageError`` for a variable that is not set."""

    def fill(match: re.Match[str]) -> str:
        if match.group() == "$$":
            return "$"
        value = environ.get(match["name"] or "") or match["default"]
        if value is None:
            raise UsageError(
                f"{match.group()} is not set in the environment",
                hint=f"export {match['name']}=..., then run `perfproof init` again" if match["name"] else None,
            )
        return value

    return TEMPLATE.sub(fill, text)


def filled(text: str, values: Mapping[str, Scalar], *, quoted: bool = False) -> str:
    """Return ``text`` with its placeholders filled; one without a value stays. ``quoted`` is for paths and queries."""

    def fill(match: re.Match[str]) -> str:
        if match.group(2) is None:
            return "{" + match.group(1) + "}"
        if match.group(2) not in values:
            return match.group()
        value = values[match.group(2)]
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return quote(text, safe="") if quoted else text

    return PLACEHOLDER.sub(fill, text)


def filled_json(value: JsonValue, values: Mapping[str, Scalar]) -> JsonValue:
    """Return a JSON template with its placeholders filled; a text that is exactly one takes the value's type."""
    if isinstance(value, str):
        whole = PLACEHOLDER.fullmatch(value)
        if whole and whole.group(2) in values:
            return values[whole.group(2)]
        return filled(value, values)
    if isinstance(value, list):
        return [filled_json(item, values) for item in value]
    if isinstance(value, dict):
        return {key: filled_json(item, values) for key, item in value.items()}
    return value
