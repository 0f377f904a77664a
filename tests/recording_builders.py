"""Made-up recordings with known truth: what every test of analysis, reports and the store measures against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from perfproof.model.recording import (
    PROCESS_COLUMNS,
    SAMPLE_COLUMNS,
    ArmRound,
    Block,
    Environment,
    Outcome,
    Recording,
    Round,
    RunInfo,
    Samples,
)
from perfproof.model.rules import Rules

SECOND = 1_000_000_000
MS = 1_000_000


def calm_block(
    arm: int, pair: int, began: int, ended: int, sent: int, completed: int, cpu: int | None, *, paired: bool = False
) -> Block:
    """Return a block of a generator that had time: ``sent`` requests of which ``completed`` came to a good end."""
    return Block(
        arm=arm,
        pair=pair,
        position=0,
        started_ns=began,
        ended_ns=ended,
        intended=sent,
        sent=sent,
        completed=completed,
        failed=sent - completed,
        dropped=0,
        late=0,
        service_cpu_ns=cpu,
        generator_cpu_ns=10 * MS,
        lag_max_ns=MS,
        steal_ns=0,
        paired=paired,
    )


def make_recording(
    *,
    kind: Literal["run", "ab", "noise"] = "ab",
    effect: float = 0.0,
    effects: Mapping[str, float] | None = None,
    cpu_effect: float | None = None,
    memory_effect: float = 0.0,
    growth: float | Sequence[float] = 0.0,
    rounds: int = 12,
    pairs: int = 8,
    rate: float = 100.0,
    block: float = 0.5,
    requests: Sequence[str] = ("list", "show"),
    weights: Sequence[float] | None = None,
    base_ms: Sequence[float] | None = None,
    variants: Sequence[Sequence[float]] | None = None,
    shape: float = 0.25,
    tail: float = 0.03,
    start_sd: float = 0.015,
    block_sd: float = 0.03,
    drift: float = 0.02,
    bursts: float = 0.0,
    correlation: float = 0.5,
    errors: float | Sequence[float] = 0.0,
    rules: Rules | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 1,
    run_id: str = "20261123-061502-projects-9f3a",
    scenario_hash: str = "scenario",
    environment: str = "machine",
) -> Recording:
    """Return a recording whose candidate is ``effect`` slower (0.05 = +5 %; ``effects`` by request name).

    Noise, all as standard deviations of logarithms: ``start_sd`` of a start (memory layout), ``block_sd`` of a block,
    autocorrelated by ``correlation``, a ``drift`` of the machine over the run, ``bursts`` (share of blocks slowed by
    half), and log-normal latency of ``shape`` with a ``tail`` share of slow requests. ``variants`` gives, per request,
    the factor on latency of each variant. ``growth`` is bytes per 1,000 requests, ``errors`` the share that fails, per
    arm.
    """
    rng = np.random.default_rng(seed)
    arms = 1 if kind == "run" else 2
    share = np.array(weights if weights is not None else [1.0] * len(requests), dtype=float)
    base = np.array(base_ms if base_ms is not None else [10.0 * 2**i for i in range(len(requests))])
    factors = [np.array(v, dtype=float) for v in (variants or [[1.0]] * len(requests))]
    change = np.array([(effects or {}).get(name, effect) for name in requests])
    cpu_change = effect if cpu_effect is None else cpu_effect
    failing = [errors] * 2 if isinstance(errors, float | int) else list(errors)
    growing = [growth] * 2 if isinstance(growth, float | int) else list(growth)
    noise = _Noise(rng, block_sd, correlation, bursts)
    made, clock, serial = [], 1000 * SECOND, 0
    for number in range(1, rounds + 1):
        machine = drift * np.sin(number / max(1, rounds) * np.pi * 2)
        starts = rng.normal(0, start_sd, arms)
        cpu_starts = rng.normal(0, start_sd / 2, arms)
        clock += 5 * SECOND
        blocks: list[Block] = []
        parts: list[dict[str, np.ndarray]] = []
        looks: list[tuple[int, ...]] = []
        served = [0] * arms
        for pair in range(pairs):
            count = rng.poisson(rate * block)
            offsets = np.sort(rng.uniform(0, block * SECOND, count)).astype(np.int64)
            request = rng.choice(len(requests), count, p=share / share.sum())
            variant = np.array([rng.integers(len(factors[r])) for r in request], dtype=np.int64)
            for position, arm in enumerate(rng.permutation(arms)):
                begin = clock
                level = noise.next() + starts[arm] + machine
                times = base[request] * np.array([factors[r][v] for r, v in zip(request, variant, strict=True)])
                times = times * np.exp(level + rng.normal(0, shape, count))
                times = np.where(rng.random(count) < tail, times * rng.uniform(2, 4, count), times)
                times = times * (1 + change[request]) if arm == 1 else times
                failed = rng.random(count) < failing[arm]
                parts.append(
                    _columns(arm, pair, request, variant, begin + offsets, times, failed, serial + np.arange(count))
                )
                serial += count
                served[arm] += int((~failed).sum())
                cpu = 4e6 * np.exp(machine + cpu_starts[arm] + rng.normal(0, 0.02)) * ((1 + cpu_change) ** (arm == 1))
                end = begin + int(block * SECOND)
                blocks.append(
                    Block(
                        arm=int(arm),
                        pair=pair,
                        position=position,
                        started_ns=begin,
                        ended_ns=end,
                        intended=count,
                        sent=count,
                        completed=int((~failed).sum()),
                        failed=int(failed.sum()),
                        dropped=0,
                        late=0,
                        service_cpu_ns=int(cpu * count),
                        generator_cpu_ns=int(0.1 * block * SECOND),
                        lag_max_ns=MS,
                        steal_ns=0,
                    )
                )
                bytes_now = int(100e6 * (1 + memory_effect * (arm == 1)) + growing[arm] * served[arm] / 1000)
                looks.append((end, int(arm), 2, bytes_now + 5_000_000, bytes_now, bytes_now - 5_000_000, 0))
                clock = end + SECOND // 20
        order = np.argsort(np.concatenate([p["done_ns"] for p in parts]), kind="stable")
        columns = {
            name: np.concatenate([p[name] for p in parts])[order].astype(kind) for name, kind in SAMPLE_COLUMNS.items()
        }
        memory = [int(100e6 * (1 + memory_effect * (a == 1)) * (1 + rng.normal(0, 0.002))) for a in range(arms)]
        made.append(
            Round(
                number=number,
                arms=tuple(
                    ArmRound(
                        arm=a,
                        start_seconds=0.8,
                        processes=2,
                        warmup_requests=100,
                        warmup_seconds=2.0,
                        steady=True,
                        memory_start=memory[a] - 10_000_000,
                        memory_peak=memory[a] + 2_000_000,
                        memory_steady=memory[a],
                        memory_kind="pss",
                    )
                    for a in range(arms)
                ),
                blocks=tuple(blocks),
                samples=Samples(columns),
                processes={
                    name: np.array([row[i] for row in looks], dtype=dtype)
                    for i, (name, dtype) in enumerate(PROCESS_COLUMNS.items())
                },
            )
        )
    info = RunInfo(
        id=run_id,
        kind=kind,
        label=None,
        scenario_name="projects",
        scenario_hash=scenario_hash,
        arms=("baseline", "candidate")[:arms] if arms == 2 else ("candidate",),
        arm_details=({"command": "serve --old"}, {"command": "serve --new"})[:arms],
        requests=tuple(requests),
        variants=tuple(tuple(f"size={i}" for i in range(len(f))) for f in factors),
        settings=settings
        if settings is not None
        else {"load": {"model": "open", "rate": rate}, "cpus": "service 1, load 0"},
        environment=Environment({"cpu model": "Example 9000", "cores": "2", "kernel": "6.1"}, environment),
        started_at="2026-11-23T06:15:02+00:00",
        rules=rules if rules is not None else Rules(planned_rounds=rounds),
        status="complete",
    )
    return Recording(info, tuple(made))


class _Noise:
    """Autocorrelated noise of blocks with bursts."""

    def __init__(self, rng: np.random.Generator, sd: float, correlation: float, bursts: float) -> None:
        self._rng, self._sd, self._correlation, self._bursts = rng, sd, correlation, bursts
        self._state = rng.normal(0, sd)

    def next(self) -> float:
        """Return the next block's deviation."""
        fresh = self._rng.normal(0, self._sd * np.sqrt(1 - self._correlation**2))
        self._state = self._correlation * self._state + fresh
        return float(self._state + (0.4 if self._rng.random() < self._bursts else 0.0))


def _columns(
    arm: int,
    pair: int,
    request: np.ndarray,
    variant: np.ndarray,
    intended: np.ndarray,
    times_ms: np.ndarray,
    failed: np.ndarray,
    ids: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return the sample columns of one block."""
    count = len(request)
    done = intended + np.maximum(1, times_ms * MS).astype(np.int64)
    return {
        "arm": np.full(count, arm),
        "pair": np.full(count, pair),
        "request": request,
        "variant": variant,
        "intended_ns": intended,
        "sent_ns": intended + 100_000,
        "first_byte_ns": np.where(failed, 0, done - 10_000),
        "done_ns": done,
        "status": np.where(failed, 500, 200),
        "bytes": np.where(failed, 20, 2000),
        "outcome": np.where(failed, int(Outcome.BAD_STATUS), int(Outcome.OK)),
        "reconnected": np.zeros(count),
        "id": ids,
    }
