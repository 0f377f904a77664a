"""Made-up searches for the capacity with a known truth: steps of even requests whose latency follows the rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from perfproof.capacity.search import next_rate
from perfproof.capacity.steps import judge_step
from perfproof.model.recording import SAMPLE_COLUMNS, Block, Outcome, Recording, Round, Samples
from perfproof.model.result import CapacityStep
from perfproof.model.rules import Rules
from perfproof.model.scenario import Budget
from recording_builders import make_recording

SECOND = 1_000_000_000
RULES = Rules(budgets=(Budget("latency_p95", 100.0),), planned_rounds=5, early_stop=False)


def block(rate: float, seconds: float = 2.0, *, arm: int = 0, pair: int = 3, **fields: int) -> Block:
    """Return the block of a step that sent what it was asked for; ``fields`` say otherwise."""
    count = int(rate * seconds)
    start = SECOND * (1 + 10 * pair)
    known = {
        "intended": count, "sent": count, "completed": count, "failed": 0, "dropped": 0, "late": 0,
        "generator_cpu_ns": 0, "lag_max_ns": 0, "steal_ns": 0,
    }  # fmt: skip
    times = {"started_ns": start, "ended_ns": start + int(seconds * 1e9)}
    return Block(arm=arm, pair=pair, position=0, service_cpu_ns=None, rate=rate, **{**known, **times, **fields})


def samples(
    of: Block, latency_ms: float | Callable[[float], float], *, served_ms: float | None = None, failed: int = 0
) -> Samples:
    """Return the requests of a block at even gaps; ``latency_ms`` may be a function of the offset in seconds."""
    count = of.intended
    offset = np.arange(count) / float(of.rate or 1.0)
    latency = np.array([latency_ms(t) if callable(latency_ms) else latency_ms for t in offset]) * 1e6
    served = latency if served_ms is None else np.full(count, served_ms * 1e6)
    intended = (of.started_ns + offset * 1e9).astype(np.int64)
    done = intended + latency.astype(np.int64)
    outcome = np.zeros(count, dtype=np.int8)
    outcome[:failed] = int(Outcome.TIMEOUT)
    columns = {name: np.zeros(count, dtype=kind) for name, kind in SAMPLE_COLUMNS.items()}
    return Samples(
        columns
        | {
            "arm": np.full(count, of.arm, dtype=np.int8),
            "pair": np.full(count, of.pair, dtype=np.int16),
            "intended_ns": intended,
            "sent_ns": done - served.astype(np.int64),
            "done_ns": done,
            "outcome": outcome,
        }
    )


def identity(arms: Sequence[str] = ("baseline",), rules: Rules = RULES, connections: int = 64) -> Recording:
    """Return a recording of a search without rounds yet."""
    info = make_recording(kind="ab", rounds=1, pairs=1, requests=("item",)).info
    settings: dict[str, Any] = {"load": {"connections": connections}}
    changes = {"arms": tuple(arms), "arm_details": ({},) * len(arms), "rules": rules, "settings": settings}
    return Recording(replace(info, kind="capacity", **changes), ())  # type: ignore[arg-type]


def judged(
    found: Samples, of: Block, rules: Rules = RULES, connections: int = 64, before: Sequence[CapacityStep] = ()
) -> CapacityStep:
    """Return a step judged alone."""
    a_round = Round(1, (), (of,), found)
    return judge_step(replace(identity(rules=rules, connections=connections), rounds=(a_round,)), a_round, of, before)


def search(
    knees: Sequence[Sequence[float]],
    *,
    first: float = 100.0,
    highest: float = 1e5,
    rules: Rules = RULES,
    saturated_at: float = 1e9,
) -> Recording:
    """Return the recording of whole searches: ``knees`` by arm and start; the generator gives up at a rate."""
    whole = identity(("baseline", "candidate")[: len(knees)], rules)
    rounds: list[Round] = []
    for start in range(len(knees[0])):
        blocks: list[Block] = []
        parts: list[Samples] = []
        for arm, of_arm in enumerate(knees):
            steps: list[CapacityStep] = []
            while (rate := next_rate(steps, first, highest, 0.05)) is not None:
                busy = {"generator_cpu_ns": 1_990_000_000} if rate >= saturated_at else {}
                now = block(rate, arm=arm, pair=len(blocks), **busy)
                over = rate > of_arm[start] or bool(busy)
                parts.append(samples(now, (lambda t: 150 + 90 * t) if over else 10.0))
                blocks.append(now)
                a_round = Round(start + 1, (), (now,), parts[-1])
                steps.append(judge_step(whole, a_round, now))
        columns = {name: np.concatenate([part[name] for part in parts]) for name in SAMPLE_COLUMNS}
        rounds.append(Round(start + 1, (), tuple(blocks), Samples(columns)))
    return replace(whole, rounds=tuple(rounds))
