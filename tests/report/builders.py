"""Results with realistic figures, for every shape a report meets. Deterministic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Literal

import numpy as np

from perfproof.model.metrics import ALL, METRICS
from perfproof.model.result import (
    BudgetCheck,
    Comparability,
    Comparison,
    Curve,
    Detail,
    Estimate,
    Fact,
    Finding,
    Level,
    QueryDetail,
    Result,
    SizeFigures,
    StatementChange,
    Verdict,
)
from perfproof.model.scenario import Goal

NAMES = (
    "list projects",
    "GET /projects/{id}/records?sort=created&order=desc",
    "dashboard",
    "log in",
    "export records",
    "health",
)
CHANGES = (-0.241, -0.72, -0.312, 0.004, 0.061, -0.012)
WIDTHS = (0.02, 0.012, 0.035, 0.011, 0.03, 0.06)
BASES = (12.3, 84.0, 41.7, 6.2, 233.0, 0.84)
PERCENTILES = (0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.8, 99.9)
GOAL = Goal("latency_p95", 0.2, 0.3)


def verdict_of(change: float, low: float, high: float, goal: Goal | None) -> Verdict:
    """Follow docs/glossary.md closely enough for a believable report."""
    if low > -0.05 and high < 0.05:
        return Verdict.EQUIVALENT
    if goal and high <= -goal.improve:
        return Verdict.MET
    if high < 0:
        return Verdict.GOAL_MISSED if goal and low > -goal.improve else Verdict.IMPROVED
    return Verdict.REGRESSED if low > 0 and change >= 0.02 else Verdict.INCONCLUSIVE


def comparison(metric: str, request: str, base: float, change: float, width: float, **fields: Any) -> Comparison:
    goal = fields.pop("goal", None)
    low, high = change - width, change + width
    values: dict[str, Any] = {
        "metric": metric,
        "request": request,
        "unit": METRICS[metric].unit if metric in METRICS else "",
        "baseline": base,
        "candidate": base * (1 + change),
        "change": change,
        "ci_low": low,
        "ci_high": high,
        "confidence": 0.95,
        "verdict": verdict_of(change, low, high, goal),
        "role": "goal" if goal else "gate",
        "rounds": 12,
        "goal": goal,
        "stretch_met": None if goal is None else high <= -(goal.stretch or 1.0),
        "round_changes": tuple(round(change + width * np.sin(7 * n + len(request)), 5) for n in range(12)),
    }
    return Comparison(**(values | fields))


def curves(base: float, change: float, arms: Sequence[str], seed: int, whole: bool) -> dict[str, tuple[Curve, ...]]:
    return dict(_curves(base, change, tuple(arms), seed, whole))


@cache
def _curves(base: float, change: float, arms: Sequence[str], seed: int, whole: bool) -> dict[str, tuple[Curve, ...]]:
    generator = np.random.default_rng(seed)
    charts: dict[str, list[Curve]] = {}
    for arm, factor in zip(arms, (1.0, 1.0 + change), strict=False):
        latency = np.sort(base * factor * generator.lognormal(0.0, 0.45, 6000) + 0.2)
        shares = np.linspace(0.0, 1.0, 400)
        charts.setdefault("ecdf", []).append(_curve(arm, np.quantile(latency, shares), shares))
        charts.setdefault("percentiles", []).append(_curve(arm, PERCENTILES, np.percentile(latency, PERCENTILES)))
        own = np.percentile(latency, PERCENTILES) * 0.93
        charts.setdefault("service_time", []).append(_curve(arm, PERCENTILES, own))
        seconds = np.arange(96) * 1.05
        wobble = base * factor * (1 + 0.05 * generator.standard_normal(96) + 0.06 * (seconds > 60))
        charts.setdefault("latency_over_time", []).append(_curve(arm, seconds, wobble))
        if whole:
            cpu = 4.1 * factor * (1 + 0.04 * generator.standard_normal(96))
            charts.setdefault("cpu_over_time", []).append(_curve(arm, seconds, cpu))
            memory = 86e6 * (0.5 + 0.5 * factor) * (1 + 0.0006 * (np.arange(400) % 34))
            charts.setdefault("memory_over_time", []).append(_curve(arm, np.arange(400) * 0.25, memory))
    return {key: tuple(found) for key, found in charts.items()}


def _curve(label: str, x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> Curve:
    return Curve(label, tuple(float(v) for v in x), tuple(float(v) for v in y))


def detail(request: str, base: float, change: float, arms: Sequence[str], seed: int, **fields: Any) -> Detail:
    sent = 4800 + 13 * seed
    values: dict[str, Any] = {
        "request": request,
        "charts": curves(base, change, arms, seed, request == ALL),
        "counts": {a: {"sent": sent, "completed": sent - 2, "failed": 2, "dropped": 0, "late": 3} for a in arms},
        "errors": {arms[-1]: {"500 Internal Server Error": 2}},
    }
    return Detail(**(values | fields))


def facts(*, differing: bool = True) -> tuple[Fact, ...]:
    same = {
        "cpu": "AMD EPYC 7B13, 2 cores",
        "memory": "3.8 GiB",
        "kernel": "6.1.0-28-amd64",
        "generator cores": "0",
        "service cores": "1",
        "load": "open, 100/s, Poisson arrivals",
        "python": "3.11.7",
        "perfproof": "0.1.0",
    }
    different = (
        Fact("command", "uvicorn app:app --port {port}", "uvicorn app:app --port {port} --http httptools"),
        Fact("EAGER", "0", "1"),
    )
    return (different if differing else ()) + tuple(Fact(name, text, text) for name, text in same.items())


def make_result(names: Sequence[str] = NAMES, **fields: Any) -> Result:
    """Return an ``ab`` of two arms with a goal on p95, gates on p50, and every chart."""
    arms = ("baseline", "candidate")
    found = [
        comparison("latency_p50", ALL, 31.4, -0.268, 0.014),
        comparison("latency_p95", ALL, 118.0, -0.241, 0.0195, goal=GOAL, impact=760.0),
        comparison("cpu_per_request", ALL, 8.42, -0.197, 0.012),
        comparison("memory_peak", ALL, 86_400_000, -0.034, 0.008),
        comparison("memory_growth", ALL, 21_400, 0.18, 0.61, role="shown"),
        replace(comparison("error_rate", ALL, 0.0, 0.0, 0.0, ci_low=None, ci_high=None), change=None),
    ]
    details = [detail(ALL, 31.4, -0.268, arms, 99)]
    for at, name in enumerate(names):
        base, change, width = BASES[at % 6], CHANGES[at % 6], WIDTHS[at % 6]
        impact = -base * change * 20 / (1 + at // 6)
        found.append(comparison("latency_p50", name, base, change, width, impact=impact))
        notes = ("about 18 more rounds would settle it",) if width > 0.05 else ()
        row = comparison("latency_p95", name, base * 2.3, change * 0.96, width * 1.7, goal=GOAL, impact=impact * 2)
        found.append(Comparison(**(row.__dict__ | {"notes": notes})))
        found.append(comparison("latency_p99", name, base * 4.1, change * 0.9, width * 6, role="shown", impact=impact))
        details.append(detail(name, base, change, arms, at + 1))
    values: dict[str, Any] = {
        "kind": "ab",
        "scenario": "projects",
        "run_ids": ("20261123-061502-projects-9f3a",),
        "arms": arms,
        "verdict": Verdict.GOAL_MISSED,
        "sentence": (
            "Goal missed: p95 of 3 of 6 requests fell by 20 % or more (95 % CI of all: −26.0 to −22.1 %); "
            "export records rose by 6 %; memory −3.4 %."
        ),
        "exit_code": 1,
        "rounds": 12,
        "planned_rounds": 12,
        "seconds": 148.2,
        "comparisons": tuple(found),
        "levels": tuple(levels(arms, names)),
        "budgets": (
            BudgetCheck("latency_p95", ALL, "candidate", "ms", 500.0, 89.6, False),
            BudgetCheck("latency_p95", "export records", "candidate", "ms", 200.0, 568.0, True),
            BudgetCheck("error_rate", ALL, "candidate", "ratio", 0.01, 0.0004, False),
        ),
        "findings": (
            Finding(
                "response_changed",
                "dashboard",
                "warning",
                "The response of the candidate has one field less: $.totals.cached.",
                {"removed": ["$.totals.cached"], "sizes": {"baseline": 2310, "candidate": 2287}},
            ),
            Finding("cores", ALL, "info", "Generator and service ran on different cores.", {"generator": [0]}),
        ),
        "comparability": Comparability(
            facts(), ("The machine had other work: 3.1 % of its time was stolen in round 7.",)
        ),
        "details": tuple(details),
        "started_at": "2026-11-23T06:15:02+00:00",
        "advice": "Look at export records first: it lost 14.2 ms per request.",
    }
    return Result(**(values | fields))


def levels(arms: Sequence[str], names: Sequence[str]) -> list[Level]:
    found = []
    for arm in arms:
        for metric, base in (("latency_p50", 31.4), ("latency_p95", 118.0), ("cpu_per_request", 8.42)):
            found.append(Level(metric, ALL, arm, "ms", Estimate(base, base * 0.98, base * 1.02, 0.95, 12)))
        found.append(Level("memory_peak", ALL, arm, "bytes", Estimate(86.4e6, 86.1e6, 86.7e6, 0.95, 12)))
        found.append(Level("error_rate", ALL, arm, "ratio", Estimate(0.0004, None, None, None, 12)))
        for at, name in enumerate(names):
            for metric, factor in (
                ("latency_p50", 1.0),
                ("latency_mean", 1.1),
                ("latency_p95", 2.3),
                ("latency_p99", 4),
            ):
                base = BASES[at % 6] * factor
                found.append(Level(metric, name, arm, "ms", Estimate(base, base * 0.97, base * 1.03, 0.95, 12)))
            found.append(Level("error_rate", name, arm, "ratio", Estimate(0.0, None, None, None, 12)))
    return found


def make_run(**fields: Any) -> Result:
    """Return a single arm: levels and budgets, nothing compared."""
    arms = ("main",)
    values: dict[str, Any] = {
        "kind": "run",
        "arms": arms,
        "verdict": Verdict.EQUIVALENT,
        "sentence": "Recorded 12 rounds of main: p95 118 ms [116, 120]; 2 of 2 budgets kept.",
        "exit_code": 0,
        "comparisons": (),
        "levels": tuple(levels(arms, NAMES)),
        "budgets": (
            BudgetCheck("latency_p95", ALL, "main", "ms", 500.0, 118.0, False),
            BudgetCheck("error_rate", ALL, "main", "ratio", 0.01, 0.0004, False),
        ),
        "findings": (),
        "comparability": Comparability(facts(differing=False)),
        "details": tuple(
            [detail(ALL, 31.4, 0.0, arms, 99)] + [detail(n, BASES[i], 0.0, arms, i + 1) for i, n in enumerate(NAMES)]
        ),
        "advice": "Change something, then `perfproof run SCENARIO --label after` and `perfproof compare main after`.",
    }
    return make_result(**(values | fields))


def make_noise() -> Result:
    """Return identical arms."""
    found = tuple(
        comparison(row.metric, row.request, row.baseline or 0.0, 0.003, 0.012, impact=0.0)
        for row in make_result().comparisons
        if row.metric.startswith("latency")
    )
    return make_result(
        kind="noise",
        verdict=Verdict.EQUIVALENT,
        sentence="Identical arms: this machine sees changes of p50 from 1.6 % and of p95 from 4.2 % in 12 rounds.",
        exit_code=0,
        comparisons=found,
        budgets=(),
        findings=(),
        comparability=Comparability(facts(differing=False)),
        advice=None,
    )


def make_invalid() -> Result:
    """Return a measurement that broke at once: no rounds, nothing known."""
    gone = comparison("latency_p95", ALL, 1.0, 0.0, 0.0)
    unknown = {"baseline": None, "candidate": None, "change": None, "ci_low": None, "ci_high": None, "confidence": None}
    row = Comparison(**(gone.__dict__ | unknown | {"verdict": Verdict.INVALID, "rounds": 0, "round_changes": ()}))
    return make_result(
        verdict=Verdict.INVALID,
        sentence="Nothing can be said: the candidate died in round 1 (exit code 137).",
        exit_code=4,
        rounds=0,
        seconds=3.1,
        comparisons=(row,),
        levels=(Level("latency_p95", ALL, "candidate", "ms", Estimate(float("nan"), None, None, None, 0)),),
        budgets=(BudgetCheck("latency_p95", ALL, "candidate", "ms", 500.0, None, False),),
        findings=(Finding("died", ALL, "error", "The candidate ended with exit code 137 in round 1.", {"exit": 137}),),
        comparability=Comparability(()),
        details=(Detail(ALL, {}, {}),),
        advice="Read candidate.log in the run directory.",
    )


def make_empty(kind: Literal["run", "ab", "compare", "noise"] = "ab") -> Result:
    """Return a result in which everything that may be empty is."""
    return Result(
        kind=kind,
        scenario="",
        run_ids=(),
        arms=(),
        verdict=Verdict.INCONCLUSIVE,
        sentence="Nothing was measured.",
        exit_code=3,
        rounds=0,
        planned_rounds=0,
        seconds=0.0,
        comparisons=(),
        levels=(),
        budgets=(),
        findings=(),
        comparability=Comparability(()),
    )


SIZES = (1, 10, 50)
QUERIES = QueryDetail(
    "list projects",
    SIZES,
    {
        "baseline": tuple(SizeFigures(n, n, n + 1, n + 1, 2 * n, 0.5, 100 * n) for n in SIZES),
        "candidate": tuple(SizeFigures(n, n, 2, 2 + (n == 50), 2 * n, None, 100 * n) for n in SIZES),
    },
    (
        StatementChange("k1", "select * from owners where id = ?", "gone", (1, 10, 50), (), 1.0, None, "app.py:7 show"),
        StatementChange("k2", "select <script>alert(1)</script> from t", "new", (), (1, 1, 1), None, 0.0),
        StatementChange("k3", "select 1", "same", (1, 1, 1), (1, 1, 1), 0.0, 0.0),
    ),
    ("agent 12, database 14",),
)

HOSTILE = (
    "<script>alert(1)</script>",
    '"]]>--></svg></details></style></script>',
    "\x1b[31mred\x1b[0m\x00\x07",
    "\u202egnp.exe\udcff",
    "{{ 7 * 7 }} $x^2$ _a_ %s [bold]b[/bold]",
    "x" * 10_000,
)


def make_hostile() -> Result:
    """Return a result whose names, errors and facts try to break out of every format."""
    plain = make_result(names=HOSTILE)
    errors = {"candidate": {f"{HOSTILE[at % 6]} {at}": 1 + at % 7 for at in range(12_400)}}
    return make_result(
        names=HOSTILE,
        scenario=HOSTILE[0],
        sentence=f"Goal missed: {HOSTILE[0]} {HOSTILE[2]}",
        details=tuple(Detail(d.request, d.charts, d.counts, errors) for d in plain.details),
        findings=tuple(Finding("odd", name, "warning", f"Saw {name}", {name: [name]}) for name in HOSTILE),
        comparability=Comparability(tuple(Fact(n, n, n + "!") for n in HOSTILE), HOSTILE),
        advice=HOSTILE[1],
    )
