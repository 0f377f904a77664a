"""A gate as OpenMetrics text, for GitLab's metrics report and for Prometheus' textfile collector."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from perfproof.model import formatting
from perfproof.model.gate import GateResult
from perfproof.model.metrics import METRICS

_OUTCOMES = ("passed", "failed", "warned", "skipped")


def to_openmetrics(gate: GateResult) -> str:
    """Return the gate in the OpenMetrics text format 1.0: gauges only, ending in ``# EOF``.

    Values are in the metric's own unit, which is a label: one family holds all metrics, as their names are data here.
    Figures that are not known are left out.
    """
    result = gate.result
    scenario = {"scenario": result.scenario}
    meaning = "Exit code: 0 passed, 1 failed, 3 not decided, 4 invalid."
    text = _family("perfproof_gate_exit_code", meaning, [(scenario, float(gate.exit_code))])
    counts = [(scenario | {"outcome": o}, float(sum(row.outcome == o for row in gate.rows))) for o in _OUTCOMES]
    text += _family("perfproof_gate_checks", "Checks of the gate by outcome.", counts)
    levels = [
        (
            scenario | {"metric": level.metric, "request": level.request, "arm": level.arm, "unit": level.unit},
            level.estimate.value,
        )
        for level in result.levels
    ]
    text += _family("perfproof_value", "A metric of one arm, in the unit of its label.", levels)
    for name, field, meaning in (
        ("perfproof_change_ratio", "change", "Candidate against baseline, minus one."),
        ("perfproof_change_low_ratio", "ci_low", "Lower end of the change's interval."),
        ("perfproof_change_high_ratio", "ci_high", "Upper end of the change's interval."),
    ):
        rows = [
            (
                scenario | {"metric": row.metric, "request": row.request} | ({"arm": row.arm} if row.arm else {}),
                getattr(row, field),
            )
            for row in result.comparisons
            if row.metric in METRICS
        ]
        text += _family(name, meaning, rows)
    return "\n".join([*text, "# EOF"]) + "\n"


def _family(name: str, meaning: str, samples: Iterable[tuple[Mapping[str, str], float | None]]) -> list[str]:
    """Return one family of gauges; nothing if none of its figures is known."""
    known: dict[str, float] = {}
    for labels, value in samples:
        if value is not None and math.isfinite(value):
            inside = ",".join(f'{label}="{_label(text)}"' for label, text in labels.items())
            known[f"{name}{{{inside}}}"] = value  # a series may stand only once
    if not known:
        return []
    lines = [f"{series} {value:.10g}" for series, value in known.items()]
    return [f"# TYPE {name} gauge", f"# HELP {name} {meaning}", *lines]


def _label(text: str) -> str:
    return formatting.plain(text, 200).replace("\\", "\\\\").replace('"', '\\"')
