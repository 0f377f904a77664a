"""The kinds of single values a scenario holds, each with its check, its plain-worded mistake and its JSON Schema.

Every field validates by a function of ours rather than by pydantic's own types: pydantic would take ``"yes"`` for true
and ``1.0`` for 1, and its messages speak of inputs. A value that is one ``${VAR}`` arrives as text, hence numbers may
be written as text of digits.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator, WithJsonSchema

from perfproof.core.units import (
    DURATIONS,
    NUMBER,
    RATES,
    SIZES,
    Mistake,
    parse_duration,
    parse_rate,
    parse_ratio,
    parse_size,
)
from perfproof.model.scenario import Scalar

VARIABLE = r"\$\{.*\}"
ZERO = {"const": 0}


class Spec(BaseModel):
    """A part of the scenario file: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class MadeSpec(Spec):
    """A part made from a table, whose keys say in it what they mean.

    For a class that stands in no file, Pydantic would look through every module of the process, at each start anew.
    """

    model_config = ConfigDict(use_attribute_docstrings=False)


def kind_of(value: object) -> str:
    """Return what a value is, in plain words."""
    if value is None:
        return "nothing"
    kinds = ((bool, "true or false"), ((int, float), "a number"), (str, "text"), (list, "a list"))
    return next((word for kind, word in kinds if isinstance(value, kind)), "a mapping")


def closest(word: str, known: Sequence[str]) -> str | None:
    """Return the fix "did you mean ...?" for a misspelt word, or a list of what is known if that is short."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6) or difflib.get_close_matches(
        word.lower(), known, n=1, cutoff=0.6
    )
    holding = sorted((each for each in known if len(word) >= 3 and word.lower() in each.lower()), key=len)
    # Of several names that hold the word, the shortest is it with the least beside it; two as short are a guess.
    near = near or (holding[:1] if len({len(each) for each in holding[:2]}) == len(holding[:2]) else holding)
    if len(near) == 1:
        return f"did you mean {near[0]}?"
    return f"known: {', '.join(known)}" if 0 < len(known) <= 24 else None


def text(value: object) -> str:
    """Return non-empty text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Mistake(f"must be text, not {kind_of(value)}", None if value is None else "write it in quotes")
    if not isinstance(value, str):
        raise Mistake("must be text, not a number", f'write "{value}"')
    if not value.strip():
        raise Mistake("is empty", "write some text or leave the key out")
    return value


def any_text(value: object) -> str:
    """Return text that may be empty."""
    return "" if value == "" else text(value)


def flag(value: object) -> bool:
    """Return true or false."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    said = value.lower() if isinstance(value, str) else value
    fix = "write true" if said in ("yes", "on", "y", 1) else "write false" if said in ("no", "off", "n", 0) else None
    raise Mistake(f"must be true or false, not {_quoted(value)}", fix)


def number(value: object) -> float:
    """Return a number without a unit."""
    if isinstance(value, str) and re.fullmatch(rf"-?(?:{NUMBER})", value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Mistake(f"must be a number, not {_quoted(value)}", "write it without a unit, e.g. 5")
    if not math.isfinite(found := float(value) if abs(value) < 1e18 else math.inf):
        raise Mistake("the number is too large")
    return found


def whole(low: int, high: int) -> Callable[[object], int]:
    """Return a check for whole numbers from ``low`` to ``high``."""

    def check(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value.strip()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Mistake(f"must be a whole number, not {_quoted(value)}", f"from {low:,} to {high:,}")
        if not low <= value <= high:
            raise Mistake(f"{value} is out of range", f"from {low:,} to {high:,}")
        return value

    return check


def quantity(
    parse: Callable[[str], float], *, low: float = 0, high: float = math.inf, above: bool = False, says: str
) -> Callable[[object], float]:
    """Return a check for text with a unit: from ``low`` (not ``low`` itself if ``above``) to ``high``.

    ``says`` is the range in words, used as the fix.
    """

    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise Mistake(f"must be a quantity, not {kind_of(value)}", says)
        found = parse(f"{value:.15g}" if isinstance(value, float) else str(value))
        if found < low or found > high or (above and found == low):
            raise Mistake(f"`{value}` is out of range", says)
        return found

    return check


def choice(*known: str) -> Callable[[object], str]:
    """Return a check for one of a few words."""

    def check(value: object) -> str:
        if value not in known:
            near = closest(value, known) if isinstance(value, str) else None
            fix = near if near and near.startswith("did") else None
            raise Mistake(f"must be {' or '.join(known)}, not {_quoted(value)}", fix)
        return str(value)

    return check


def scalar(value: object) -> Scalar:
    """Return one choice of a variable: text, a number, true or false."""
    if isinstance(value, str | bool | int | float):
        return value
    raise Mistake(f"must be text, a number, true or false, not {kind_of(value)}")


def name(value: object) -> str:
    """Return a name: one line of at most 100 characters."""
    found = text(value)
    if len(found) > 100 or not found.isprintable():
        raise Mistake("must be one line of at most 100 characters")
    return found


def one_or_many(value: object) -> object:
    """Return a list, where a single value stands for a list of one."""
    return value if isinstance(value, list) else [value]


def nothing_is_empty(value: object) -> object:
    """Return an empty mapping for a key without a value (``baseline:``)."""
    return {} if value is None else value


def _quoted(value: object) -> str:
    return f"`{value}`" if isinstance(value, str | int | float) and not isinstance(value, bool) else kind_of(value)


def schema(**keywords: object) -> WithJsonSchema:
    """Return a JSON Schema that also lets a whole ``${VARIABLE}`` stand for what is not text."""
    return WithJsonSchema(dict(keywords))


def _units(units: Sequence[str], *, parts: bool = False) -> dict[str, Any]:
    one = rf"({NUMBER}) *({'|'.join(sorted(map(re.escape, units), key=len, reverse=True))})"
    whole_text = rf"({one} *)+" if parts else one
    return {"anyOf": [{"type": "string", "pattern": f"^ *({whole_text}|0|{VARIABLE}) *$"}, ZERO]}


def _or_variable(**keywords: object) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [dict(keywords), {"type": "string", "pattern": f"^{VARIABLE}$"}]})


def whole_between(low: int, high: int) -> Any:
    """Return the field type of whole numbers in a range."""
    return Annotated[int, PlainValidator(whole(low, high)), _or_variable(type="integer", minimum=low, maximum=high)]


DURATION_SCHEMA = _units(list(DURATIONS), parts=True)
RATE_SCHEMA = _units(list(RATES))
RATIO_SCHEMA = _units(["%"])
SIZE_SCHEMA = _units(list(SIZES))
POSITIVE_DURATION = quantity(parse_duration, above=True, high=86_400, says="above 0, at most 24h")
POSITIVE_RATE = quantity(parse_rate, above=True, high=1e6, says="above 0/s, at most 1000000/s")

Text = Annotated[str, PlainValidator(text), schema(type="string", minLength=1)]
AnyText = Annotated[str, PlainValidator(any_text), schema(type="string")]
Name = Annotated[str, PlainValidator(name), schema(type="string", minLength=1, maxLength=100)]
Flag = Annotated[bool, PlainValidator(flag), _or_variable(type="boolean")]
Written = Annotated[str, PlainValidator(any_text), schema(type=["string", "number", "boolean"])]
"""Text that may look like a number or boolean (environment, headers): taken as it is written."""
Choice = Annotated[Scalar, PlainValidator(scalar), schema(type=["string", "number", "boolean"])]
Duration = Annotated[float, PlainValidator(POSITIVE_DURATION), WithJsonSchema(DURATION_SCHEMA)]
DurationOrNone = Annotated[
    float, PlainValidator(quantity(parse_duration, high=86_400, says="at most 24h")), WithJsonSchema(DURATION_SCHEMA)
]
"""A duration that may be 0."""
Rate = Annotated[float, PlainValidator(POSITIVE_RATE), WithJsonSchema(RATE_SCHEMA)]
RateOrNone = Annotated[
    float, PlainValidator(quantity(parse_rate, high=1e6, says="at most 1000000/s")), WithJsonSchema(RATE_SCHEMA)
]
"""A rate that may be 0/s."""
Ratio = Annotated[
    float, PlainValidator(quantity(parse_ratio, high=1, says="from 0% to 100%")), WithJsonSchema(RATIO_SCHEMA)
]
Size = Annotated[float, PlainValidator(quantity(parse_size, above=True, says="above 0")), WithJsonSchema(SIZE_SCHEMA)]
Many = BeforeValidator(one_or_many)
Empty = BeforeValidator(nothing_is_empty)
