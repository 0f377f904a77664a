"""The ``load`` and ``rounds`` of a scenario file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from perfproof.core.units import Mistake, parse_duration
from perfproof.model.scenario import Limits, Load, Rounds
from perfproof.model.scenario import Pairing as PairingName
from perfproof.scenario.schema.fields import (
    DURATION_SCHEMA,
    AnyText,
    Duration,
    DurationOrNone,
    Empty,
    Flag,
    Many,
    Rate,
    RateOrNone,
    Spec,
    Text,
    choice,
    quantity,
    schema,
    text,
    whole_between,
)

_LOAD = Load()
_ROUNDS = Rounds()

Model = Annotated[Literal["open", "closed"], PlainValidator(choice("open", "closed")), schema(enum=["open", "closed"])]
Arrivals = Annotated[
    Literal["poisson", "constant"],
    PlainValidator(choice("poisson", "constant")),
    schema(enum=["poisson", "constant"]),
]
Samples = Annotated[
    Literal["raw", "histogram"], PlainValidator(choice("raw", "histogram")), schema(enum=["raw", "histogram"])
]
Pairing = Annotated[
    PairingName,
    PlainValidator(choice("auto", "request", "block")),
    schema(enum=["auto", "request", "block"]),
]
Block = Annotated[
    float,
    PlainValidator(quantity(parse_duration, low=0.05, high=60, says="from 50ms to 60s")),
    WithJsonSchema(DURATION_SCHEMA),
]


def address(value: object) -> str:
    """Return a host and a port."""
    found = text(value)
    host, _, port = found.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise Mistake(f"`{found}` is not a host and a port", "write it like 127.0.0.1:5557")
    return found


Address = Annotated[str, PlainValidator(address), schema(type="string", minLength=3)]


class StageSpec(Spec):
    """A stretch of time over which the rate goes evenly to another one."""

    seconds: Duration = Field(alias="for", description="How long it takes, e.g. 30s")
    to: RateOrNone
    """Requests per second at its end. The rate it starts with is that of the stage before."""


class LimitsSpec(Spec):
    """Caps that stop the load whatever else is asked for."""

    rate: Rate | None = None
    """Most requests per second. Default: 100000/s on this machine, 1000/s on any other"""
    duration: Duration = Limits().duration
    """Longest load on each arm in all. Default: 2h"""
    consecutive_errors: whole_between(1, 1_000_000) = Limits().consecutive_errors  # type: ignore[valid-type]
    """Failed requests in a row that are too many. Default: 1000"""


class LoadSpec(Spec):
    """How requests arrive."""

    model: Model = _LOAD.model
    """open: at a rate, whatever the service does. closed: users that wait for each response. Default: open"""
    rate: Rate = _LOAD.rate
    """Requests per second of the open model. Default: 100/s (with stages: 0/s, where the first one starts)"""
    stages: list[StageSpec] = Field(default_factory=list)
    """A profile of the open model's rate: [{for: 30s, to: 200/s}, {for: 1m, to: 200/s}]. It makes one block."""
    arrivals: Arrivals = _LOAD.arrivals
    """Gaps between requests of the open model. Default: poisson"""
    users: whole_between(1, 10_000) = _LOAD.users  # type: ignore[valid-type]
    """Users of the closed model. Default: 1"""
    think_time: DurationOrNone = _LOAD.think_time
    """Pause of a user between response and next request. Default: 0"""
    connections: whole_between(1, 10_000) = _LOAD.connections  # type: ignore[valid-type]
    """Most connections of the open model. Default: 16"""
    workers: whole_between(1, 64) = _LOAD.workers  # type: ignore[valid-type]
    """Processes that share the load; the merged schedule is the same for any number. Default: 1"""
    listen: Address = _LOAD.listen
    """Where workers on other machines join (HOST:PORT), with `perfproof worker`. Default: they are started here"""
    token_file: AnyText = _LOAD.token_file
    """A file with the token that joining workers must know, relative to the scenario."""
    samples: Samples = _LOAD.samples
    """raw keeps every request; histogram only counts by duration (0.1 %), however many there are. Default: raw"""
    seed: whole_between(0, 2**31 - 1) = _LOAD.seed  # type: ignore[valid-type]
    """Decides order, values and gaps; the same for both arms. Default: 1"""
    limits: Annotated[LimitsSpec, Empty] = LimitsSpec()
    """Caps that stop the load."""


class RoundsSpec(Spec):
    """How much is measured."""

    count: whole_between(1, 1_000) = _ROUNDS.count  # type: ignore[valid-type]
    """Most rounds. Default: 12"""
    warmup: DurationOrNone | None = None
    """Least warm-up of each round. Default: 0.8s of pairs, or 2s of load on each arm before blocks"""
    warmup_requests: whole_between(0, 1_000_000) = _ROUNDS.warmup_requests  # type: ignore[valid-type]
    """Least requests of each warm-up. Default: 20"""
    pairing: Pairing = _ROUNDS.pairing
    """request: every request goes to both arms, one right after the other (what one request costs). block: the arms
    take turns in blocks of load (what users wait under it). auto: by what the load asks for. Default: auto"""
    pairs: Duration | None = None
    """Time of paired requests in a round. Default: planned from how long they and a start take"""
    blocks: whole_between(1, 1_000) | None = None  # type: ignore[valid-type]
    """Pairs of blocks in a round. Default: planned; with stages 1"""
    block: Block | None = None
    """Length of a block. Default: planned, 100ms where requests are quick; with stages, all of them"""
    time: Duration | None = None
    """Plan as many rounds as fit into this time instead of count (as `--time`)."""
    early_stop: Flag = _ROUNDS.early_stop
    """Stop at a planned look once the answer is sure. Default: true"""


class LocustSpec(Spec):
    """A Locust file whose User classes make the requests."""

    file: Text
    """The Python file, relative to the scenario."""
    users: Annotated[list[Text], Many] = Field(default_factory=list)
    """Names of the User classes to take. Default: all that are not abstract"""
    tags: Annotated[list[Text], Many] = Field(default_factory=list)
    """Only tasks with one of these tags."""
    exclude_tags: Annotated[list[Text], Many] = Field(default_factory=list)
    """No tasks with one of these tags."""
    spawn_rate: Rate | None = None
    """Users that start per second, before anything is measured. Default: all at once"""


def _file(value: object) -> object:
    return value if isinstance(value, dict) else {"file": value}


Locustfile = Annotated[LocustSpec, BeforeValidator(_file)]


def shorthand(found: dict[str, Any]) -> None:
    """Let the JSON Schema know that a Locust file may be just its path."""
    for name in ("users", "tags", "exclude_tags"):
        many = found["$defs"]["LocustSpec"]["properties"][name]
        listed = {key: many.pop(key) for key in ("type", "items")}
        many["anyOf"] = [listed, listed["items"]]
    held = found["properties"]["locustfile"]
    held["anyOf"] = [{"type": "string", "minLength": 1}, *(each for each in held["anyOf"] if each != {"type": "null"})]
