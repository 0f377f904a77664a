from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from perfproof.core.codec import decode, encode
from perfproof.model.scenario import Capture, JsonValue


@dataclass(frozen=True)
class Mixed:
    where: Mapping[str, str | Capture] = field(default_factory=dict)
    choices: tuple[str | int | float | bool, ...] = ()
    body: JsonValue | None = None
    names: frozenset[str] = frozenset()


def test_values_of_several_kinds_come_back_as_they_were():
    mixed = Mixed(
        {"a": "$.a", "b": Capture(header="Location")}, (1, "two", 2.5, True), {"k": [1, None]}, frozenset({"x", "y"})
    )
    assert decode(Mixed, json.loads(json.dumps(encode(mixed)))) == mixed
