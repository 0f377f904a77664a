"""What was compared with what, what differs, and what weakens the claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perfproof.core.debug_mode import debug_modes
from perfproof.core.numbers import count_of, listed
from perfproof.core.same_program import ONE_PROGRAM
from perfproof.model.recording import Recording, RunInfo
from perfproof.model.result import Comparability, Fact
from perfproof.model.rules import Rules
from perfproof.stats.columns import Side
from perfproof.verdict.health import connection_facts, generator_facts, in_one_line

_NOT_KNOWN = "–"


def describe(sides: Sequence[Side], rules: Rules, warnings: Sequence[str]) -> Comparability:
    """Return the table of facts (first side against last) and every doubt in plain words."""
    first, last = sides[0], sides[-1]
    two_runs = first.recording.info.id != last.recording.info.id
    facts = [
        # Within one run the arms' names differ by definition, which tells nobody anything.
        *([Fact("arm", first.name, last.name)] if two_runs else []),
        Fact("run", first.recording.info.id, last.recording.info.id),
        Fact("scenario", *_both(first, last, lambda i: f"{i.scenario_name} ({i.scenario_hash[:12]})")),
        Fact("recorded", *_both(first, last, lambda i: i.started_at)),
        Fact("rounds", str(len(first.rounds)), str(len(last.rounds))),
    ]
    facts += _merged([_details(side) for side in (first, last)])
    facts += _merged([_flat(_told(side.recording.info)) for side in (first, last)])
    facts += _merged([dict(side.recording.info.environment.facts) for side in (first, last)])
    for name, told in (("load generator", generator_facts), ("connections", connection_facts)):
        both = [told(side) for side in (first, last)]
        facts += [Fact(name, *both)] if any(both) else []
    doubts = list(warnings)
    if not rules.restarts:
        doubts.append("The service was not restarted: the variation between starts is not measured.")
    if rules.attempts > 1:
        doubts.append(f"This is attempt {rules.attempts} at the same measurement: repeating until it fits misleads.")
    doubts += [doubt for side in sides for doubt in _source_doubts(side.name, _details(side))]
    for side in dict.fromkeys(side.recording.info.id for side in sides):
        doubts += _run_doubts(next(s.recording for s in sides if s.recording.info.id == side))
    return Comparability(tuple(facts), tuple(dict.fromkeys(doubts)))


def environment_differences(first: RunInfo, second: RunInfo) -> list[str]:
    """Return which facts of the machine differ, by name."""
    one, two = first.environment.facts, second.environment.facts
    return sorted(name for name in {*one, *two} if one.get(name) != two.get(name))


def _source_doubts(arm: str, details: Mapping[str, str]) -> list[str]:
    """Return what is doubtful about how an arm was started, and about its files where they came from git."""
    environment = {name.removeprefix("env "): value for name, value in details.items() if name.startswith("env ")}
    doubts = [
        f"The {arm} was started in a mode for developing, not as users get it: {mode}."
        for mode in debug_modes(details.get("command"), environment)
    ]
    if changes := details.get("uncommitted changes"):
        doubts.append(
            f"The {arm} holds uncommitted changes (diff {changes}): "
            f"commit {details.get('commit', '')} alone does not name it."
        )
    if left_out := details.get("left out"):
        doubts.append(f"The {arm} is {details.get('ref', '')}: {left_out} were not measured.")
    lacking = details.get("commits the candidate lacks", "")
    before = details.get("baseline ref") or details.get("ref", "")
    if lacking.isdigit():
        doubts.append(
            f"The baseline holds {count_of(int(lacking), 'commit')} that the candidate lacks: part of the difference "
            f"may be theirs. `--baseline-ref {before}...` takes the commit where they parted."
        )
    elif lacking:
        doubts.append("Whether the candidate holds all of the baseline's commits is not known: the clone is shallow.")
    return doubts


def _run_doubts(recording: Recording) -> list[str]:
    """Return the doubts that one run's own record raises."""
    info, doubts = recording.info, []
    if one_program := info.settings.get(ONE_PROGRAM):
        doubts.append(str(one_program))
    if info.settings.get("locustfile"):
        doubts.append(
            "Latency counts from the send: users of a Locust file wait for their responses, so a stall of the service "
            "shows in few requests."
        )
    if info.environment.facts.get("cores") == "1":
        doubts.append("Service and load generator shared one core.")
    if info.resumed_after:
        rounds = listed([str(each) for each in info.resumed_after])
        doubts.append(f"The run {info.id} was interrupted and resumed after round {rounds}: there was a pause.")
        if info.revision is not None and info.revision.dirty:
            doubts.append("Uncommitted changes were measured, and may have been others before and after the pause.")
    if info.status == "interrupted":
        made, planned = sum(each.complete for each in recording.rounds), info.rules.planned_rounds
        if info.interrupted_in:
            doubts.append(f"Of the run {info.id}, {info.interrupted_in} was interrupted; its rounds had ended.")
        else:
            few = f"{made} of {planned} planned rounds" if made < planned else "after its rounds"
            doubts.append(f"The run {info.id} was interrupted: {few}.")
    if info.status == "failed":
        how = f": {in_one_line(info.problem)}" if info.problem else ""
        doubts.append(f"The run {info.id} failed{how}.".replace("..", "."))
    return doubts


def _both(first: Side, last: Side, text: Any) -> tuple[str, str]:
    """Return a text about each side's run."""
    return text(first.recording.info), text(last.recording.info)


def _details(side: Side) -> dict[str, str]:
    """Return what is recorded of an arm."""
    details = side.recording.info.arm_details
    return dict(details[side.arm]) if side.arm < len(details) else {}


def _told(info: RunInfo) -> dict[str, Any]:
    """Return the settings that are facts; a doubt among them is told as such."""
    return {name: value for name, value in info.settings.items() if name != ONE_PROGRAM}


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings as ``load model: open``."""
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{name} "))
        else:
            flat[f"{prefix}{name}"] = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return flat


def _merged(tables: Sequence[Mapping[str, str]]) -> list[Fact]:
    """Return one fact per key of either table."""
    names = dict.fromkeys(name for table in tables for name in table)
    return [Fact(name, *(str(table.get(name, _NOT_KNOWN)) for table in tables)) for name in names]
