"""Made-up recordings of paired requests with known truth, on a machine that is slow in bursts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perfproof.model.recording import SAMPLE_COLUMNS, ArmRound, Block, Outcome, Recording, Round, Samples
from perfproof.model.rules import Rules
from recording_builders import MS, SECOND, calm_block, make_recording


def make_pairs(
    *,
    effect: float = 0.0,
    rounds: int = 12,
    stretches: int = 3,
    each: int = 60,
    requests: Sequence[str] = ("list", "show"),
    base_ms: Sequence[float] = (4.0, 12.0),
    variants: int = 3,
    start_sd: float = 0.01,
    shape: float = 0.08,
    bursts: float = 0.3,
    second: float = 0.0,
    failing: float = 0.0,
    idle: float = 0.0,
    rules: Rules | None = None,
    seed: int = 1,
) -> Recording:
    """Return a recording whose candidate is ``effect`` slower, asked in ``stretches`` of ``each`` pairs a round.

    A neighbour slows everything by half for stretches of 10 to 500 ms, ``bursts`` of the time. ``second`` is what being
    the second of a pair costs (a fraction), ``failing`` the share of candidate requests that fail, ``idle`` the CPU
    seconds per second that both services use unasked. CPU is 0.7 of the time a request takes.
    """
    rng = np.random.default_rng(seed)
    info = make_recording(rounds=1, requests=requests, rules=rules, seed=seed).info
    made = []
    clock, serial = 1000 * SECOND, 0
    for number in range(1, rounds + 1):
        starts = rng.normal(0, start_sd, 2)
        rows: list[tuple[int, ...]] = []
        blocks: list[Block] = []
        neighbour, until = False, clock
        for stretch in range(stretches):
            began, cpu, done = clock, [0.0, 0.0], [0, 0]
            for _ in range(each):
                request, variant = int(rng.integers(len(requests))), int(rng.integers(variants))
                order = (0, 1) if rng.random() < 0.5 else (1, 0)
                for place, arm in enumerate(order):
                    while clock >= until:
                        neighbour = bool(rng.random() < bursts)
                        until += int(np.exp(rng.uniform(np.log(10), np.log(500))) * MS)
                    took = base_ms[request] * (1 + 0.5 * variant) * np.exp(rng.normal(0, shape) + starts[arm])
                    took *= (1 + effect * arm) * (1 + second * place)
                    cpu[arm] += 0.7 * took * MS
                    took *= 1.5 if neighbour else 1.0
                    bad = arm == 1 and rng.random() < failing
                    outcome = Outcome.BAD_STATUS if bad else Outcome.OK
                    done[arm] += not bad
                    sent, ended = clock, clock + int(took * MS)
                    serial += 1
                    rows.append(
                        (arm, stretch, request, variant, sent, sent, ended, ended, 200, 100, outcome, 0, serial)
                    )
                    clock = ended + MS // 2
            for arm in (0, 1):
                used = int(cpu[arm] + idle * (clock - began))
                blocks.append(calm_block(arm, stretch, began, clock, each, done[arm], used, paired=True))
            clock += SECOND // 10
        table = np.array(rows, dtype=np.int64)
        columns = {name: table[:, at].astype(kind) for at, (name, kind) in enumerate(SAMPLE_COLUMNS.items())}
        unasked = int(idle * SECOND)
        arms = tuple(ArmRound(arm, 1.0, 1, 50, 1.0, steady=True, idle_ns=SECOND, idle_cpu_ns=unasked) for arm in (0, 1))
        made.append(Round(number, arms, tuple(blocks), Samples(columns)))
        clock += SECOND
    return Recording(info, tuple(made))
