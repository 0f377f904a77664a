"""What was concluded: estimates, comparisons, findings and the verdict. ``analysis`` makes it, ``reports`` draw it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from perfproof.model.instructions import BASIS
from perfproof.model.scenario import Claim, Goal
from perfproof.model.why import Why


class Verdict(StrEnum):
    """The seven answers (docs/glossary.md)."""

    INVALID = "invalid"
    EQUIVALENT = "equivalent"
    MET = "met"
    GOAL_MISSED = "short"
    IMPROVED = "improved"
    REGRESSED = "regressed"
    INCONCLUSIVE = "inconclusive"


Role = Literal["goal", "gate", "shown"]


@dataclass(frozen=True)
class Estimate:
    """A value with its confidence interval and the number of rounds behind it. ``low``/``high`` are None if unknown."""

    value: float
    low: float | None
    high: float | None
    confidence: float | None
    rounds: int


@dataclass(frozen=True)
class Level:
    """A metric of one arm on its own, in the metric's unit."""

    metric: str
    request: str
    arm: str
    unit: str
    estimate: Estimate


@dataclass(frozen=True)
class Comparison:
    """One metric of one request name, candidate against baseline.

    ``change`` is candidate/baseline - 1 and so are ``ci_low`` and ``ci_high``; ``baseline`` and ``candidate`` are in
    ``unit`` and agree with ``change``. Where requests of several kinds are mixed, or paired, the change is ``typical``:
    what each kind's own percentile changed by (in pairs: each request against its twin), weighted by the time its
    requests take; the values are the percentiles of all these requests together, which move otherwise. ``role`` tells
    whether the row carries a goal, guards against regression, or is only shown (exploratory). ``round_changes`` are the
    per-round values behind the interval. ``impact`` orders rows: milliseconds saved (negative: lost) per second of
    traffic. ``notes`` are doubts and advice,
    in plain words. ``accepted`` says why a row that got worse fails nothing (the policy, or a small price); it is empty
    for every other row. ``arm`` names the candidate where several are judged against the first, and is empty elsewhere.
    """

    metric: str
    request: str
    unit: str
    baseline: float | None
    candidate: float | None
    change: float | None
    ci_low: float | None
    ci_high: float | None
    confidence: float | None
    verdict: Verdict
    role: Role
    rounds: int
    goal: Goal | None = None
    stretch_met: bool | None = None
    round_changes: tuple[float, ...] = ()
    impact: float = 0.0
    notes: tuple[str, ...] = ()
    typical: bool = False
    accepted: str = ""
    arm: str = ""


@dataclass(frozen=True)
class BudgetCheck:
    """An absolute limit and the value that was held against it, both in ``unit``.

    Without a value, and where the value's interval has the limit in it, it is neither kept nor broken but open, and
    ``why`` says why and what to do.
    """

    metric: str
    request: str
    arm: str
    unit: str
    limit: float
    value: float | None
    broken: bool
    why: str = ""

    @property
    def open(self) -> bool:
        """Tell whether it could not be measured, or not well enough."""
        return self.value is None or bool(self.why and not self.broken)


ProofState = Literal["proven", "refuted", "open"]


@dataclass(frozen=True)
class Proof:
    """What came of one claim. ``rows`` are those of its metric and requests, ``checks`` those of its budget, if any.

    ``why`` says what keeps it open, and what to do; empty where it is proven or refuted. ``measured_by`` names the part
    of the measurement that its evidence comes from, ``arm`` the version it holds for where there are several.
    """

    claim: Claim
    state: ProofState
    measured_by: str
    rows: tuple[Comparison, ...] = ()
    checks: tuple[BudgetCheck, ...] = ()
    why: str = ""
    arm: str = ""


@dataclass(frozen=True)
class Finding:
    """Something proven, with the evidence as plain JSON values and one sentence for people."""

    kind: str
    request: str
    severity: Literal["info", "warning", "error"]
    summary: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fact:
    """One line of the comparability table: what, on the baseline, on the candidate."""

    name: str
    baseline: str
    candidate: str

    @property
    def differs(self) -> bool:
        """Tell whether the two sides differ."""
        return self.baseline != self.candidate


def basis(facts: Sequence[Fact]) -> dict[str, str]:
    """Return what the candidate's count of instructions rests on; empty where not all of it is known.

    Only counts that rest on the same may be joined in a history.
    """
    known = {fact.name: fact.candidate for fact in facts if fact.name in BASIS}
    return known if len(known) == len(BASIS) else {}


ASKED = "asked"
"""The setting, and so the fact, that says how the arms took turns."""


@dataclass(frozen=True)
class Comparability:
    """What was compared, what differs, and what weakens the claim (plain sentences)."""

    facts: tuple[Fact, ...]
    warnings: tuple[str, ...] = ()

    @property
    def asked(self) -> str:
        """Return how the arms took turns, why, and what that answers; empty where it is not recorded."""
        return next((fact.candidate for fact in self.facts if fact.name == ASKED), "")


@dataclass(frozen=True)
class Curve:
    """A line to draw: points thinned to at most about 400, of one arm (``label``)."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class Detail:
    """Charts of one request name (or ``all``), already computed; x and y units are named by the chart's key.

    ``ecdf``: ms -> share of requests; ``percentiles``: percentile -> ms, cut where fewer than 10 samples remain;
    ``service_time``: percentile -> ms without the waiting before sending; ``latency_over_time``: s -> ms (block p50);
    for ``all`` also ``cpu_over_time``: s -> ms per request, ``memory_over_time``: s -> bytes.
    ``counts`` holds, per arm: sent, completed, failed, dropped, late.
    """

    request: str
    charts: Mapping[str, tuple[Curve, ...]]
    counts: Mapping[str, Mapping[str, int]]
    errors: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class SizeFigures:
    """What one arm needed for one request at one size. ``queries`` and ``most`` differ when the count varies."""

    size: int | None
    rows: int | None
    queries: int | None
    most: int | None
    rows_fetched: int | None
    db_ms: float | None
    bytes: int


@dataclass(frozen=True)
class StatementChange:
    """One statement of one request on both arms: calls at each size (aligned with ``QueryDetail.sizes``) and slopes.

    A side is empty where the arm does not run it. ``change`` says what became of it; ``same`` on a single arm.
    ``baseline_rows`` and ``candidate_rows`` are what it returned or changed at the largest size, None if unknown.
    """

    key: str
    text: str
    change: Literal["gone", "new", "count changed", "slope changed", "same"]
    baseline: tuple[int, ...] = ()
    candidate: tuple[int, ...] = ()
    baseline_slope: float | None = None
    candidate_slope: float | None = None
    caller: str = ""
    baseline_rows: int | None = None
    candidate_rows: int | None = None


@dataclass(frozen=True)
class QueryDetail:
    """Everything counted of one request: figures by arm and size, and its statements by weight."""

    request: str
    sizes: tuple[int | None, ...]
    figures: Mapping[str, tuple[SizeFigures, ...]]
    statements: tuple[StatementChange, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProbedAnswer:
    """What one arm answered to one request at one size (None: it has no ``scale``), asked alone.

    ``bytes`` is the body as it came, ``ms`` the median time, which is no measurement: the service had just started.
    ``alike`` tells whether the arms answered alike, None where that was not compared.
    """

    request: str
    size: int | None
    arm: str
    status: int
    bytes: int
    rows: int | None
    ms: float | None
    alike: bool | None = None


@dataclass(frozen=True)
class ProbeResult:
    """What probing alone showed, without any load. ``sources`` say by arm where was counted, in plain sentences."""

    scenario: str
    arms: tuple[str, ...]
    sources: Mapping[str, tuple[str, ...]]
    queries: tuple[QueryDetail, ...]
    levels: tuple[Level, ...]
    budgets: tuple[BudgetCheck, ...]
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    exit_code: int
    answers: tuple[ProbedAnswer, ...] = ()


@dataclass(frozen=True)
class CapacityStep:
    """One step of a search for the capacity: an arm under ``rate`` requests per second for ``seconds``.

    ``value`` is the figure that the first latency budget limits (None: nothing completed), ``served`` the median
    service time (ms), ``errors`` the share of requests that failed. A step that was not ``kept`` says ``why``;
    ``limited`` is what kept the service from being put to the test, if something did.
    """

    arm: str
    start: int
    rate: float
    seconds: float
    value: float | None
    errors: float
    kept: bool
    limited: Literal["", "generator", "connections"] = ""
    why: str = ""
    served: float | None = None


@dataclass(frozen=True)
class CapacityEstimate:
    """The highest rate of one arm that keeps the budgets, with its interval over fresh starts.

    ``starts`` is the rate of each start. ``bound`` says that the rate is not the knee itself: it lies higher
    (``at least``) or lower (``below``), for the reason ``why``.
    """

    arm: str
    estimate: Estimate
    starts: tuple[float, ...]
    bound: Literal["", "at least", "below"] = ""
    why: str = ""


@dataclass(frozen=True)
class CapacitySearch:
    """A search for the highest rate that keeps budgets: ``metric`` limited to ``limit`` is what its chart shows."""

    metric: str
    unit: str
    limit: float
    knees: tuple[CapacityEstimate, ...]
    steps: tuple[CapacityStep, ...]


DAY = 86_400.0
"""Seconds of a day."""
MANY_REQUESTS = 1_000_000.0
"""The requests that a change is reckoned over where no rate says how many a day has."""


@dataclass(frozen=True)
class Saving:
    """What a stretch of traffic takes of one thing on both sides, in ``unit``; ``saved`` < 0 where it takes more.

    ``low`` and ``high`` are the ends of the interval of ``saved``, None for what is counted; ``sure`` tells whether it
    is told apart from nothing. Of ``partial`` ones some requests were not counted: these are left out on both sides.
    """

    what: Literal["waiting", "cpu", "queries"]
    unit: Literal["ms", "queries"]
    baseline: float
    candidate: float
    saved: float
    low: float | None
    high: float | None
    sure: bool
    partial: bool = False


@dataclass(frozen=True)
class Traffic:
    """What the change is worth: ``requests`` in the mix that was measured, of both sides.

    That is a day at ``rate`` requests per second where the scenario gives one, else (``rate`` None) a million.
    """

    rate: float | None
    requests: float
    savings: tuple[Saving, ...]


@dataclass(frozen=True)
class Versus:
    """Two candidates of one run against each other: ``row`` is ``second`` against ``first``, from their own pairs."""

    first: str
    second: str
    row: Comparison


@dataclass(frozen=True)
class Ranking:
    """Which version is best by one metric of all requests, from the intervals of every two versions.

    ``best`` are those that no other is proven better than, in the run's order: one where that is decided, several where
    it is open or they are alike. ``sentence`` says so in plain words. ``versus`` are the candidates two by two, their
    intervals corrected for the number of such pairs.
    """

    metric: str
    best: tuple[str, ...]
    sentence: str
    versus: tuple[Versus, ...] = ()

    @property
    def decided(self) -> bool:
        """Tell whether one version is proven the best."""
        return len(self.best) == 1


@dataclass(frozen=True)
class Result:
    """The whole conclusion of an ``ab``, ``compare``, ``noise``, ``capacity``, ``count``, ``checks`` or one ``run``.

    Of more than two versions, ``candidates`` hold the conclusion of each against the first, as a run of these two would
    have it; verdict and exit code are those of the worst, ``comparisons``, ``levels``, ``budgets`` and ``findings`` are
    everybody's (rows name their candidate in ``arm``), and ``ranking`` says which is best. Both are empty otherwise.
    ``proofs`` are what came of the scenario's claims, in its order; of several candidates each has its own.
    """

    kind: Literal["run", "ab", "compare", "noise", "capacity", "count", "checks"]
    scenario: str
    run_ids: tuple[str, ...]
    arms: tuple[str, ...]
    verdict: Verdict
    sentence: str
    exit_code: int
    rounds: int
    planned_rounds: int
    seconds: float
    comparisons: tuple[Comparison, ...]
    levels: tuple[Level, ...]
    budgets: tuple[BudgetCheck, ...]
    findings: tuple[Finding, ...]
    comparability: Comparability
    details: tuple[Detail, ...] = ()
    started_at: str = ""
    advice: str | None = None
    queries: tuple[QueryDetail, ...] = ()
    why: Why | None = None
    capacity: CapacitySearch | None = None
    traffic: Traffic | None = None
    candidates: tuple[Result, ...] = ()
    ranking: Ranking | None = None
    proofs: tuple[Proof, ...] = ()

    @property
    def alone(self) -> bool:
        """Tell whether one arm was measured, so that nothing is compared."""
        return len(self.arms) == 1
