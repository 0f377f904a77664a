"""Results and gates made by hand, for the tests of policy and formats."""

from __future__ import annotations

from typing import Any

from perfproof.model.gate import GateResult
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.policy import Policy
from perfproof.model.result import (
    BudgetCheck,
    Comparability,
    Comparison,
    Curve,
    Detail,
    Estimate,
    Level,
    Result,
    Verdict,
)
from perfproof.model.scenario import Goal
from perfproof.verdict.policy import judge

EVIL = (
    "<script>alert(1)</script>",
    "::error::planted",
    "a%0A::error::planted",
    "##[error]planted",
    '"]]> --> & | ` @team #1 [x](http://evil)',
    "line\nbreak\r::set-output name=x::y",
    "\x1b[31mred\x00\ud800",
)
"""Names that try to be something else: HTML, workflow commands, XML, Markdown, escape sequences."""


def a_row(
    metric: str = "latency_p50",
    request: str = ALL,
    change: float = 0.0,
    verdict: Verdict = Verdict.EQUIVALENT,
    **more: Any,
) -> Comparison:
    values: dict[str, Any] = {
        "metric": metric,
        "request": request,
        "unit": METRICS[metric].unit,
        "baseline": 10.0,
        "candidate": 10.0 * (1 + change),
        "change": change,
        "ci_low": change - 0.01,
        "ci_high": change + 0.01,
        "confidence": 0.95,
        "verdict": verdict,
        "role": "goal" if more.get("goal") else "gate",
        "rounds": 12,
    }
    return Comparison(**(values | more))


def a_result(*rows: Comparison, budgets: tuple[BudgetCheck, ...] = (), **more: Any) -> Result:
    arms = ("baseline", "candidate")
    points = (0.0, 50.0, 90.0, 95.0, 100.0)
    curves = tuple(Curve(arm, points, (1.0, 10.0, 18.0, 20.0, 40.0)) for arm in arms)
    detail = Detail(
        ALL,
        {"percentiles": curves, "service_time": curves},
        {arm: {"sent": 100, "completed": 98, "failed": 2, "dropped": 0, "late": 0} for arm in arms},
    )
    units = {"latency_p50": 10.0, "latency_mean": 11.0, "latency_p95": 20.0, "throughput": 80.0}
    levels = tuple(
        Level(name, ALL, arm, METRICS[name].unit, Estimate(value, value - 1, value + 1, 0.95, 12))
        for arm in arms
        for name, value in units.items()
    )
    values: dict[str, Any] = {
        "kind": "ab",
        "scenario": "shop",
        "run_ids": ("20261123-061502-shop-9f3a",),
        "arms": arms,
        "verdict": Verdict.EQUIVALENT,
        "sentence": "No difference: p50 latency +0.0 % (95 % CI −1.0 to +1.0 %).",
        "exit_code": 0,
        "rounds": 12,
        "planned_rounds": 12,
        "seconds": 61.5,
        "comparisons": rows,
        "levels": levels,
        "budgets": budgets,
        "findings": (),
        "comparability": Comparability(()),
        "details": (detail,),
        "started_at": "2026-11-23T06:15:02+00:00",
    }
    return Result(**(values | more))


def a_budget(value: float | None, limit: float = 500.0, request: str = "item") -> BudgetCheck:
    return BudgetCheck("latency_p95", request, "candidate", "ms", limit, value, value is not None and value > limit)


def every_outcome() -> GateResult:
    """Return a gate with a check of each outcome."""
    rows = (
        a_row(),
        a_row("cpu_per_request", change=0.2, verdict=Verdict.REGRESSED),
        a_row("memory_peak", change=0.3, verdict=Verdict.REGRESSED),
        a_row("latency_p95", "item", 0.1, Verdict.INCONCLUSIVE, notes=("about 3 more rounds would settle it",)),
    )
    from perfproof.model.policy import GateRule

    policy = Policy(rules=(GateRule("memory_*", level="warn"), GateRule("latency_p95", inconclusive="warn")))
    result = a_result(*rows, verdict=Verdict.REGRESSED, exit_code=1, sentence="Regressed: CPU per request +20.0 %.")
    return judge(result, policy)


def evil_gate(copies: int = 1) -> GateResult:
    """Return a failing gate whose request names and scenario try to break out of every format."""
    names = [f"{name} {copy}" if copy else name for copy in range(copies) for name in EVIL]
    rows = [a_row("latency_p95", name, 0.2, Verdict.REGRESSED) for name in names]
    sentence = f"Regressed: p95 latency of {EVIL[0]} and {EVIL[1]}."
    result = a_result(*rows, verdict=Verdict.REGRESSED, exit_code=1, sentence=sentence, scenario=f"shop {EVIL[0]} -->")
    return judge(result, Policy(), notes=(f"Provisional: {EVIL[2]}.",), provisional=True)


__all__ = ["EVIL", "Goal", "a_budget", "a_result", "a_row", "every_outcome", "evil_gate"]
