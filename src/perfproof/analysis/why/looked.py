"""Where no cause is shown: what was looked at, and what would show more. A reader must be able to judge the silence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from perfproof.model.levers import Causes
from perfproof.model.result import QueryDetail

_ENGINE = re.compile(r"(?:agent|pyinstrument|node|jfr|py-spy|perf|profiling): ")

_ADVICE = ("install", "allow", "let perfproof", "--time")
"""What notes say that know how more could be seen."""


def looked_at(causes: Causes, queries: Sequence[QueryDetail]) -> str:
    """Return one or two sentences: ``Looked at caching ...; not at functions: perf is not installed: install ...``."""
    seen: list[str] = []
    if queries:
        seen.append("queries")
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
    told = [f"Looked at {_listed(seen)}."] if seen else ["Nothing could be looked at."]
    if not queries:
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


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
