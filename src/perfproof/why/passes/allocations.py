"""Allocations per request by line: a pass of its own, each arm started once more, one request at a time."""

from __future__ import annotations

from dataclasses import replace

from perfproof.databases.sources import one_line
from perfproof.errors import PerfproofError, UnsendableError
from perfproof.model.profile import Allocation, MemoryProfile
from perfproof.model.scenario import Request
from perfproof.rounds.single_start import Allowance, PassContext, startable, started
from perfproof.service.lifecycle import RunningService
from perfproof.why.observed.allocations import Allocations, Engine, Window

WARM, WATCHED = 5, 20
"""Requests before a window, so that caches and imports are not booked on it, and in it."""
KEPT = 40
"""Lines kept of each request, those with the most bytes."""
_LIMITS = {
    "memray": "every allocation, also of what is freed at once",
    "tracemalloc": (
        "what was alive when each request held most; what was freed before is not seen, nor what C libraries allocate"
        " (memray in the service's environment would see both)"
    ),
}


def profile_memory(phase: PassContext, allowance: Allowance | None = None) -> tuple[MemoryProfile, ...]:
    """Return what every arm allocates by line; engine ``none`` with a note where that cannot be seen."""
    allowed = allowance or Allowance.of(phase.scenario.explain, None, len(phase.scenario.arms))
    found = []
    for number, arm in enumerate(phase.scenario.arms):
        try:
            found.append(_profiled(phase, number, allowed))
        except PerfproofError as error:
            found.append(MemoryProfile(arm.name, "none", notes=(phase.redactor(one_line(error)),)))
    return tuple(found)


def _profiled(phase: PassContext, number: int, allowance: Allowance) -> MemoryProfile:
    arm = phase.scenario.arms[number]
    if not startable(phase, arm):
        note = "allocations are seen inside a Python service that perfproof starts itself: give service.command"
        return MemoryProfile(arm.name, "none", notes=(note,))
    logs = phase.private / f"memory-{arm.name}"
    logs.mkdir(mode=0o700, exist_ok=True)
    watch = Allocations(logs / "agent")
    watched = replace(arm, service=replace(arm.service, environment=watch.environment(arm.service.environment)))
    phase.observer.phase(f"allocations of {arm.name}: starting")
    with started(phase, watched, logs, allowance, "allocations") as service:
        phase.load.open(number, service.base_url)
        return _by_request(phase, number, service, watch)


def _by_request(phase: PassContext, number: int, service: RunningService, watch: Allocations) -> MemoryProfile:
    engine: Engine = "none"
    total = 0
    allocations: list[Allocation] = []
    notes: list[str] = []
    for index, request in enumerate(phase.scenario.requests):
        if not request.reads or request.flow or request.stream:
            why = "it is a stream" if request.stream else "it is a step of a flow" if request.flow else "it writes"
            notes.append(f"{request.name}: {why}, so its allocations are not looked at")
            continue
        phase.observer.phase(f"allocations of {phase.scenario.arms[number].name}: {request.name}")
        try:
            window = _window(phase, number, index, request, service, watch)
        except UnsendableError as error:
            notes.append(f"{error.what}: {error.why}")
            continue
        if window.problem:
            notes.append(window.problem)
            if not window.processes:
                break
            continue
        engine = window.engine
        total += WATCHED
        ranked = sorted(window.lines.items(), key=lambda item: -item[1][0])[:KEPT]
        allocations += [
            Allocation(request.name, line, own, size / WATCHED, blocks / WATCHED)
            for (line, own), (size, blocks) in ranked
        ]
    if engine in _LIMITS:
        notes.insert(0, f"{engine}: {_LIMITS[engine]}")
    told = tuple(dict.fromkeys(map(phase.redactor, notes)))
    return MemoryProfile(phase.scenario.arms[number].name, engine, total, tuple(allocations), told)


def _window(
    phase: PassContext, number: int, index: int, request: Request, service: RunningService, watch: Allocations
) -> Window:
    values = {name: choices[0] for name, choices in request.values.items()}
    phase.load.probe(number, index, values, times=WARM)
    watch.begin(service.processes())
    try:
        phase.load.probe(number, index, values, times=WATCHED)
    finally:
        window = watch.end()
    return window
