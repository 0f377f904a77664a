"""Puts causes, profile differences and notes into one answer to "why"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from perfproof.core.numbers import count_of, digits, in_unit, listed, percent, upper_first
from perfproof.model.levers import ArmLevers, Causes, HttpFacts, PoolFacts, QueryPlan
from perfproof.model.metrics import ALL, COUNTED
from perfproof.model.profile import ArmProfile, MemoryProfile
from perfproof.model.result import Comparison, QueryDetail, Verdict
from perfproof.model.why import AllocationChange, Cause, ProfileDifference, Why
from perfproof.why.candidate_cause import TIME, Outcomes, Sides, direction
from perfproof.why.causes import causes_of
from perfproof.why.difference import FunctionPairing, differ, pairs
from perfproof.why.levers.code import allocation_changes

MAX_ALLOCATIONS = 40
NAMED = 3
SHOWN_TEXT = 80
"""Letters of a statement within a sentence."""
_NOT_SHOWN = "not shown."


def explain(
    causes: Causes | None,
    rows: Sequence[Comparison],
    queries: Sequence[QueryDetail],
    verdict: Verdict,
    rates: Mapping[str, float] | None = None,
    kind: Literal["run", "ab", "compare", "noise", "count"] = "ab",
    *,
    counted: bool = False,
) -> Why | None:
    """Return why the arms differ, or None for a run without a cause pass.

    ``rates`` are requests per second by request name; without them causes are ranked by time per request alone.
    ``counted`` says that queries were counted, even if none ran.
    """
    if causes is None:
        return None
    profiles, notes = _comparable(causes.profiles)
    notes = [*dict.fromkeys([*_notes(causes), *notes])]
    engines = {each.arm: engine_in_words(each) for each in causes.profiles}
    if kind == "run" or not rows:
        alone = [each for each in causes.profiles if each.engine != "none"][-1:]
        found = differ(alone[0], alone[0]) if alone else ()
        memory = [each for each in causes.memory if each.engine != "none"][-1:]
        allocated = _allocations(memory * 2)
        return Why(_heaviest(found), profiles=found, allocations=allocated, engines=engines, notes=tuple(notes))
    outcomes = Outcomes(rows, rates or {})
    trusted = verdict is not Verdict.INVALID and kind != "noise"
    pairings = pairs(*profiles) if profiles else {}
    claimed, others = causes_of(_sides(causes, pairings, queries, outcomes)) if trusted else ((), ())
    sentence = _sentence(claimed, outcomes, verdict, kind, queries)
    if sentence.endswith(_NOT_SHOWN):
        sentence = f"{sentence} {looked_at(causes, queries, counted=counted)}"
    return Why(
        sentence=sentence,
        causes=claimed,
        unclaimed=others,
        profiles=differ(*profiles, pairings) if profiles else (),
        allocations=_allocations(causes.memory),
        engines=engines,
        notes=tuple(notes),
    )


def _heaviest(found: Sequence[ProfileDifference]) -> str:
    """Return where most of the time of a single arm goes."""
    ranked = sorted(found[0].functions if found else (), key=lambda each: -each.self_candidate)
    if not ranked:
        return "One side alone has nothing to explain."
    name = (
        f"{ranked[0].module}.{ranked[0].function}".lstrip(".")
        if ranked[0].function
        else f"the library {ranked[0].module}"
    )
    libraries = " and the libraries it calls" if ranked[0].libraries else ""
    values = (ranked[0].self_candidate, found[0].candidate)
    if found[0].unit == "instructions":
        share = " of ".join(in_unit(value * 1e6, "instructions") for value in values) + " per request"
        return f"Most of the instructions go to {name}{libraries}: {share}."
    share = f"{digits(values[0], 3)} of {digits(values[1], 3)} ms per request"
    return f"Most of the time goes to {name}{libraries}: {share}."


def across_causes(baseline: Causes | None, candidate: Causes | None, labels: Sequence[str]) -> Causes | None:
    """Return what two recorded runs observed, each of its last arm; None unless both looked for causes."""
    if baseline is None or candidate is None:
        return None
    sides = (baseline, candidate)
    return Causes(
        levers=tuple(replace(s.levers[-1], arm=label) for s, label in zip(sides, labels, strict=True) if s.levers),
        profiles=tuple(
            replace(s.profiles[-1], arm=label) for s, label in zip(sides, labels, strict=True) if s.profiles
        ),
        memory=tuple(replace(s.memory[-1], arm=label) for s, label in zip(sides, labels, strict=True) if s.memory),
        seconds=baseline.seconds + candidate.seconds,
    )


def engine_in_words(profile: ArmProfile) -> str:
    """Return how one arm was profiled: ``pyinstrument, every 1 ms of wall time, for 8 s``."""
    if profile.engine == "none":
        return "not profiled"
    clock = "wall" if profile.clock == "wall" else "CPU"
    interval = f"every {digits(profile.interval_ns / 1e6, 3)} ms of {clock} time"
    counted = profile.clock == "instructions"
    parts = [profile.engine, "every instruction" if counted else interval, f"for {profile.seconds:.0f} s"]
    if profile.unresolved >= 0.01:
        parts.append(f"{percent(profile.unresolved, signed=False)} of the time without a name")
    return ", ".join(parts)


def _comparable(profiles: Sequence[ArmProfile]) -> tuple[tuple[ArmProfile, ArmProfile] | None, list[str]]:
    """Return both arms' profiles if they can be held against each other, and why not."""
    if len(profiles) < 2 or any(each.engine == "none" for each in profiles[:2]):
        return None, []
    one, two = profiles[:2]
    if (one.engine, one.clock) != (two.engine, two.clock):
        told = f"the profiles are not compared: {one.arm} was profiled by {one.engine}, {two.arm} by {two.engine}"
        return None, [told]
    return (one, two), []


def _notes(causes: Causes) -> list[str]:
    """Return the notes of every observer, with the arm where only one arm has them."""
    told: dict[str, list[str]] = {}
    observed: list[ArmLevers | ArmProfile | MemoryProfile] = [*causes.levers, *causes.profiles, *causes.memory]
    for each in observed:
        for note in each.notes:
            told.setdefault(note, []).append(each.arm)
    arms = len({each.arm for each in observed})
    return [note if len(set(where)) == arms else f"{where[0]}: {note}" for note, where in told.items()]


def _sides(
    causes: Causes,
    pairings: Mapping[str, FunctionPairing],
    queries: Sequence[QueryDetail],
    outcomes: Outcomes,
) -> list[Sides]:
    """Return everything known of each request name, and of all."""
    levers = causes.levers[:2] if len(causes.levers) >= 2 else (ArmLevers(""), ArmLevers(""))
    names = dict.fromkeys([*(row.request for row in outcomes.rows), *(each.request for each in levers[1].http)])
    names = dict.fromkeys([ALL, *names])
    memory = causes.memory[:2] if len(causes.memory) >= 2 else ()
    return [
        Sides(
            request=name,
            outcomes=outcomes,
            http=(_http(levers[0], name), _http(levers[1], name)),
            plans=(_plans(levers[0], name), _plans(levers[1], name)),
            pools=(_pool(levers[0]), _pool(levers[1])),
            queries=next((each for each in queries if each.request == name), None),
            profile=pairings.get(name),
            memory=(memory[0], memory[1]) if memory else (None, None),
        )
        for name in names
    ]


def _http(levers: ArmLevers, request: str) -> HttpFacts | None:
    return next((each for each in levers.http if each.request == request), None)


def _plans(levers: ArmLevers, request: str) -> tuple[QueryPlan, ...]:
    return tuple(plan for plan in levers.plans if plan.request == request)


def _pool(levers: ArmLevers) -> PoolFacts | None:
    """Return the source that knows most."""
    return max(
        levers.pools,
        key=lambda pool: sum(each is not None for each in (pool.opened, pool.waited_ns, pool.checkouts, pool.in_use)),
        default=None,
    )


def _allocations(memory: Sequence[MemoryProfile]) -> tuple[AllocationChange, ...]:
    return allocation_changes(memory[0], memory[1])[:MAX_ALLOCATIONS] if len(memory) >= 2 else ()


def _sentence(
    claimed: Sequence[Cause], outcomes: Outcomes, verdict: Verdict, kind: str, queries: Sequence[QueryDetail]
) -> str:
    """Return the one sentence, which ends honestly where nothing is shown."""
    if verdict is Verdict.INVALID:
        return "The measurement is invalid, so no cause is named."
    if kind == "noise":
        return "Both sides are the same, so there is nothing to explain."
    if claimed:
        named = _named(claimed)
        more = [f"and {count_of(len(named) - NAMED, 'more lever')}"] if len(named) > NAMED else []
        return f"{'; '.join([*named[:NAMED], *more])}."
    # A row that is only shown may have moved by chance, as one of many does: where nothing is decided, it is no news.
    decided = verdict not in (Verdict.INCONCLUSIVE, Verdict.EQUIVALENT)
    settled = [row for row in outcomes.rows if direction(row) and (decided or row.role != "shown")]
    moved = [row for row in settled if row.metric in TIME]
    ways = {direction(row) for row in moved}
    if ways == {-1}:
        return f"Faster, cause {_NOT_SHOWN}"
    if ways == {1}:
        return f"Slower, cause {_NOT_SHOWN}"
    if ways:
        return f"Some figures fell and others rose, cause {_NOT_SHOWN}"
    counted = {direction(row) for row in settled if row.metric == COUNTED}
    if len(counted) == 1:
        return f"{'Fewer' if counted == {-1} else 'More'} instructions, cause {_NOT_SHOWN}"
    if settled:
        counts = [row for row in settled if row.metric == "queries_per_request"]
        if counts and (statement := _statement_of(counts, queries)):
            return f"Time did not move; {statement}."
        return f"Time did not move; of what did, the cause is {_NOT_SHOWN}"
    if verdict is Verdict.EQUIVALENT:
        return "No difference, so there is nothing to explain."
    return "Nothing moved for sure, so there is nothing to explain yet."


def _statement_of(counts: Sequence[Comparison], queries: Sequence[QueryDetail]) -> str:
    """Return the statement that a request has more or fewer of, where it moved most; "" where none is known."""
    row = max(counts, key=lambda each: abs((each.candidate or 0.0) - (each.baseline or 0.0)))
    detail = next((each for each in queries if each.request == row.request), None)
    moved = [
        (after - before, before, after, each.text)
        for each in (detail.statements if detail is not None else ())
        for before, after in [(each.baseline[-1] if each.baseline else 0, each.candidate[-1] if each.candidate else 0)]
        if (after - before) * direction(row) > 0
    ]
    if detail is None or not moved:
        return ""
    _, before, after, text = max(moved, key=lambda each: abs(each[0]))
    short = text if len(text) <= SHOWN_TEXT else f"{text[: SHOWN_TEXT - 1]}…"
    size = detail.sizes[-1] if detail.sizes else None
    return f"on {row.request}, `{short}` runs {before} → {after} times{'' if size is None else f' at size {size}'}"


def _named(claimed: Sequence[Cause]) -> list[str]:
    """Return each lever once, with where it was pulled and what it is worth: the heaviest first."""
    held: dict[str, list[Cause]] = {}
    for cause in claimed:
        held.setdefault(cause.lever, []).append(cause)
    told = []
    for lever, mine in sorted(held.items(), key=lambda pair: -abs(sum(cause.impact for cause in pair[1]))):
        first = mine[0]
        where = "" if first.request == ALL else f" on {first.request}"
        more = f" and {count_of(len(mine) - 1, 'more request')}" if len(mine) > 1 else ""
        ms = f", {_signed(first.ms_per_request)} ms per request" if first.ms_per_request else _counted(first)
        told.append(f"{lever}{where}{more}{ms}")
    return [upper_first(each) if at == 0 else each for at, each in enumerate(told)]


def _counted(cause: Cause) -> str:
    """Return what a cause whose time is not known is worth in instructions, where those were counted."""
    moved = [each for each in cause.mechanisms[:1] if each.unit == "instructions"]
    if not moved:
        return ""
    change = (moved[0].candidate or 0.0) - (moved[0].baseline or 0.0)
    return f", {'+' if change > 0 else '−'}{in_unit(abs(change), 'instructions')} per request"


def _signed(ms: float | None) -> str:
    return f"{'−' if (ms or 0.0) < 0 else '+'}{digits(abs(ms or 0.0))}"


_ENGINE = re.compile(r"(?:agent|pyinstrument|node|jfr|py-spy|perf|profiling): ")

_ADVICE = ("install", "allow", "let perfproof", "--time")
"""What notes say that know how more could be seen."""


def looked_at(causes: Causes, queries: Sequence[QueryDetail], *, counted: bool = False) -> str:
    """Return one or two sentences: ``Looked at caching ...; not at functions: perf is not installed: install ...``."""
    seen: list[str] = []
    if queries:
        seen.append("queries")
    elif counted:
        seen.append("queries (none ran)")
    if any(arm.plans for arm in causes.levers):
        seen.append("query plans")
    if any(arm.pools for arm in causes.levers):
        seen.append("database connections")
    if any(arm.http for arm in causes.levers):
        seen.append("caching and compression")
    if any(facts.cpu_turns for arm in causes.levers for facts in arm.http):
        seen.append("CPU of each request alone")
    engines = list(dict.fromkeys(each.engine for each in causes.profiles if each.engine != "none"))
    if engines:
        seen.append(f"functions (by {' and '.join(engines)})")
    told = [f"Looked at {listed(seen, len(seen))}."] if seen else ["Nothing could be looked at."]
    if not queries and not counted:
        told.append("Queries were not counted: name the database in `service.database`.")
    if not engines:
        told.append(f"Functions were not seen: {_why_not(causes)}.")
    return " ".join(told)


def _why_not(causes: Causes) -> str:
    """Return why no engine worked: what could be installed or granted, if that is what was missing."""
    notes = list(dict.fromkeys(note for each in causes.profiles for note in each.notes))
    if not causes.profiles:
        return "profiles are switched off (`why: {profile: auto}` takes them)"
    helpful = [note for note in notes if any(word in note for word in _ADVICE)]
    chosen = (helpful or notes)[-1:] or ["no profiler knows this runtime"]
    return _ENGINE.sub("", chosen[0], count=1).rstrip(".")
