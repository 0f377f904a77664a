"""Claims as lines: what was claimed, what came of it, and the evidence in few words. Pure; shared by every renderer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perfproof.core.numbers import count_of
from perfproof.model import formatting
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.result import BudgetCheck, Comparison, Proof, ProofState, Result, Verdict
from perfproof.model.scenario import Budget, Claim
from perfproof.report import promises
from perfproof.verdict import display_rows

SIGNS: dict[ProofState, tuple[str, display_rows.Tone]] = {
    "proven": ("✓", "good"),
    "refuted": ("✗", "bad"),
    "open": ("?", "warn"),
}
"""One sign per state, so that colour never carries it alone."""
_URGENCY: tuple[ProofState, ...] = ("refuted", "open", "proven")
_PARTS = {
    "rounds": "timed rounds",
    "probe": "probe",
    "count": "count of instructions",
}
_SECTIONS = {"rounds": "rows", "probe": "queries", "count": "rows"}
"""Where on the page the evidence of a part stands."""


@dataclass(frozen=True)
class ProofLine:
    """One claim in words. ``values`` are before and after, ``change`` and ``interval`` what lies between them.

    ``about`` names metric and requests, ``asked`` the target; ``by`` says which part of the measurement showed it, and
    ``section`` is where on the page to read on. ``why`` says what keeps it open.
    """

    sign: str
    tone: display_rows.Tone
    state: ProofState
    claim: str
    about: str
    asked: str
    values: str
    change: str
    interval: str
    by: str
    section: str
    why: str

    @property
    def figures(self) -> str:
        """Return values, change and interval in one: "25.3 → 11.4 ms, −55.0 % [−57.0, −53.0]"."""
        between = " ".join(part for part in (self.change, self.interval) if part)
        return ", ".join(part for part in (self.values, between) if part)


def lines(result: Result) -> list[ProofLine]:
    """Return the claims in the scenario's order; of several candidates each of them in turn, by its name."""
    return [_line(proof) for proof in result.proofs]


def most_urgent(found: Sequence[ProofLine], most: int) -> tuple[list[ProofLine], int]:
    """Return at most so many lines in their order, the refuted and the open first to be kept; and how many are left."""
    ranked = sorted(range(len(found)), key=lambda at: (_URGENCY.index(found[at].state), at))
    return [found[at] for at in sorted(ranked[:most])], max(0, len(found) - most)


def tally(result: Result) -> tuple[str, str, display_rows.Tone]:
    """Return the sign, the headline's words and the tone of all claims: "9 of 12 claims proven, 2 refuted, 1 open"."""
    states = [proof.state for proof in result.proofs]
    proven = states.count("proven")
    total = count_of(len(states), "claim")
    told = [f"all {total} proven" if proven == len(states) > 1 else f"{proven} of {total} proven"]
    told += [f"{states.count(state)} {state}" for state in ("refuted", "open") if state in states]
    worst = next(state for state in _URGENCY if state in states)
    return *SIGNS[worst][:1], ", ".join(told), SIGNS[worst][1]


def part(measured_by: str) -> str:
    """Return what a part of a measurement is called: "timed rounds", "rollout check"."""
    return _PARTS.get(measured_by) or f"{measured_by.replace('_', ' ')} check"


def demanded(claim: Claim) -> str:
    """Return what a claim asks for: "20–30 % shorter", "at most 500 ms", "none"."""
    if claim.goal is not None:
        return promises.promised(claim.goal)
    return _limit(claim.budget) if claim.budget is not None else ""


def about(claim: Claim) -> str:
    """Return the metric of a claim and the requests it is about: "p50 latency of list projects"."""
    title = formatting.title(claim.metric)
    names = [promises.name(name) for name in claim.requests if name != ALL]
    if not names:
        return title
    shown = ", ".join(names) if len(names) <= promises.MOST_NAMES else count_of(len(names), "request")
    return f"{title} of {shown}"


def _limit(budget: Budget) -> str:
    unit, metric = METRICS[budget.metric].unit, METRICS[budget.metric]
    if budget.limit == 0 and metric.better == "lower":
        return "none"
    value = formatting.value(budget.limit, unit)
    if metric.better == "higher":
        return value if unit == "ratio" and budget.limit == 1 else f"at least {value}"
    return f"at most {value}"


def _line(proof: Proof) -> ProofLine:
    sign, tone = SIGNS[proof.state]
    text = proof.claim.text.rstrip(".")
    row, check = _weakest(proof)
    values, change, interval = "", "", ""
    exact = METRICS[proof.claim.metric].exact
    if row is not None and (formatting.known(row.baseline) or formatting.known(row.candidate)):
        values = promises.sides(row)
        # A limit on what is counted is held against the figure: that it is 140 % more would only be in the way.
        told = not (exact and proof.claim.budget is not None)
        change = formatting.change(row.change, typical=row.typical) if told else ""
        interval = formatting.interval(row.ci_low, row.ci_high)
    elif check is not None and formatting.known(check.value):
        values = formatting.value(check.value, check.unit)
    if interval in ("", formatting.NOTHING):
        interval = "counted" if values and exact else ""
    return ProofLine(
        sign=sign,
        tone=tone,
        state=proof.state,
        claim=f"{proof.arm}: {text}" if proof.arm else text,
        about=_shown(proof, row, check),
        asked=demanded(proof.claim),
        values=values or "not measured",
        change="" if change == formatting.NOTHING else change,
        interval=interval,
        by=part(proof.measured_by),
        section=_SECTIONS.get(proof.measured_by, "findings"),
        why=proof.why,
    )


def _shown(proof: Proof, row: Comparison | None, check: BudgetCheck | None) -> str:
    """Return metric and request of the figures that are shown: of several requests, those of the weakest."""
    title = formatting.title(proof.claim.metric)
    count = max(len(proof.checks), 0 if proof.checks else len(proof.rows))
    request = check.request if check is not None else row.request if row is not None else ALL
    if request == ALL:
        return title
    of = f"{title} of {promises.name(request)}"
    return f"{of}, the weakest of {count}" if count > 1 else of


def _weakest(proof: Proof) -> tuple[Comparison | None, BudgetCheck | None]:
    """Return the figures that say least for a claim: its row, and of a limit the check with the row of its request."""
    if proof.checks:
        check = min(proof.checks, key=_room)
        return next((row for row in proof.rows if row.request == check.request), None), check
    if not proof.rows:
        return None, None
    return min(proof.rows, key=_strength), None


_STRENGTH = {Verdict.REGRESSED: 0, Verdict.EQUIVALENT: 1, Verdict.GOAL_MISSED: 2, Verdict.MET: 5}


def _strength(row: Comparison) -> tuple[int, float]:
    ends = promises.bounds(row)
    gain = promises.gain(row)
    return _STRENGTH.get(row.verdict, 3), ends[0] if ends else gain if gain is not None else 0.0


def _room(check: BudgetCheck) -> tuple[bool, bool, float]:
    """Return how much of a limit is left: what is broken first, then what is open."""
    value = check.value if check.value is not None else check.limit
    better = METRICS[check.metric].better
    left = (check.limit - value) if better == "lower" else (value - check.limit)
    return not check.broken, not check.open, left
