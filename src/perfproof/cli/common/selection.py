"""What the command line picks out of scenarios: one arm, some requests, the versions of two files. Pure."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from perfproof.errors import UsageError

if TYPE_CHECKING:
    from perfproof.model.result import Result
    from perfproof.model.scenario import Budget, Claim, Goal, Scenario

    Demand = TypeVar("Demand", Goal, Budget)


def only_arm(scenario: Scenario, name: str | None) -> Scenario:
    """Return the scenario with the arm called so alone, or as it is without a name; UsageError if there is none."""
    if name is None:
        return scenario
    chosen = tuple(each for each in scenario.arms if each.name == name)
    if not chosen:
        names = ", ".join(each.name for each in scenario.arms)
        raise UsageError(f"the scenario has no arm '{name}'", where=str(scenario.file), hint=f"it has: {names}")
    return replace(scenario, arms=chosen)


def only_candidate(result: Result, name: str | None) -> Result:
    """Return what was concluded of the candidate called so alone, or all without a name; UsageError for any other."""
    if name is None or (not result.candidates and name == result.arms[-1]):
        return result
    for part in result.candidates:
        if part.arms[-1] == name:
            return part
    names = [part.arms[-1] for part in result.candidates] or [result.arms[-1]]
    raise UsageError(f"the run has no candidate '{name}'", hint=f"it has: {', '.join(names)}")


def only_requests(scenario: Scenario, names: Sequence[str]) -> Scenario:
    """Return the scenario with these requests alone, goals and budgets on others left out; a flow is taken whole.

    A name is that of a request or of a flow; UsageError, with the closest names, for one that is neither.
    """
    if scenario.locustfile is not None:
        raise UsageError(
            "--only cannot choose among the requests of a Locust file",
            where=str(scenario.file),
            hint="choose users or tags: locustfile: {file: load.py, users: [Shopper], tags: [list]}",
        )
    known = {request.name: request.flow or request.name for request in scenario.requests}
    known |= {request.flow: request.flow for request in scenario.requests if request.flow}
    wanted = {known[name] for name in names if name in known}
    for name in names:
        if name not in known:
            raise _unknown(scenario, name, list(known))
    chosen = tuple(request for request in scenario.requests if (request.flow or request.name) in wanted)
    left = {request.name for request in chosen}
    return replace(
        scenario,
        requests=chosen,
        goals=_about(scenario.goals, left),
        budgets=_about(scenario.budgets, left),
        claims=tuple(kept for each in scenario.claims if (kept := _claim_about(each, left)) is not None),
        hash=_hash(scenario.hash, *sorted(wanted)),
    )


def of_two_files(before: Scenario, after: Scenario) -> Scenario:
    """Return one scenario of two files that differ in their service: the first file's is the baseline.

    UsageError where one of them has two arms already, or where they do not send the same.
    """
    for each in (before, after):
        if len(each.arms) > 1:
            raise UsageError(
                f"{each.file} has two arms, and two files are to be compared",
                hint=f"compare its own arms (perfproof ab {each.file}), or leave `arms:` out of both files",
            )
    for what in ("setup", "requests", "load", "feeds", "locustfile"):
        if getattr(before, what) != getattr(after, what):
            raise UsageError(
                f"{before.file} and {after.file} differ in `{what}:`, so a difference could be theirs",
                why=_first_difference(before, after) if what == "requests" else None,
                hint=f"write the same {what} into both, or one file whose `arms:` hold what differs",
            )
    arms = (replace(before.arms[0], name="baseline"), replace(after.arms[0], name="candidate"))
    return replace(before, arms=arms, secrets=before.secrets | after.secrets, hash=_hash(before.hash, after.hash))


def _first_difference(before: Scenario, after: Scenario) -> str:
    names = [[request.name for request in each.requests] for each in (before, after)]
    alone = [name for name in names[0] if name not in names[1]] + [name for name in names[1] if name not in names[0]]
    if alone:
        return f"only one of them has {alone[0]!r}"
    pairs = zip(before.requests, after.requests, strict=True)
    return next((f"{one.name!r} is not the same request in both" for one, other in pairs if one != other), "the order")


def _unknown(scenario: Scenario, name: str, known: list[str]) -> UsageError:
    close = _close(name.lower(), known)
    there = f"there are: {', '.join(known[:8])}{', ...' if len(known) > 8 else ''}"
    return UsageError(
        f"--only {name}: the scenario has no such request",
        where=str(scenario.file),
        hint=f"did you mean {' or '.join(repr(each) for each in close)}?" if close else there,
    )


def _close(name: str, known: list[str]) -> list[str]:
    """Return at most three names that are meant perhaps: alike as a whole, or with a word alike, or beginning so."""
    lowered = {each.lower(): each for each in known}
    found = [lowered[each] for each in difflib.get_close_matches(name, lowered, n=3)]
    for low, each in lowered.items():
        words = low.replace("/", " ").split()
        if difflib.get_close_matches(name, words, n=1) or name in low:
            found.append(each)
    return list(dict.fromkeys(found))[:3]


def _about(demands: tuple[Demand, ...], left: set[str]) -> tuple[Demand, ...]:
    """Return the demands on requests that are left, or on all together."""
    from perfproof.model.metrics import ALL

    found = []
    for each in demands:
        kept = tuple(name for name in each.requests if name in left or name == ALL)
        if kept or not each.requests:
            found.append(replace(each, requests=kept))
    return tuple(found)


def _claim_about(claim: Claim, left: set[str]) -> Claim | None:
    """Return the claim on requests that are left, as ``_about`` keeps its demand; None where nothing is left of it."""
    goals = _about((claim.goal,) if claim.goal is not None else (), left)
    budgets = _about((claim.budget,) if claim.budget is not None else (), left)
    if not goals and not budgets:
        return None
    return replace(claim, goal=next(iter(goals), None), budget=next(iter(budgets), None))


def _hash(*parts: str) -> str:
    """Return the fingerprint of a scenario that was changed on the command line."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[: len(parts[0]) or 64]


_LOADS = re.compile(r"^(requests|locustfile)\s*:", re.MULTILINE)
_STARTS = re.compile(r"^(service|arms)\s*:", re.MULTILINE)
_FOLDERS = (Path(), Path("scenarios"))
_LONGEST = 1 << 20


def scenarios_of(folder: Path) -> list[Path]:
    """Return the files of a folder that look like scenarios, by name."""
    return [file for file in sorted(folder.glob("*.y*ml")) if _looks_like(file)]


def found_here() -> list[Path]:
    """Return the scenarios of this folder or, where it has none, of its ``scenarios/``."""
    return next((found for folder in _FOLDERS if (found := scenarios_of(folder))), [])


def only_scenario() -> Path:
    """Return the only scenario here; UsageError, naming them, where there are several or none."""
    found = found_here()
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(
            "no scenario file here", hint="name one: perfproof ab path/to/scenario.yaml (or look: perfproof demo)"
        )
    names = ", ".join(str(file) for file in found[:8]) + (", ..." if len(found) > 8 else "")
    raise UsageError("which scenario? there are several", why=names, hint=f"name one, e.g. {found[0]}")


def _looks_like(file: Path) -> bool:
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            text = opened.read(_LONGEST)
    except OSError:
        return False
    return bool(_LOADS.search(text) and _STARTS.search(text))
