"""What a scenario file says about counting instructions: a word, or a mapping."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, PlainValidator

from perfproof.model.instructions import Wanted
from perfproof.model.scenario import Count
from perfproof.scenario.schema.fields import Empty, Spec, choice, schema, whole_between

BY: tuple[str, ...] = get_args(Wanted)
_COUNT = Count()


def _words(value: object) -> object:
    """Return what ``count: auto`` and ``count: off`` stand for."""
    return value if isinstance(value, dict) else {"by": value}


def _by(value: object) -> str:
    # YAML 1.2 knows no `off`, but ${VARIABLE} and habit may give a boolean.
    return choice(*BY)({False: "off", True: "auto"}.get(value, value) if isinstance(value, bool) else value)


By = Annotated[Literal["auto", "counters", "callgrind", "off"], PlainValidator(_by), schema(enum=list(BY))]


class CountSpec(Spec):
    """How instructions per request are counted after the timed rounds; `off` counts none."""

    by: By = _COUNT.by
    """auto (counters where the processor has them, else callgrind), counters, callgrind or off. Default: off"""
    starts: whole_between(2, 100) | None = _COUNT.starts  # type: ignore[valid-type]
    """Fresh starts of each arm. Default: 4, and up to 8 while identical versions could not be told apart to 1 %"""


Counting = Annotated[CountSpec, BeforeValidator(_words), Empty]


def shorthand(found: dict[str, Any]) -> None:
    """Let a word stand for a mapping in the JSON Schema ``found``."""
    count = found["properties"]["count"]
    count["anyOf"] = [{"$ref": count.pop("$ref")}, {"enum": [*BY, True, False]}]
