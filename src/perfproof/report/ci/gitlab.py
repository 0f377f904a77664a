"""The ``load_performance`` report of GitLab: the flat summary that k6 exports, of which the merge request shows four.

GitLab reads ``http_reqs.rate`` (RPS), ``http_req_waiting`` p(90) and p(95) (which it calls TTFB) and ``checks``.
``http_req_waiting`` holds what a request took once it was sent, its body included, and not the time to the first byte
alone; the checks are those of the gate.
"""

from __future__ import annotations

import json

from perfproof.model.formatting import known
from perfproof.model.gate import GateResult
from perfproof.model.metrics import ALL
from perfproof.model.result import Result


def to_load_performance(gate: GateResult) -> str:
    """Return the candidate's (or the only arm's) figures as JSON in k6's flat form; unknown figures are left out.

    There is room for one: of several candidates it is the one whose verdict is the run's, the worst.
    """
    result = next((part for part in gate.result.candidates if part.verdict is gate.result.verdict), gate.result)
    arm = result.arms[-1] if result.arms else ""
    counts = next((dict(detail.counts.get(arm, {})) for detail in result.details if detail.request == ALL), {})
    level = {each.metric: each.estimate.value for each in result.levels if each.arm == arm and each.request == ALL}
    duration = {"avg": level.get("latency_mean"), "med": level.get("latency_p50")}
    duration |= {"p(90)": _percentile(result, "percentiles", arm, 90), "p(95)": level.get("latency_p95")}
    waiting = {"med": _percentile(result, "service_time", arm, 50)}
    waiting |= {f"p({at})": _percentile(result, "service_time", arm, at) for at in (90, 95)}
    sent, failed = counts.get("sent", 0), counts.get("failed", 0)
    passed = sum(row.outcome in ("passed", "warned") for row in gate.rows)
    failing = sum(row.outcome == "failed" for row in gate.rows)
    metrics: dict[str, dict[str, float | None]] = {
        "http_reqs": {"count": sent, "rate": level.get("throughput", _rate(result, counts.get("completed", 0)))},
        "http_req_duration": duration,
        "http_req_waiting": waiting,
        "http_req_failed": {"passes": failed, "fails": sent - failed, "value": failed / sent if sent else None},
    }
    if passed + failing:  # without any, GitLab would divide by zero
        share = passed / (passed + failing)
        metrics["checks"] = {"passes": passed, "fails": failing, "value": share}
    kept = {name: {key: value for key, value in figures.items() if known(value)} for name, figures in metrics.items()}
    # GitLab reads fixed keys of these two without asking whether they are there.
    for name, needed in (("http_reqs", ("rate",)), ("http_req_waiting", ("p(90)", "p(95)"))):
        if not all(key in kept[name] for key in needed):
            del kept[name]
    document = {"metrics": {name: figures for name, figures in kept.items() if figures}, "perfproof": gate.sentence}
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _rate(result: Result, completed: int) -> float | None:
    """Return completed requests per second of load; an open load has no throughput of its own to report."""
    facts = {fact.name: fact.candidate for fact in result.comparability.facts}
    try:
        seconds = result.rounds * float(facts["rounds blocks"]) * float(facts["rounds block"])
    except (KeyError, ValueError):
        return None
    return completed / seconds if seconds else None


def _percentile(result: Result, chart: str, arm: str, percentile: float) -> float | None:
    """Return a percentile (ms) of all requests from a chart's points, interpolated between its neighbours."""
    for detail in result.details:
        if detail.request != ALL:
            continue
        for curve in detail.charts.get(chart, ()):
            if curve.label != arm:
                continue
            for (x0, y0), (x1, y1) in zip(
                zip(curve.x, curve.y, strict=True), zip(curve.x[1:], curve.y[1:], strict=True), strict=False
            ):
                if x0 <= percentile <= x1:
                    return y1 if x1 == x0 else y0 + (y1 - y0) * (percentile - x0) / (x1 - x0)
    return None
