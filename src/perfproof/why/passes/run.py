"""The cause pass: after the timed rounds, each arm is started again and watched, to say why the figures moved.

Watching costs time and timing must not, so the two never meet: levers (headers, pools, plans) and profiles have starts
of their own. Nothing that goes wrong here touches the verdict: it becomes a note.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from perfproof.errors import PerfproofError
from perfproof.model.levers import ArmLevers, Causes
from perfproof.model.probe import Probing
from perfproof.model.profile import ArmProfile, MemoryProfile
from perfproof.rounds.single_start import Allowance, OutOfTimeError, PassContext
from perfproof.why.passes.allocations import profile_memory
from perfproof.why.passes.mechanisms import observe_levers
from perfproof.why.passes.profile import profile_arms

T = TypeVar("T")

_PROFILES_SHARE = 0.55
"""Of the time, what is kept for profiles while levers are watched: those name functions, for which most is asked."""
_NOT_OURS = "requests of a Locust file come up as it runs and cannot be sent one by one, as is needed here"


def find_causes(phase: PassContext, probing: Probing | None, seconds: float | None = None) -> Causes | None:
    """Return what was observed of every arm, or None where nothing was wanted; only an interruption is raised.

    It keeps to ``seconds`` within a few, by asking slow requests less often and profiling for less long; what there is
    no time for at all is left out and told. None is time enough for a service that starts within some seconds.
    """
    wanted = phase.scenario.explain
    if not wanted.levers and not wanted.memory and wanted.profile == "off":
        return None
    began = time.monotonic()
    allowance = Allowance.of(wanted, seconds, len(phase.scenario.arms))
    names = [arm.name for arm in phase.scenario.arms]
    levers: tuple[ArmLevers, ...] = ()
    profiles: tuple[ArmProfile, ...] = ()
    memory: tuple[MemoryProfile, ...] = ()
    if wanted.levers:
        rest = _PROFILES_SHARE if wanted.profile != "off" else 0.0
        with allowance.part(1 - rest) as part:
            failed = _noted(lambda: observe_levers(phase, probing, part), phase)
        levers = failed.value or tuple(ArmLevers(name, notes=(failed.note,)) for name in names)
    ours = phase.scenario.locustfile is None
    if wanted.profile != "off":
        told = _noted(lambda: profile_arms(phase, allowance), phase)
        profiles = told.value or tuple(ArmProfile(name, "none", notes=(told.note,)) for name in names)
    if wanted.memory and not ours:
        memory = tuple(MemoryProfile(name, "none", notes=(_NOT_OURS,)) for name in names)
    elif wanted.memory:
        held = _noted(lambda: profile_memory(phase, allowance), phase)
        memory = held.value or tuple(MemoryProfile(name, "none", notes=(held.note,)) for name in names)
    return Causes(levers=levers, profiles=profiles, memory=memory, seconds=time.monotonic() - began)


@dataclass(frozen=True)
class _Tried(Generic[T]):
    value: T | None
    note: str = ""


def _noted(action: Callable[[], T], phase: PassContext) -> _Tried[T]:
    """Return what ``action`` returns, or why it could not, in one masked line."""
    try:
        return _Tried(action())
    except PerfproofError as error:
        advice = error.hint if isinstance(error, OutOfTimeError) else None
        return _Tried(None, phase.redactor(": ".join(filter(None, (error.what, error.why, advice)))))
