"""What each request left in the spans that came: whether its trace goes on, and where its time went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perfproof.checks.arm import CheckedArm
from perfproof.checks.telemetry.asking import Sent
from perfproof.telemetry.otlp import SERVER, Span, spent
from perfproof.telemetry.receiver import Heard


def trace_facts(arm: CheckedArm, sent: Sequence[Sent]) -> dict[str, Any]:
    """Add to each request's facts what its spans say; return the facts of all that came."""
    heard = arm.listener
    if not isinstance(heard, Heard):
        return {"heard": False, "why": f"{arm.name} was not started here: write command: in place of url:"}
    ours = {each.trace: each.at for each in sent}
    heard.wait_for(ours, float(arm.settings.get("wait") or 7))
    traces = heard.traces()
    for each in sent:
        facts, spans = each.facts, traces.get(each.trace, [])
        facts["spans"] = len(spans)
        root = _root(spans, each.span)
        facts["followed"] = root is not None
        if root is not None:
            took = spent(root, spans)
            facts["ms"] = [round(part, 3) for part in (took.total, took.own, took.database, took.calls)]
            facts["queries"] = sum(span.statement for span in spans)
    strange = len(traces.keys() - ours.keys())
    problem = next(iter(heard.problems), "")
    return {
        "heard": True,
        "why": "" if traces or not problem else problem,
        "problems": sum(heard.problems.values()),
        "exports": heard.exports,
        "ours": len(traces.keys() & ours.keys()),
        "strange": strange,
    }


def _root(spans: Sequence[Span], parent: str) -> Span | None:
    """Return the span with which the service goes on with a trace: that of its server, right below the client's."""
    below = [span for span in spans if span.parent == parent]
    return next((span for span in below if span.kind == SERVER), below[0] if below else None)
