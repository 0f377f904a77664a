from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from perfproof.judge.analysis import analyse
from perfproof.model.recording import Recording
from perfproof.stats import latency
from perfproof.stats.columns import Side, completed, latency_ns
from perfproof.stats.pairs import Effects
from perfproof.stats.strata import find_modes
from perfproof.verdict.sentence import describe
from recording_builders import make_recording

HUMPS = ((1.0, 3.0),)


def changes(recording: Recording) -> np.ndarray:
    figures = latency.measure([Side(recording, 0), Side(recording, 1)], paired=True)
    return np.asarray(figures.overall("latency_p50", 1) - figures.overall("latency_p50", 0))


def naive(recording: Recording) -> np.ndarray:
    """The plain median of everything in a block, log ratio per pair, mean over pairs."""
    found = []
    for a_round in recording.rounds:
        logs = []
        for arm in (0, 1):
            chosen = completed(a_round, arm)
            times, pair = latency_ns(a_round, chosen), a_round.samples["pair"][chosen]
            logs.append(np.mean([np.log(np.median(times[pair == p])) for p in np.unique(pair)]))
        found.append(logs[1] - logs[0])
    return np.array(found)


@pytest.mark.parametrize("effect", [0.0, 0.05])
def test_humps_of_variants_neither_disturb_nor_bias_the_median(effect: float) -> None:
    kept, plain = [], []
    for seed in range(6):
        recording = make_recording(
            effect=effect, requests=("list",), variants=HUMPS, seed=seed, start_sd=0.005, block_sd=0.01, tail=0.0
        )
        kept.append(changes(recording))
        plain.append(naive(recording))
    mine, theirs = np.concatenate(kept), np.concatenate(plain)
    assert mine.mean() == pytest.approx(np.log1p(effect), abs=4 * mine.std() / np.sqrt(len(mine)))
    assert mine.std() < 0.75 * theirs.std()


def test_only_variants_that_lie_apart_are_told_apart() -> None:
    recording = make_recording(requests=("list", "show"), variants=((1.0, 1.05, 3.0), (1.0, 1.02)), rate=300, rounds=4)
    modes = find_modes([Side(recording, 0), Side(recording, 1)])
    assert [m.tolist() for m in modes] == [[0, 0, 1], [0, 0]]


def test_a_continuum_of_variants_keeps_its_plain_median() -> None:
    sizes = tuple(np.linspace(1, 3, 40).tolist())
    recording = make_recording(requests=("list",), variants=(sizes,), rate=400, rounds=4)
    assert find_modes([Side(recording, 0), Side(recording, 1)])[0].max() == 0


def test_the_row_all_reads_a_common_shift_as_it_is_and_weighs_by_traffic() -> None:
    quiet = {"block_sd": 0.0, "start_sd": 0.0, "drift": 0.0, "shape": 0.05, "tail": 0.0}
    common = make_recording(effect=0.05, base_ms=(5.0, 50.0), **quiet)  # type: ignore[arg-type]
    assert changes(common).mean() == pytest.approx(np.log(1.05), abs=0.005)
    only = make_recording(effects={"show": -0.5}, base_ms=(10.0, 10.0), weights=(3, 1), **quiet)  # type: ignore[arg-type]
    assert np.expm1(changes(only).mean()) == pytest.approx(-0.125, abs=0.02)


def test_levelling_the_machine_out_steadies_the_tail_and_favours_no_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    def tails() -> np.ndarray:
        found = []
        for seed in range(6):
            recording = make_recording(rate=200, drift=0.1, block_sd=0.045, bursts=0.02, seed=seed)
            figures = latency.measure([Side(recording, 0), Side(recording, 1)], paired=True)
            found.append(figures.overall("latency_p95", 1) - figures.overall("latency_p95", 0))
        return np.concatenate(found)

    levelled = tails()
    monkeypatch.setattr(latency, "machine_levels", lambda sides, m, h, pairs: np.zeros((len(sides[0].rounds), pairs)))
    plain = tails()
    assert levelled.std() < 0.9 * plain.std()
    assert levelled.mean() == pytest.approx(0, abs=4 * levelled.std() / np.sqrt(len(levelled)))


def test_requests_meant_for_the_first_50_ms_of_a_block_are_left_out() -> None:
    recording = make_recording(rounds=1, rate=400)
    a_round = recording.rounds[0]
    starts = {b.pair: b.started_ns for b in a_round.blocks if b.arm == 1}
    chosen = completed(a_round, 1)
    after = a_round.samples["intended_ns"] - np.array([starts.get(int(p), 0) for p in a_round.samples["pair"]])
    mine = a_round.samples["arm"] == 1
    assert (after[chosen] >= 50e6).all()
    assert (after[mine & ~chosen] < 50e6).all()


def test_a_pair_with_one_empty_block_does_not_count() -> None:
    recording = make_recording(requests=("list",), rate=400, rounds=2, effect=0.0)
    first = recording.rounds[0]
    gone = (first.samples["arm"] == 1) & (first.samples["pair"] == 3)
    cut = Recording(recording.info, (replace(first, samples=first.samples.select(~gone)), recording.rounds[1]))
    values = changes(cut)
    assert np.isfinite(values).all()
    assert abs(values[0] - changes(recording)[0]) < 0.05


def test_the_chart_over_time_keeps_the_drift_that_estimates_level_out() -> None:
    steep = make_recording(requests=("list",), rate=400, rounds=1, shape=0.01, tail=0.0, block_sd=0.2, drift=0.0)
    figures = latency.measure([Side(steep, 0), Side(steep, 1)], paired=True)
    a_round = steep.rounds[0]
    chosen = completed(a_round, 0)
    times, pair = latency_ns(a_round, chosen) / 1e6, a_round.samples["pair"][chosen]
    expected = [np.median(times[pair == p]) for p in range(8)]
    assert figures.blocks[0][0, 0].tolist() == pytest.approx(expected, rel=0.01)
    assert figures.blocks[0][0, -1].tolist() == pytest.approx(expected, rel=0.01)


def test_where_kinds_are_mixed_the_values_are_the_true_percentiles_everywhere() -> None:
    """A report once said p50 19.9 -> 11.9 ms where the requests it had measured had 3.34 -> 2.56."""
    recording = make_recording(
        effects={"slow": -0.5},
        requests=("fast", "slow"),
        weights=(3, 1),
        base_ms=(3.0, 80.0),
        variants=((1.0, 1.0, 4.0), (1.0,)),
        rate=300,
        rounds=6,
    )
    result = analyse(recording)
    for metric, quantile, name in [
        *(("latency_p50", 50, name) for name in ("all", "fast")),
        ("latency_p95", 95, "all"),
        ("latency_p99", 99, "all"),
    ]:
        true = []
        for arm in (0, 1):
            parts = []
            for a_round in recording.rounds:
                chosen = completed(a_round, arm) & ((name == "all") | (a_round.samples["request"] == 0))
                parts.append(latency_ns(a_round, chosen) / 1e6)
            true.append(float(np.percentile(np.concatenate(parts), quantile)))
        row = next(r for r in result.comparisons if (r.metric, r.request) == (metric, name))
        assert row.typical
        assert [row.baseline, row.candidate] == pytest.approx(true, rel=0.02)
        levels = [lv.estimate for lv in result.levels if (lv.metric, lv.request) == (metric, name)]
        assert [each.value for each in levels] == [row.baseline, row.candidate]
        assert all(each.low < each.value < each.high for each in levels)
        charts = next(d for d in result.details if d.request == name).charts
        drawn = [float(np.interp(quantile, curve.x, curve.y)) for curve in charts["percentiles"]]
        assert drawn == pytest.approx(true, rel=0.03)
    overall = next(r for r in result.comparisons if (r.metric, r.request) == ("latency_p50", "all"))
    assert -0.5 < overall.change < -0.3, "nearly all of the time goes to the name that became faster"
    assert "p50 latency typically" in describe(overall)
    slow = next(r for r in result.comparisons if (r.metric, r.request) == ("latency_p50", "slow"))
    assert not slow.typical
    assert slow.candidate / slow.baseline - 1 == pytest.approx(slow.change)


def test_one_kind_of_request_has_no_typical_change() -> None:
    rows = analyse(make_recording(requests=("list",), rounds=4)).comparisons
    found = {(row.metric, row.request): row for row in rows if row.metric.startswith("latency")}
    for (metric, _), row in found.items():
        assert not row.typical
        assert row.baseline == found[metric, "all"].baseline


def test_a_request_that_no_round_knows_warns_of_nothing() -> None:
    unknown = np.full((2, 1), np.nan)
    logs = np.concatenate([np.zeros((2, 9)), unknown], axis=1)
    effects = Effects(np.full((2, 10), 0.1) + 0 * logs, {}, np.zeros(2), 20, 0)
    figures = latency.Latency({"latency_p50": (logs, logs)}, np.full(10, 0.1), np.ones(10), (), (), {}, effects)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert figures.changes("latency_p50", -1) == pytest.approx([0.1, 0.1])
