"""A result as gauges: what Prometheus' text and OTLP are both made of, and what the Grafana dashboard asks for.

Every figure is data, so one family holds all metrics, and its labels say which; values are in the unit of the label
``unit``. A run's id is a label of ``perfproof_run_info`` alone: on every series it would make each run new series.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from perfproof.model import formatting
from perfproof.model.result import Result

Family = tuple[str, str, Sequence[tuple[Mapping[str, str], float | None]]]
_CHANGES = (
    ("perfproof_change_ratio", "change", "Candidate against baseline, minus one."),
    ("perfproof_change_low_ratio", "ci_low", "Lower end of the change's interval."),
    ("perfproof_change_high_ratio", "ci_high", "Upper end of the change's interval."),
)
_ENDS = (("perfproof_value_low", "low"), ("perfproof_value_high", "high"))


@dataclass(frozen=True)
class Gauge:
    """One family: its name, what it means, and its samples by their labels."""

    name: str
    meaning: str
    samples: tuple[tuple[Mapping[str, str], float], ...]


def gauges(result: Result) -> list[Gauge]:
    """Return everything that a result says in numbers; figures that are not known are left out."""
    scenario = {"scenario": _plain(result.scenario)}
    candidate = result.arms[-1] if result.arms else ""
    verdict = scenario | {"verdict": result.verdict.value}
    found: list[Family] = [
        ("perfproof_exit_code", "0 passed, 1 failed, 3 not decided, 4 invalid.", [(scenario, float(result.exit_code))]),
        ("perfproof_verdict", "The verdict of the last run, as a label.", [(verdict, 1.0)]),
        ("perfproof_run_info", "The last run, as labels.", [(scenario | _about(result), 1.0)]),
        ("perfproof_run_started_timestamp_seconds", "When the last run began.", [(scenario, _started(result))]),
        ("perfproof_rounds", "Rounds that the last run measured.", [(scenario, float(result.rounds))]),
    ]
    levels = [
        (
            {**scenario, "metric": each.metric, "request": each.request, "arm": each.arm, "unit": each.unit},
            each.estimate,
        )
        for each in result.levels
    ]
    found.append(("perfproof_value", "A metric of one arm.", [(labels, each.value) for labels, each in levels]))
    for name, end in _ENDS:
        meaning = f"The {end}er end of the interval of a metric of one arm."
        found.append((name, meaning, [(labels, getattr(each, end)) for labels, each in levels]))
    rows = [
        ({**scenario, "metric": row.metric, "request": row.request, "arm": row.arm or candidate, "role": row.role}, row)
        for row in result.comparisons
    ]
    for name, field, meaning in _CHANGES:
        found.append((name, meaning, [(labels, getattr(row, field)) for labels, row in rows]))
    meaning = "The verdict on one metric, as a label."
    found.append(
        ("perfproof_row_verdict", meaning, [(labels | {"verdict": row.verdict.value}, 1.0) for labels, row in rows])
    )
    goals = [(labels, row.goal.improve) for labels, row in rows if row.goal is not None]
    found.append(("perfproof_goal_ratio", "The improvement that a goal asks for.", goals))
    budgets = [
        ({**scenario, "metric": each.metric, "request": each.request, "arm": each.arm, "unit": each.unit}, each)
        for each in result.budgets
    ]
    found.append(
        ("perfproof_budget_limit", "The limit of a budget.", [(labels, each.limit) for labels, each in budgets])
    )
    broken = [(labels, float(each.broken)) for labels, each in budgets]
    found.append(("perfproof_budget_broken", "1 where a budget is broken.", broken))
    opened = [(labels, float(each.open)) for labels, each in budgets]
    found.append(("perfproof_budget_open", "1 where a budget could not be held against anything.", opened))
    made = [Gauge(name, meaning, _known(samples)) for name, meaning, samples in found]
    return [each for each in made if each.samples]


def _about(result: Result) -> dict[str, str]:
    return {
        "run": _plain(" ".join(result.run_ids)),
        "kind": result.kind,
        "arms": _plain(" ".join(result.arms)),
        "verdict": result.verdict.value,
    }


def _started(result: Result) -> float | None:
    return datetime.fromisoformat(result.started_at).timestamp() if result.started_at else None


def _known(samples: Iterable[tuple[Mapping[str, str], float | None]]) -> tuple[tuple[Mapping[str, str], float], ...]:
    """Return what is known, each series once: an exporter that tells one twice is refused whole."""
    found: dict[tuple[tuple[str, str], ...], float] = {}
    for labels, value in samples:
        if value is not None and math.isfinite(value):
            found[tuple((key, _plain(text)) for key, text in labels.items())] = value
    return tuple((dict(labels), value) for labels, value in found.items())


def _plain(text: str) -> str:
    return formatting.plain(text, 200)
