"""What is concluded from histograms is what is concluded from every request, within the histogram's 0.1 %."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from folding import folded
from perfproof.judge import analyse, compare
from perfproof.model.metrics import ALL
from perfproof.stats import quantiles
from perfproof.stats.distributions import beta_cdf
from perfproof.stats.quantiles import harrell_davis
from recording_builders import make_recording

PRECISION = 1e-3


@pytest.fixture(scope="module")
def raw():
    return make_recording(
        rounds=4,
        effect=-0.1,
        errors=0.004,
        rate=400.0,
        requests=("list", "show"),
        variants=[[1.0, 2.5], [1.0]],
        growth=50_000.0,
    )


@pytest.fixture(scope="module")
def both(raw, tmp_path_factory):
    return analyse(raw), analyse(folded(raw, tmp_path_factory.mktemp("folded")))


def test_every_level_is_the_same_within_the_precision_of_a_histogram(both):
    exact, coarse = ({(level.metric, level.request, level.arm): level.estimate for level in r.levels} for r in both)
    assert exact.keys() == coarse.keys()
    for key, estimate in exact.items():
        if key[0] != "memory_growth":  # its moments are those of blocks, not of requests
            assert coarse[key].value == pytest.approx(estimate.value, rel=PRECISION), key


def test_every_change_and_its_interval_is_the_same_within_the_precision_of_a_histogram(both):
    exact, coarse = ({(row.metric, row.request): row for row in r.comparisons} for r in both)
    assert exact.keys() == coarse.keys()
    for key, row in exact.items():
        if key[0] == "memory_growth":
            continue
        assert coarse[key].verdict == row.verdict, key
        if row.change is not None:
            # A change is the ratio of two figures, each of which may be off by the precision.
            assert 1 + coarse[key].change == pytest.approx(1 + row.change, rel=2 * PRECISION), key
            assert 1 + coarse[key].ci_low == pytest.approx(1 + row.ci_low, rel=4 * PRECISION), key


def test_memory_still_grows_by_about_as_much(both):
    exact, coarse = ([lv.estimate.value for lv in r.levels if lv.metric == "memory_growth"] for r in both)
    assert coarse == pytest.approx(exact, rel=0.05)


def test_what_became_of_the_requests_is_exactly_the_same(both):
    exact, coarse = both
    for one, other in zip(exact.details, coarse.details, strict=True):
        assert other.counts == one.counts
        assert other.errors == one.errors
    assert coarse.sentence.split("(")[0] == exact.sentence.split("(")[0]


def test_charts_show_the_same_lines(both):
    exact, coarse = (next(d for d in r.details if d.request == ALL).charts for r in both)
    assert exact.keys() == coarse.keys()
    for key in ("percentiles", "service_time"):
        for one, other in zip(exact[key], coarse[key], strict=True):
            assert other.x == one.x
            assert other.y == pytest.approx(one.y, rel=PRECISION)
    for one, other in zip(exact["ecdf"], coarse["ecdf"], strict=True):
        assert np.interp(20.0, other.x, other.y) == pytest.approx(np.interp(20.0, one.x, one.y), abs=0.01)


def test_a_run_of_histograms_is_compared_with_one_of_requests(raw, tmp_path):
    result = compare(raw, folded(raw, tmp_path))
    row = next(row for row in result.comparisons if (row.metric, row.request) == ("latency_p95", ALL))
    assert row.change == pytest.approx(0, abs=2 * PRECISION)


def test_more_variants_than_are_told_apart_are_one(tmp_path):
    many = make_recording(rounds=1, requests=("list",), variants=[[1.0] * 65])
    assert set(folded(many, tmp_path).rounds[0].samples["variant"]) == {0}


@given(st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 50)), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_a_quantile_of_counted_values_is_that_of_the_values_written_out(pairs, quantile):
    pairs.sort()
    values, counts = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    whole = harrell_davis(np.repeat(values, counts), quantile)
    assert harrell_davis(values, quantile, counts) == pytest.approx(whole, rel=1e-9)


def test_of_many_values_only_those_that_have_a_weight_are_looked_at(monkeypatch):
    asked = []
    monkeypatch.setattr(quantiles, "beta_cdf", lambda a, b, x: asked.append(len(x)) or beta_cdf(a, b, x))
    values = np.arange(1, 20_001, dtype=np.int64)
    for quantile in (0.01, 0.5, 0.99):
        counted = harrell_davis(values, quantile, np.full(len(values), 3))
        assert counted == pytest.approx(harrell_davis(np.repeat(values, 3), quantile), rel=1e-9)
    assert max(asked) < 2_000
