"""What to measure: a scenario, fully resolved (overrides applied, variables substituted, units converted)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Literal

from perfproof.model.instructions import Wanted
from perfproof.model.metrics import higher_is_better
from perfproof.model.policy import Policy

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]
Scalar = str | int | float | bool
BLOCKS, BLOCK, WARMUP = 8, 0.5, 2.0
"""Pairs of blocks in a round, their seconds and those of warm-up before them, where nobody says otherwise."""
ResponsePolicy = Literal["error", "warn", "off"]
"""What it means that the arms answer differently: nothing can be concluded, a warning, or they are not compared."""
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"))
"""Methods that change nothing: all that the registry of IANA calls safe and that clients use."""


@dataclass(frozen=True)
class Tls:
    """How a service's certificate is checked: by the system's authorities, or by those in ``ca`` (PEM) instead.

    ``insecure`` checks neither the certificate nor the name in it.
    """

    ca: Path | None = None
    insecure: bool = False


@dataclass(frozen=True)
class Collect:
    """What a service tells of itself: ``metrics`` (``prometheus:...``) at ``prometheus``, a path of it or an address.

    The address may hold ``{port2}`` and so on, for services that listen elsewhere for it. Metrics called ``otlp:...``
    are those that the service pushes, every ``otlp`` seconds; None where it does not.
    """

    prometheus: str | None = None
    metrics: tuple[str, ...] = ()
    otlp: float | None = None


@dataclass(frozen=True)
class Service:
    """One version of the system under test: how to start it, or the ``url`` where it already runs.

    ``command``, ``build``, ``prepare`` and ``reset`` are command lines with ``{port}`` and ``{arm}`` placeholders, run
    without a shell unless ``shell`` is set; ``build`` only for versions taken from git. ``restart`` is ``never`` for
    services that cannot be started afresh. ``database`` are the addresses of its databases (they may hold passwords),
    where statements are counted while requests are probed. ``prefix`` stands before the path of every request.
    ``collect`` says which of its own metrics are read beside the load.
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
    build: str | None = None
    snapshot: str | None = None
    tls: Tls | None = None
    database: tuple[str, ...] = field(default=(), repr=False)
    prefix: str = ""
    collect: Collect | None = None


@dataclass(frozen=True)
class Arm:
    """A named version of the service, with every override applied: ``baseline``, ``candidate``, or as it was called.

    ``source`` says where its files came from, if from git: ``ref``, ``commit``, ``directory`` and doubts about them.
    """

    name: str
    service: Service
    source: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Expect:
    """What a response must be to count as completed: one of ``status`` (default: any 2xx), and all of the others.

    ``headers`` maps a name to text its value contains, ``json`` a JSONPath to its value; the body (decoded) holds each
    of ``contains`` and finds each regular expression of ``matches``. Texts are filled as those of the request.
    """

    status: tuple[int, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, JsonValue] = field(default_factory=dict)
    contains: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()

    @property
    def beyond_status(self) -> bool:
        """Tell whether more than the status is looked at."""
        return bool(self.headers or self.json or self.contains or self.matches)


@dataclass(frozen=True)
class Capture:
    """Where in a response a variable is: at a JSONPath, in a ``header``, or what ``regex`` finds in header or body.

    A regular expression gives its first group, or all it found if it has none.
    """

    json: str | None = None
    header: str | None = None
    regex: str | None = None


@dataclass(frozen=True)
class Part:
    """One part of a multipart form: a ``text`` (a template) or the content of a ``file`` as it is."""

    name: str
    text: str = field(default="", repr=False)
    file: Path | None = None
    filename: str | None = None
    type: str | None = None


@dataclass(frozen=True)
class Repeat:
    """Polling: a step is sent again ``every`` seconds until its response is ``until``, ``at_most`` times in all."""

    until: Expect
    every: float = 1.0
    at_most: int = 60


@dataclass(frozen=True)
class Feed:
    """A file of rows (CSV with a header line, or JSON Lines) that fill ``{name.column}``.

    ``sequential`` and ``once`` take rows in their order; ``shuffled`` in a seeded order of its own for each block.
    ``once`` never takes a row twice between two starts of an arm.
    """

    name: str
    file: Path
    order: Literal["sequential", "shuffled", "once"] = "sequential"


@dataclass(frozen=True)
class Scale:
    """The sizes at which a request is probed: values of its ``parameter``, or a ``reseed`` command with ``{size}``.

    With ``depth`` they are levels of objects: the request's GraphQL query is cut to each.
    """

    sizes: tuple[int, ...]
    parameter: str | None = None
    reseed: str | None = None
    depth: bool = False


@dataclass(frozen=True)
class Probe:
    """How a request is probed: how often at each size, and whether although it writes (only with a ``reset``)."""

    repeat: int = 3
    writes: bool = False


@dataclass(frozen=True)
class Responses:
    """How the arms' responses are compared. ``ignore`` are JSON paths (``[*]`` stands for every index).

    With ``order`` the order of arrays counts.
    """

    policy: ResponsePolicy = "warn"
    ignore: tuple[str, ...] = ()
    order: bool = True


@dataclass(frozen=True)
class Stream:
    """How the answer to a request comes in messages: as server-sent events, or over a WebSocket.

    It is read until ``messages`` of them have come, or one that holds ``until``; then it is cut. With ``ends`` it may
    end by itself before. ``send`` is what is said over a WebSocket: the first at once, each other after a message.
    """

    kind: Literal["sse", "websocket"]
    messages: int = 10
    until: str = ""
    send: tuple[JsonValue, ...] = field(default=(), repr=False)
    ends: bool = False


@dataclass(frozen=True)
class Request:
    """A request template. ``{name}`` in path, headers and body is filled from ``values``, feeds and captured variables.

    ``values`` lists the choices of each variable (their product gives the request's variants). ``json`` is a
    template too: strings in it are filled, a string that is exactly one placeholder takes the value's own type.
    At most one of ``json``, ``form``, ``multipart``, ``body`` and ``body_file`` (sent as it is) is given.
    ``capture`` (set-up and flow steps only) maps a variable to a place in the response; a bare text is a JSONPath.

    Requests next to each other with the same ``flow`` are the steps of that flow: sent in order, each when the one
    before has ended and its ``think_time`` is over; they share values, variables, weight and cookies.
    ``follow_redirects`` is how many redirects are followed; ``cookies`` says whether those received are sent back.
    ``safe`` says whether it changes nothing, where the method does not tell; ``graphql`` is the kind of operation.
    ``stream`` says that its answer comes in messages.
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
    capture: Mapping[str, str | Capture] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    multipart: tuple[Part, ...] = ()
    body_file: Path | None = None
    flow: str = ""
    think_time: float = 0.0
    repeat: Repeat | None = None
    follow_redirects: int = 0
    cookies: bool = True
    scale: Scale | None = None
    rows: str | None = None
    probe: Probe = Probe()
    safe: bool | None = None
    graphql: Literal["", "query", "mutation", "subscription"] = ""
    stream: Stream | None = None

    @property
    def reads(self) -> bool:
        """Tell whether it changes nothing: by what the scenario says, its method, or its GraphQL operation."""
        return self.safe if self.safe is not None else self.method in SAFE_METHODS or self.graphql == "query"


@dataclass(frozen=True)
class LocustFile:
    """A Locust file whose User classes make the requests: those named in ``users``, or all of them.

    ``tags`` and ``exclude_tags`` choose tasks as Locust's options of these names do. ``spawn_rate`` is how many users
    start per second (None: all at once).
    """

    file: Path
    users: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    spawn_rate: float | None = None


@dataclass(frozen=True)
class Limits:
    """Caps that stop the load when they are exceeded: requests a second, seconds of load in all, failures in a row.

    ``rate`` None means 100,000/s on this machine and 1,000/s on any other.
    """

    rate: float | None = None
    duration: float = 7200.0
    consecutive_errors: int = 1000


@dataclass(frozen=True)
class Stage:
    """A stretch of ``seconds`` over which the rate goes evenly from what it was before to ``rate`` per second."""

    seconds: float
    rate: float


@dataclass(frozen=True)
class Load:
    """How requests arrive: ``open`` at ``rate`` per second (Poisson or constant gaps) or ``closed`` with ``users``.

    With ``stages`` the rate starts at ``rate`` and follows them; a block is then one walk through all of them.
    ``workers`` is the number of processes that share the load; the merged schedule is the same for any number. With
    ``listen`` (HOST:PORT) they are awaited there from other machines, with the token in ``token_file``. ``samples``
    says whether every request is kept or only histograms of them. ``given`` is False where the scenario says nothing
    of load: requests are then sent one at a time.
    """

    model: Literal["open", "closed"] = "open"
    rate: float = 100.0
    arrivals: Literal["poisson", "constant"] = "poisson"
    users: int = 1
    think_time: float = 0.0
    connections: int = 16
    seed: int = 1
    limits: Limits = Limits()
    stages: tuple[Stage, ...] = ()
    workers: int = 1
    listen: str = ""
    token_file: str = ""
    samples: Literal["raw", "histogram"] = "raw"
    given: bool = True


Pairing = Literal["auto", "request", "block"]
"""How the arms take turns: request by request, in blocks of load, or as the load asks for."""


@dataclass(frozen=True)
class Rounds:
    """How much is measured: at most ``count`` rounds, each of ``pairs`` seconds of paired requests or of blocks.

    None leaves to perfproof what is best planned from how long requests take: ``warmup`` (seconds, of both arms
    together where they are paired), ``pairs`` (seconds a round), ``blocks`` (pairs of them) and ``block`` (seconds).
    ``time`` (seconds, of the whole command) plans the number of rounds instead, when given.
    """

    count: int = 12
    warmup: float | None = None
    warmup_requests: int = 20
    blocks: int | None = None
    block: float | None = None
    time: float | None = None
    early_stop: bool = True
    pairing: Pairing = "auto"
    pairs: float | None = None

    @property
    def block_count(self) -> int:
        """Return the pairs of blocks in a round where nothing better is known."""
        return BLOCKS if self.blocks is None else self.blocks

    @property
    def block_seconds(self) -> float:
        """Return the length of a block where nothing better is known."""
        return BLOCK if self.block is None else self.block

    @property
    def block_warmup(self) -> float:
        """Return the least seconds of load before blocks, for each arm."""
        return WARMUP if self.warmup is None else self.warmup


@dataclass(frozen=True)
class Explain:
    """What is looked at after the timed rounds to say why: the levers' mechanisms, and a profile of some ``seconds``.

    ``memory`` asks for allocations by line, in a pass of its own.

    ``profile`` names the engine (``auto`` takes the first that works), ``interval`` is its sampling interval in
    seconds.
    """

    levers: bool = True
    memory: bool = False
    profile: Literal["auto", "off", "agent", "pyinstrument", "node", "jfr", "py-spy", "perf"] = "auto"
    seconds: float = 8.0
    interval: float = 0.001


FEWEST_STARTS = 4
"""Starts of each arm that instructions are counted in where nobody says otherwise."""


@dataclass(frozen=True)
class Count:
    """Whether instructions are counted, ``by`` what (``auto``: counters where there are any), over how many starts.

    Without ``starts`` it is ``FEWEST_STARTS``, and more where these tell too little.
    """

    by: Wanted = "off"
    starts: int | None = None

    @property
    def fewest(self) -> int:
        """Return how many starts of each arm there are at least."""
        return FEWEST_STARTS if self.starts is None else self.starts


@dataclass(frozen=True)
class Checks:
    """Which checks are made beside the load, each ``wanted`` by its name with its settings.

    ``document`` is the OpenAPI document: a path at the service, or a file; None looks at the usual paths. ``requests``
    and ``time`` (seconds) are the most that one check may take of one arm. ``writes`` lets requests be sent whose
    methods write, with bodies that must fail; ``headers`` go with every request.
    """

    wanted: Mapping[str, Mapping[str, JsonValue]] = field(default_factory=dict)
    document: str | None = None
    requests: int = 1000
    time: float = 60.0
    writes: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Budget:
    """An absolute limit in the metric's own unit, for the candidate (or the only arm)."""

    metric: str
    limit: float
    requests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Capacity:
    """How the highest rate that keeps the budgets is searched for.

    From ``lowest`` requests per second (0: the load's rate) up to ``highest`` (0: what the limits allow), each step
    held for ``hold`` seconds, until the rates kept and broken differ by less than the fraction ``resolution``; over
    ``starts`` fresh starts. ``budgets`` empty means the scenario's own.
    """

    lowest: float = 0.0
    highest: float = 0.0
    hold: float = 2.0
    resolution: float = 0.05
    starts: int = 5
    budgets: tuple[Budget, ...] = ()


@dataclass(frozen=True)
class Goal:
    """A demanded improvement of a metric as a fraction (0.2 = 20 % better), with an optional stretch.

    It holds for every request name in ``requests``, or for each one when that is empty.
    """

    metric: str
    improve: float
    stretch: float | None = None
    requests: tuple[str, ...] = ()

    def asks(self, baseline: float) -> tuple[float, float]:
        """Return what the goal makes of a value, smaller end first; without a stretch all that is beyond is asked."""
        higher = higher_is_better(self.metric)
        near = baseline * (1 + self.improve if higher else 1 - self.improve)
        if self.stretch is None:
            return (near, inf) if higher else (0.0, near)
        far = baseline * (1 + self.stretch if higher else 1 - self.stretch)
        return min(near, far), max(near, far)


@dataclass(frozen=True)
class Claim:
    """A plain sentence with the demand that proves or refutes it: exactly one of ``goal`` and ``budget``."""

    text: str
    goal: Goal | None = None
    budget: Budget | None = None

    @property
    def demand(self) -> Goal | Budget:
        """Return the goal or the budget."""
        found = self.goal or self.budget
        if found is None:
            raise ValueError("a claim without a demand")
        return found

    @property
    def metric(self) -> str:
        """Return the metric that decides."""
        return self.demand.metric

    @property
    def requests(self) -> tuple[str, ...]:
        """Return the request names it is about; none are all."""
        return self.demand.requests


@dataclass(frozen=True)
class Scenario:
    """Everything a measurement needs to know. It has ``requests`` or a ``locustfile``, never both.

    ``text`` is the file as written but with secrets masked (safe to store); ``hash`` is its fingerprint over the
    meaning, not the layout. ``count`` says whether instructions are counted. The demands of ``claims`` are among
    ``goals`` and ``budgets``, which alone are judged.
    ``secrets`` are values that must never leave this process except towards the service.
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
    margin: float = 0.03
    max_error_rate: float = 0.01
    responses: Responses = Responses()
    gate: Policy = field(default_factory=Policy)
    feeds: tuple[Feed, ...] = ()
    explain: Explain = Explain()
    locustfile: LocustFile | None = None
    capacity: Capacity = Capacity()
    count: Count = Count()
    checks: Checks = Checks()
    claims: tuple[Claim, ...] = ()
    text: str = field(default="", repr=False)
    hash: str = ""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
