"""What to measure: a scenario, fully resolved (overrides applied, variables substituted, units converted)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]
Scalar = str | int | float | bool


@dataclass(frozen=True)
class Service:
    """One version of the system under test: how to start it, or the ``url`` where it already runs.

    ``command``, ``prepare`` and ``reset`` are command lines with ``{port}`` and ``{arm}`` placeholders, run
    without a shell unless ``shell`` is set. ``restart`` is ``never`` for services that cannot be started afresh.
    """

    command: str | None = None
    url: str | None = None
    directory: Path = Path()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    prepare: str | None = None
    reset: str | None = None
    health: str = "/"
    port: int | None = None
    start_timeout: float = 60.0
    stop_grace: float = 10.0
    shell: bool = False
    restart: Literal["always", "never"] = "always"


@dataclass(frozen=True)
class Arm:
    """A named version of the service: ``baseline`` or ``candidate``, with every override applied."""

    name: str
    service: Service


@dataclass(frozen=True)
class Expect:
    """What a response must be to count as completed: one of ``status`` (default: any 2xx)."""

    status: tuple[int, ...] = ()


@dataclass(frozen=True)
class Request:
    """A request template. ``{name}`` in path, headers and body is filled from ``values`` and captured variables.

    ``values`` lists the choices of each variable (their product gives the request's variants). ``json`` is a
    template too: strings in it are filled, a string that is exactly one placeholder takes the value's own type.
    ``capture`` (set-up steps only) maps a variable to a JSONPath of the response body.
    """

    name: str
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    json: JsonValue | None = field(default=None, repr=False)
    body: str | None = field(default=None, repr=False)
    values: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)
    weight: float = 1.0
    expect: Expect = Expect()
    timeout: float = 30.0
    capture: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Load:
    """How requests arrive: ``open`` at ``rate`` per second (Poisson or constant gaps) or ``closed`` with ``users``."""

    model: Literal["open", "closed"] = "open"
    rate: float = 100.0
    arrivals: Literal["poisson", "constant"] = "poisson"
    users: int = 1
    think_time: float = 0.0
    connections: int = 16
    seed: int = 1


@dataclass(frozen=True)
class Rounds:
    """How much is measured: at most ``count`` rounds of ``blocks`` block pairs of ``block`` seconds per arm.

    ``time`` (seconds) plans the number of rounds instead, when given on the command line.
    """

    count: int = 12
    warmup: float = 2.0
    warmup_requests: int = 20
    blocks: int = 8
    block: float = 0.5
    time: float | None = None
    early_stop: bool = True


@dataclass(frozen=True)
class Goal:
    """A demanded improvement of a metric as a fraction (0.2 = 20 % better), with an optional stretch.

    It holds for every request name in ``requests``, or for each one when that is empty.
    """

    metric: str
    improve: float
    stretch: float | None = None
    requests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Budget:
    """An absolute limit in the metric's own unit, for the candidate (or the only arm)."""

    metric: str
    limit: float
    requests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scenario:
    """Everything a measurement needs to know.

    ``text`` is the file as written but with secrets masked (safe to store); ``hash`` is its fingerprint over the
    meaning, not the layout. ``secrets`` are values that must never leave this process except towards the service.
    """

    name: str
    file: Path
    arms: tuple[Arm, ...]
    requests: tuple[Request, ...]
    setup: tuple[Request, ...] = ()
    load: Load = Load()
    rounds: Rounds = Rounds()
    goals: tuple[Goal, ...] = ()
    budgets: tuple[Budget, ...] = ()
    allow: tuple[str, ...] = ()
    margin: float = 0.05
    max_error_rate: float = 0.01
    text: str = field(default="", repr=False)
    hash: str = ""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
