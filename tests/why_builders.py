"""Made-up evidence with known truth for "why": profiles sampled from known times, levers, and judged rows.

A stack is written as it is called, libraries with ``~``: ``"app.views:show > ~sqlalchemy.orm:execute > ~sqlite3:run"``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from perfproof.model.levers import ArmLevers, Causes, HttpFacts
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.profile import ArmProfile, Frame, Stack
from perfproof.model.result import Comparison, Verdict

MS = 1_000_000
Times = Mapping[str, Mapping[str, float]]


def frame(text: str) -> Frame:
    module, _, function = text.lstrip("~").partition(":")
    return Frame(module, function, not text.startswith("~"))


def profile(
    arm: str,
    times: Times,
    *,
    slices: int = 8,
    counts: int = 40,
    tick: int = MS,
    seed: int | None = 1,
    speed: float = 1.0,
    **fields: Any,
) -> ArmProfile:
    """Return a profile of ``times`` (request -> stack -> ms per request), exact where seed is None."""
    rng = np.random.default_rng(seed)
    frames: dict[Frame, int] = {}
    stacks, served = [], []
    for at, (_, held) in enumerate(times.items()):
        row = [counts if seed is None else int(rng.poisson(counts)) + 1 for _ in range(slices)]
        served.append(tuple(row))
        for text, ms in held.items():
            places = tuple(frames.setdefault(frame(part), len(frames)) for part in text.split(" > "))
            for number, many in enumerate(row):
                exact = ms * MS * many * speed
                ns = exact if seed is None else rng.poisson(exact / tick) * tick
                if ns:
                    stacks.append(Stack(at, number, places, int(ns)))
    values: dict[str, Any] = {
        "engine": "pyinstrument",
        "interval_ns": tick,
        "seconds": float(slices),
        "requests": tuple(times),
        "counts": tuple(served),
        "frames": tuple(frames),
        "stacks": tuple(stacks),
    }
    return ArmProfile(arm, **(values | fields))


def row(metric: str, request: str, baseline: float, candidate: float, verdict: Verdict | None = None) -> Comparison:
    """Return a judged row whose interval is narrow, or none for exact metrics."""
    change = candidate / baseline - 1 if baseline else (None if candidate else 0.0)
    if verdict is None:
        wide = 0.0 if METRICS[metric].exact else 0.02
        moved = change is None or abs(change) > wide
        verdict = (Verdict.IMPROVED if candidate < baseline else Verdict.REGRESSED) if moved else Verdict.EQUIVALENT
    low, high = (None, None) if change is None or METRICS[metric].exact else (change - 0.01, change + 0.01)
    return Comparison(
        metric, request, METRICS[metric].unit, baseline, candidate, change, low, high, 0.95, verdict, "gate", 8
    )


def rows(latency: Mapping[str, tuple[float, float]], cpu: tuple[float, float] = (4.0, 4.0)) -> list[Comparison]:
    """Return latency rows by request and for all, and the CPU row."""
    whole = tuple(float(np.mean([pair[side] for pair in latency.values()])) for side in (0, 1))
    pairs = {ALL: whole, **latency}
    found = [row(m, name, *pair) for m in ("latency_p50", "latency_mean") for name, pair in pairs.items()]
    return [*found, row("cpu_per_request", ALL, *cpu)]


def causes(
    before: ArmProfile | None = None,
    after: ArmProfile | None = None,
    http: tuple[Sequence[HttpFacts], Sequence[HttpFacts]] = ((), ()),
    **fields: Sequence[Any],
) -> Causes:
    """Return the evidence of both arms; ``fields`` are pools and plans as (baseline's, candidate's)."""
    held = [
        ArmLevers(arm, tuple(http[side]), **{name: tuple(each[side]) for name, each in fields.items()})
        for side, arm in enumerate(("baseline", "candidate"))
    ]
    return Causes(tuple(held), tuple(each for each in (before, after) if each is not None))
