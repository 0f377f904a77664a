"""No row cries wolf: what identical arms may claim, simulated; and that what is true is still told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from perfproof.judge import analyse
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.recording import Recording
from perfproof.model.result import Comparison, Result, Verdict
from perfproof.model.rules import Rules
from perfproof.model.scenario import Goal
from perfproof.stats.growth import ENOUGH_SERVED
from perfproof.stats.series import Series
from perfproof.verdict.claims import correct
from perfproof.verdict.rows import Row, Terms, ratio_row
from recording_builders import make_recording

CLAIMS = (Verdict.IMPROVED, Verdict.REGRESSED)
NAMES = [ALL, *(f"r{number}" for number in range(8))]


def rows_of(noise: Callable[[int], np.ndarray], rounds: int, effect: float = 0.0) -> list[Row]:
    """Return the corrected rows of a run whose round values are ``noise``; those of p50 are ``effect`` higher."""
    terms = Terms(Rules(planned_rounds=rounds), 0.98)
    series = [
        Series(METRICS[metric], name, (np.zeros(rounds), noise(rounds) + effect * (metric == "latency_p50")))
        for metric in ("latency_p50", "latency_mean", "latency_p95", "latency_p99")
        for name in NAMES
    ]
    series += [
        Series(METRICS[metric], ALL, (np.zeros(rounds), noise(rounds))) for metric in ("cpu_per_request", "memory_peak")
    ]
    return correct([ratio_row(each, terms) for each in series], terms)


def claimed(rows: list[Row]) -> list[Comparison]:
    return [row.comparison for row in rows if row.comparison.verdict in CLAIMS]


@pytest.mark.parametrize("rounds", [3, 8])
@pytest.mark.parametrize("law", ["normal", "heavy tails"])
def test_identical_arms_have_a_claim_on_any_of_many_rows_in_one_run_of_twenty_at_most(rounds: int, law: str) -> None:
    rng = np.random.default_rng(rounds)
    noise = {
        "normal": lambda n: rng.normal(0, 0.05, n),
        "heavy tails": lambda n: 0.05 * rng.standard_t(3, n),
    }[law]
    runs = 100
    wolves = sum(bool(claimed(rows_of(noise, rounds))) for _ in range(runs))
    assert wolves <= runs / 20


def test_what_is_true_is_still_told_of_many_rows_and_what_is_withdrawn_says_why() -> None:
    rng = np.random.default_rng(1)
    seen = rows_of(lambda n: rng.normal(0, 0.02, n), 12, effect=0.2)
    assert {(row.metric, row.request) for row in claimed(seen)} == {("latency_p50", name) for name in NAMES}
    doubts = [
        row.comparison
        for _ in range(20)
        for row in rows_of(lambda n: rng.normal(0, 0.05, n), 12)
        if any("after correction for 26 shown rows (Holm)" in note for note in row.comparison.notes)
    ]
    assert doubts
    assert {row.verdict for row in doubts} == {Verdict.INCONCLUSIVE}


def test_a_goal_row_that_is_no_sure_regression_among_many_misses_its_goal_all_the_same() -> None:
    terms = Terms(Rules(goals=(Goal("latency_p50", 0.2),), planned_rounds=6), 0.98)
    worse = np.array([0.03, 0.05, 0.11, 0.02, 0.09, 0.12])
    series = [
        Series(METRICS["latency_p50"], name, (np.zeros(6), worse if name == "r0" else np.zeros(6))) for name in NAMES
    ]
    before = [ratio_row(each, terms) for each in series]
    assert before[1].comparison.verdict is Verdict.REGRESSED
    assert correct(before, terms)[1].comparison.verdict is Verdict.GOAL_MISSED


def judged(result: Result) -> list[Comparison]:
    return [row for row in result.comparisons if row.verdict in CLAIMS]


def bursts(recording: Recording, seed: int) -> Recording:
    """Return the recording with failures in bursts: a tenth of the requests of one block in each round."""
    rng = np.random.default_rng(seed)
    rounds = []
    for a_round in recording.rounds:
        samples = dict(a_round.samples.columns)
        outcome, status = samples["outcome"].copy(), samples["status"].copy()
        for pair, arm in zip(rng.integers(0, 8, 1), rng.integers(0, 2, 1), strict=True):
            hit = (samples["pair"] == pair) & (samples["arm"] == arm) & (rng.random(len(outcome)) < 0.1)
            outcome[hit], status[hit] = 1, 500
        rounds.append(
            replace(a_round, samples=type(a_round.samples)({**samples, "outcome": outcome, "status": status}))
        )
    return Recording(recording.info, tuple(rounds))


def test_whole_runs_of_identical_arms_claim_nothing_whatever_their_noise() -> None:
    wolves = []
    for seed in range(24):
        recording = make_recording(
            rounds=(4, 6, 8)[seed % 3],
            requests=("list", "show", "rare"),
            weights=(8, 8, 1),
            rate=60,
            seed=seed,
            bursts=0.1,
            start_sd=0.03,
            growth=30e6,
            rules=Rules(planned_rounds=6, max_error_rate=0.2),
        )
        result = analyse(bursts(recording, seed))
        wolves += [seed] * bool(
            judged(result) or [f for f in result.findings if f.kind in ("memory growth", "more errors")]
        )
    assert len(wolves) <= 24 / 20


def shaped(heap: Callable[[np.ndarray], np.ndarray], **more: object) -> Recording:
    """Return a run of which the candidate's memory is 100 MB and ``heap`` of the requests it has served."""
    made = make_recording(rounds=3, pairs=48, block=0.25, rate=500, growth=(0.0, 1000.0), **more)  # type: ignore[arg-type]
    rounds = []
    for a_round in made.rounds:
        table = dict(a_round.processes)
        mine = table["arm"] == 1
        table["pss"] = np.where(mine, 100_000_000 + heap(table["pss"] - 100_000_000.0), table["pss"]).astype(np.int64)
        rounds.append(replace(a_round, processes=table))
    return Recording(made.info, tuple(rounds))


@pytest.mark.parametrize(
    "heap",
    [
        lambda served: 36_000.0 * np.minimum(served, 1600),
        lambda served: 20e6 * (1 - np.exp(-served / 1500)),
        lambda served: 8e6 * (served % 700) / 700,
    ],
    ids=["fills until 1,600 requests", "settles slowly", "garbage is collected"],
)
def test_a_heap_that_settles_is_no_growth(heap: Callable[[np.ndarray], np.ndarray]) -> None:
    result = analyse(shaped(heap))
    assert not [f for f in result.findings if f.kind == "memory growth"]
    assert not [row for row in judged(result) if row.metric == "memory_growth"]


def test_a_heap_that_never_settles_is_a_leak() -> None:
    result = analyse(shaped(lambda served: 3000.0 * served))
    (leak,) = [f for f in result.findings if f.kind == "memory growth"]
    assert leak.evidence["arm"] == "candidate"
    assert leak.evidence["bytes_per_1000_requests"] == pytest.approx(3e6, rel=0.1)
    assert leak.evidence["requests"] >= ENOUGH_SERVED
    (row,) = [row for row in result.comparisons if row.metric == "memory_growth"]
    assert (row.change, row.verdict, row.role) == (None, Verdict.REGRESSED, "shown")


def test_of_starts_that_served_few_requests_nothing_is_said_and_a_goal_on_it_stays_open() -> None:
    """Six requests once told "grows by 34,994 MiB per 1,000 requests"."""
    rules = Rules(goals=(Goal("memory_growth", 0.5),), planned_rounds=4)
    result = analyse(make_recording(rounds=4, growth=(0.0, 60e6), rules=rules))
    assert not [f for f in result.findings if f.kind == "memory growth"]
    assert not [level for level in result.levels if level.metric == "memory_growth"]
    (row,) = [row for row in result.comparisons if row.metric == "memory_growth"]
    assert (row.verdict, row.notes) == (Verdict.INCONCLUSIVE, ("was not measured, so its goal is open",))
    assert result.exit_code == 3
