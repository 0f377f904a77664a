"""A value that fits a schema: what its author gives as an example, or the plainest one that is allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from perfproof.documents.references import Part
from perfproof.model.scenario import JsonValue

_DEEPEST = 8
MOST_PARTS = 120
"""Parts that a value is made of at most."""
_BY_FORMAT: dict[str, JsonValue] = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "email": "a@example.com",
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "uri": "http://127.0.0.1/",
    "url": "http://127.0.0.1/",
    "hostname": "localhost",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "byte": "YQ==",
    "binary": "a",
    "duration": "PT1S",
}


def given(part: Part) -> list[JsonValue]:
    """Return the values that the author of a parameter, media type or schema writes down, the best first."""
    data = part.data
    found: list[Any] = [data[key] for key in ("example", "x-example", "const") if key in data]
    examples = data.get("examples")
    if isinstance(examples, list):
        found += examples
    elif isinstance(examples, dict):
        for name in examples:
            named = part.at("examples", name)
            if named is not None and "value" in named.data:
                found.append(named.data["value"])
    if data.get("default") is not None:
        found.append(data["default"])
    if isinstance(data.get("enum"), list):
        found += data["enum"]
    return [value for place, value in enumerate(found) if value is not None and value not in found[:place]]


def sample(schema: Part | None) -> JsonValue:
    """Return a value for ``schema``. What leads into a circle, too deep or too far is left out."""
    return _Sampling().value(schema, 0, ())


@dataclass
class _Sampling:
    """One value being made; ``left`` are the parts it may still have.

    Schemas that all need each other would make one of exponential size, with circles left out too.
    """

    left: int = MOST_PARTS

    def value(self, schema: Part | None, depth: int, within: tuple[int, ...]) -> JsonValue:
        self.left -= 1
        if schema is None or depth > _DEEPEST or self.left < 0:
            return None
        known = given(schema)
        if known:
            return known[0]
        data, within = schema.data, (*within, schema.spot)
        if isinstance(data.get("allOf"), list):
            merged: JsonValue = None
            for each in schema.items("allOf"):
                value = self.value(each, depth + 1, within) if each.spot not in within else None
                merged = (
                    {**merged, **value} if isinstance(merged, dict) and isinstance(value, dict) else merged or value
                )
            own = self.object(schema, depth, within) if "properties" in data else None
            return {**merged, **own} if isinstance(merged, dict) and own else merged or own
        for key in ("oneOf", "anyOf"):
            for each in schema.items(key):
                if each.spot not in within and each.data.get("type") != "null":
                    return self.value(each, depth + 1, within)
        return self.by_type(schema, depth, within)

    def by_type(self, schema: Part, depth: int, within: tuple[int, ...]) -> JsonValue:
        data = schema.data
        kind = kind_of(schema)
        if kind == "object":
            return self.object(schema, depth, within)
        if kind == "array":
            item = schema.at("items")
            if item is None or item.spot in within or depth >= _DEEPEST or data.get("minItems", 1) == 0:
                return []
            return [self.value(item, depth + 1, within)]
        if kind in ("integer", "number"):
            return _number(data, whole=kind == "integer")
        if kind == "boolean":
            return True
        text = _BY_FORMAT.get(str(data.get("format")), "a")
        least = data.get("minLength")
        if isinstance(text, str) and isinstance(least, int) and len(text) < least <= 1000:
            text = text + "a" * (least - len(text))
        return text

    def object(self, schema: Part, depth: int, within: tuple[int, ...]) -> dict[str, JsonValue]:
        required = schema.data.get("required")
        names = required if isinstance(required, list) else []
        found: dict[str, JsonValue] = {}
        properties = schema.at("properties")
        for name in properties.data if properties is not None else ():
            if (names and name not in names) or self.left <= 0:
                continue
            each = properties.at(name) if properties is not None else None
            if each is None or each.spot in within or each.data.get("readOnly") is True:
                continue
            if names or (depth == 0 and given(each)):
                found[name] = self.value(each, depth + 1, within)
        return found


def _number(data: dict[str, Any], *, whole: bool) -> int | float:
    least, most = data.get("minimum"), data.get("maximum")
    above = data.get("exclusiveMinimum")
    if isinstance(above, int | float) and not isinstance(above, bool):
        least = above + 1
    value: int | float = 1
    if isinstance(least, int | float) and value < least:
        value = least
    if isinstance(most, int | float) and value > most:
        value = most
    return int(value) if whole else value


def kind_of(schema: Part | None) -> str:
    """Return the JSON type that a schema stands for, "" where it says nothing."""
    if schema is None:
        return ""
    kind = schema.data.get("type")
    if isinstance(kind, list):  # 3.1: ["string", "null"]
        kind = next((each for each in kind if each != "null"), "")
    if isinstance(kind, str) and kind:
        return kind
    for key in ("anyOf", "oneOf", "allOf"):
        for each in schema.items(key):
            inner = each.data.get("type")
            if isinstance(inner, str) and inner != "null":
                return inner
    if "properties" in schema.data:
        return "object"
    return "array" if "items" in schema.data else ""
