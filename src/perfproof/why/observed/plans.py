"""How the databases of an arm would run its slowest statements; one file per system beside this one.

A statement is explained as its fingerprint is written: without a literal, so that no value of a user is needed, and
with the plan that the database would choose without knowing one. Nothing is ever run (no ANALYZE).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from perfproof.model.levers import QueryPlan
from perfproof.model.probe import Probing, RepeatedCount

SMALL_TABLE = 1000
"""Rows below which reading a whole table costs so little that the database may not care for an index."""
PER_REQUEST, AT_MOST = 3, 12
"""Statements explained of each request, and of all of them."""
EXPLAINED = ("select", "with", "insert", "update", "delete", "values", "table", "replace")


@dataclass(frozen=True)
class Explained:
    """One plan: a line a node, indented by depth; tables read from end to end with their rows (None: not known)."""

    shape: tuple[str, ...]
    scanned: Mapping[str, int | None] = field(default_factory=dict)
    cost: float | None = None


class Explainer(Protocol):
    """A database that can be asked how it would run a statement."""

    def explain(self, text: str) -> Explained | str:
        """Return the plan of a fingerprint's text, or why there is none."""

    def close(self) -> None:
        """End the connection."""


@dataclass(frozen=True)
class WantedPlan:
    """A statement to explain: of which request, and what the probe counted of it on this arm (None: it did not run)."""

    request: str
    key: str
    text: str
    count: RepeatedCount | None


def slowest(probing: Probing, arm: str) -> list[WantedPlan]:
    """Return the statements to explain on ``arm``: the slowest of every request, on whichever arm they are.

    Both arms explain the same ones, as far as they run them: the plan of a statement that is slow before and quick
    after is what tells. Time is that at the request's largest size; where nobody knows it, the number of calls is.
    """
    found: dict[tuple[str, str], float] = {}
    counts: dict[tuple[str, str, str], RepeatedCount] = {}
    for each in probing.arms:
        for request in each.requests:
            largest = request.sizes[-1] if request.sizes else None
            mine = [one for one in (largest.statements if largest else None) or () if one.application]
            ranked = sorted(mine, key=lambda one: (one.count.time_ns or 0, one.count.calls), reverse=True)
            for one in mine:
                counts[each.arm, request.request, one.count.statement.key] = one
            for one in [one for one in ranked if _explainable(one)][:PER_REQUEST]:
                place = request.request, one.count.statement.key
                found[place] = max(found.get(place, 0), one.count.time_ns or one.count.calls)
    texts = {key: one.count.statement.text for (_, _, key), one in counts.items()}
    first = sorted(found, key=lambda place: -found[place])[:AT_MOST]
    return [
        WantedPlan(request, key, texts[key], counts[arm, request, key])
        for request, key in first
        if (arm, request, key) in counts
    ]


def _explainable(one: RepeatedCount) -> bool:
    return one.count.statement.text.partition(" ")[0].strip("(") in EXPLAINED


def plans_of(
    wanted: Sequence[WantedPlan], explainers: Sequence[Explainer]
) -> tuple[tuple[QueryPlan, ...], tuple[str, ...]]:
    """Return the plan of each statement from the first database that knows its tables, and notes on the others."""
    known: dict[str, Explained | str] = {}
    plans: list[QueryPlan] = []
    notes: list[str] = []
    for one in wanted:
        if one.key not in known:
            known[one.key] = _first(one.text, explainers)
        explained = known[one.key]
        if isinstance(explained, str):
            notes.append(f"no plan of `{shortened(one.text)}`: {explained}")
            continue
        rows = {table: count or 0 for table, count in explained.scanned.items()}
        small = bool(rows) and all(count is not None and count < SMALL_TABLE for count in explained.scanned.values())
        counted = one.count.count if one.count is not None else None
        plans.append(
            QueryPlan(
                request=one.request,
                fingerprint=one.key,
                text=one.text,
                shape=explained.shape,
                scanned=rows,
                cost=explained.cost,
                small=small,
                calls=counted.calls if counted else 0,
                ns=counted.time_ns if counted else None,
            )
        )
    return tuple(plans), tuple(dict.fromkeys(notes))


def _first(text: str, explainers: Sequence[Explainer]) -> Explained | str:
    problem = "no database of the service could be asked"
    for explainer in explainers:
        explained = explainer.explain(text)
        if not isinstance(explained, str):
            return explained
        problem = explained
    return problem


def shortened(text: str, most: int = 80) -> str:
    """Return the beginning of a statement, to name it by."""
    return text if len(text) <= most else text[: most - 3] + "..."
