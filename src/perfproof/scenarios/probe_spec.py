"""What a scenario file says about probing: databases, sizes, repeats, and how responses are compared."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainValidator

from perfproof.scenarios.fields import Empty, Flag, Many, Spec, Text, choice, schema, text, whole, whole_between
from perfproof.scenarios.units import Mistake

SYSTEMS = ("postgresql", "postgres", "mysql", "mariadb", "sqlite")
_PATH = re.compile(r"""\$(?:\.[^.\[\]'"\s]+|\[(?:-?\d+|\*)\]|\['[^']*'\]|\["[^"]*"\])*""")


def database(value: object) -> str:
    """Return the address of a database, or the word ``sqlite``."""
    found = text(value)
    system = found.partition(":")[0].partition("+")[0].lower()
    if system not in SYSTEMS or not (found.lower() == "sqlite" or "://" in found):
        # The value may hold a password, so it is not quoted.
        raise Mistake("is no database address", "write postgresql://user@host/name, mysql://user@host/name or sqlite")
    return found


def parameter(value: object) -> str:
    """Return the name of a variable, as it stands in ``{name}``."""
    found = text(value)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", found):
        raise Mistake(f"`{found}` is not the name of a variable", "the one that says how many rows, e.g. limit")
    return found


def ignored_path(value: object) -> str:
    """Return a JSONPath in which ``[*]`` stands for every index."""
    found = text(value)
    if not _PATH.fullmatch(found):
        raise Mistake(f"`{found}` is not a path", "write it like $.generated_at or $.items[*].age")
    return found


def _policy(value: object) -> object:
    return {"policy": value} if isinstance(value, str | bool) else value


def _words(value: object) -> str:
    # YAML 1.2 knows no `off`, but ${VARIABLE} and habit may give a boolean.
    return choice("error", "warn", "off")("off" if value is False else value)


DatabaseUrl = Annotated[str, PlainValidator(database), schema(type="string", minLength=1)]
Databases = Annotated[list[DatabaseUrl], Many]
Size = Annotated[int, PlainValidator(whole(0, 1_000_000)), schema(type="integer", minimum=0, maximum=1_000_000)]
Sizes = Annotated[list[Size], Many, Field(json_schema_extra={"minItems": 1})]
Parameter = Annotated[str, PlainValidator(parameter), schema(type="string", minLength=1)]
IgnoredPath = Annotated[str, PlainValidator(ignored_path), schema(type="string", pattern="^\\$")]
PolicyWord = Annotated[Literal["error", "warn", "off"], PlainValidator(_words), schema(enum=["error", "warn", "off"])]


class ScaleSpec(Spec):
    """The sizes at which a request is probed, to see what grows with the rows it returns."""

    parameter: Parameter | None = None
    """The variable that says how many rows, e.g. limit for {limit}."""
    reseed: Text | None = None
    """Command line that makes the data of a size; {size} is filled (instead of parameter)."""
    sizes: Sizes
    """Three or more sizes, e.g. [1, 10, 50]"""


class ProbeSpec(Spec):
    """How the request is probed."""

    repeat: whole_between(1, 20) = 3  # type: ignore[valid-type]
    """How often at each size. Default: 3"""
    writes: Flag = False
    """Probe it although its method writes; service.reset runs before each repeat. Default: false"""


class ResponsesSpec(Spec):
    """How the responses of the arms are compared."""

    policy: PolicyWord = "warn"
    """error: nothing is concluded if they differ; warn: say so; off: do not compare. Default: warn"""
    ignore: Annotated[list[IgnoredPath], Many] = Field(default_factory=list)
    """JSON paths that may differ, e.g. ["$.generated_at", "$.items[*].age"]"""
    order: Flag = True
    """Whether the order of arrays counts. Default: true"""


Responses = Annotated[ResponsesSpec, BeforeValidator(_policy), Empty]
