"""Made-up recordings of three versions and more, asked request by request in balanced orders, with known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from perfproof.load.orders import balanced_orders
from perfproof.model.recording import (
    PROCESS_COLUMNS,
    SAMPLE_COLUMNS,
    ArmRound,
    Outcome,
    Recording,
    Round,
    Samples,
)
from perfproof.model.rules import Rules
from recording_builders import MS, SECOND, calm_block, make_recording

NAMES = ("main", "fix-a", "fix-b", "fix-c", "fix-d")


def make_several(
    effects: Sequence[float],
    *,
    rounds: int = 12,
    planned: int | None = None,
    each: int = 120,
    requests: Sequence[str] = ("list", "show"),
    base_ms: Sequence[float] = (4.0, 12.0),
    start_sd: float = 0.01,
    failing: Sequence[float] = (),
    rules: Rules | None = None,
    seed: int = 1,
) -> Recording:
    """Return a run of a first version and a candidate for each of ``effects``, so much slower (0.05 = +5 %).

    ``failing`` is the share of requests that fail, by version; ``planned`` the rounds that were
    planned. Neighbours slow everything by half a third of the time.
    """
    rng = np.random.default_rng(seed)
    count = len(effects) + 1
    factors = np.array([0.0, *effects]) + 1
    failing = tuple(failing) or (0.0,) * count
    info = make_recording(rounds=1, requests=requests, rules=rules, seed=seed).info
    details = tuple({"command": f"serve --{name}"} for name in NAMES[:count])
    rules = replace(info.rules, candidates=count - 1, planned_rounds=planned or rounds)
    info = replace(info, arms=NAMES[:count], arm_details=details, rules=rules)
    orders = balanced_orders(range(count))
    made, clock, serial = [], 1000 * SECOND, 0
    for number in range(1, rounds + 1):
        starts = rng.normal(0, start_sd, count)
        rows: list[tuple[int, ...]] = []
        began, cpu, done = clock, np.zeros(count), [0] * count
        for turn in range(each):
            request = int(rng.integers(len(requests)))
            slow = 1.5 if rng.random() < 1 / 3 else 1.0
            for arm in orders[turn % len(orders)]:
                took = base_ms[request] * np.exp(rng.normal(0, 0.08) + starts[arm]) * factors[arm]
                cpu[arm] += 0.7 * took * MS
                ended = clock + int(took * slow * MS)
                bad = rng.random() < failing[arm]
                done[arm] += not bad
                serial += 1
                outcome = Outcome.BAD_STATUS if bad else Outcome.OK
                rows.append((arm, 0, request, 0, clock, clock, ended, ended, 200, 100, outcome, 0, serial))
                clock = ended + MS // 2
        blocks = tuple(
            calm_block(arm, 0, began, clock, each, done[arm], int(cpu[arm]), paired=True) for arm in range(count)
        )
        table = np.array(rows, dtype=np.int64)
        columns = {name: table[:, at].astype(kind) for at, (name, kind) in enumerate(SAMPLE_COLUMNS.items())}
        processes = {name: np.zeros(count, dtype=kind) for name, kind in PROCESS_COLUMNS.items()}
        processes |= {"arm": np.arange(count, dtype=np.int8), "rss": np.arange(count, dtype=np.int64) + 7}
        arms = tuple(
            ArmRound(
                arm, 1.0, 1, 50, 1.0, steady=True, idle_ns=SECOND, memory_peak=(1000 + arm) << 20, memory_kind="pss"
            )
            for arm in range(count)
        )
        made.append(Round(number, arms, blocks, Samples(columns), processes))
        clock += SECOND
    return Recording(info, tuple(made))
