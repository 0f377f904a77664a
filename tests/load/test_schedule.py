from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from late import Late
from perfproof.load.schedule import arrivals, mean_rate, sequence, steady
from perfproof.model.scenario import Stage

stats = Late("scipy.stats")


def test_gaps_of_poisson_arrivals_pass_a_kolmogorov_smirnov_test():
    gaps = np.diff(arrivals(steady(1000, 10), 1000, seed=11)) / 1e9
    assert len(gaps) == 9_999
    assert stats.kstest(gaps, "expon", args=(0, 1 / 1000)).pvalue > 0.01


@settings(deadline=None)
@given(st.floats(0.5, 2000), st.floats(0.1, 3), st.integers(0, 2**63 - 1), st.sampled_from(["poisson", "constant"]))
def test_arrivals_are_sorted_within_the_block_and_as_many_as_the_rate_asks(rate, seconds, seed, kind):
    due = arrivals(steady(rate, seconds), rate, seed, kind)
    assert abs(len(due) - rate * seconds) < 1
    assert (np.diff(due) >= 0).all()
    assert ((due >= 0) & (due <= seconds * 1e9)).all()
    assert (due == arrivals(steady(rate, seconds), rate, seed, kind)).all()


RAMP = (Stage(2.0, 300.0), Stage(1.0, 300.0), Stage(0.5, 0.0), Stage(1.0, 0.0), Stage(1.0, 50.0))


def test_requests_through_stages_follow_the_rate_and_stop_where_it_is_nought():
    due = arrivals(RAMP, 0.0, 3, "constant") / 1e9
    assert mean_rate(RAMP, 0.0) * 5.5 == pytest.approx(300 + 300 + 75 + 0 + 25)
    counts = np.histogram(due, [0, 1, 2, 3, 3.5, 4.5, 5.5])[0]
    assert counts == pytest.approx([75, 225, 300, 75, 0, 25], abs=1)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.1, 5), st.floats(0, 300)), min_size=1, max_size=5),
    st.floats(0, 300),
    st.integers(0, 2**32),
    st.sampled_from(["poisson", "constant"]),
)
def test_any_stages_give_sorted_instants_as_many_as_their_rates_ask(stages, start, seed, kind):
    profile = tuple(Stage(*each) for each in stages)
    due = arrivals(profile, start, seed, kind)
    seconds = sum(stage.seconds for stage in profile)
    assert abs(len(due) - mean_rate(profile, start) * seconds) < 1 + 1e-6
    assert (np.diff(due) >= 0).all()
    assert ((due >= 0) & (due <= seconds * 1e9)).all()


def test_poisson_arrivals_through_a_ramp_are_uniform_on_the_scale_of_requests():
    due = arrivals((Stage(10.0, 2000.0),), 0.0, 5) / 1e9
    assert len(due) == 10_000
    assert stats.kstest((due / 10) ** 2, "uniform").pvalue > 0.01


def test_a_fractional_number_of_requests_is_right_on_average():
    counts = [len(arrivals(steady(3, 0.5), 3, seed)) for seed in range(400)]
    assert set(counts) == {1, 2}
    assert np.mean(counts) == pytest.approx(1.5, abs=0.1)


def test_constant_arrivals_have_equal_gaps_and_a_phase_of_their_own():
    first, second = (arrivals(steady(100, 1), 100, seed, "constant") for seed in (1, 2))
    assert np.ptp(np.diff(first)) <= 1
    assert first[0] != second[0]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.1, 10), st.integers(1, 5)), min_size=1, max_size=6),
    st.integers(0, 2**32),
    st.integers(1, 300),
)
def test_a_deck_holds_every_request_in_proportion_and_its_variants_evenly(requests, seed, deck):
    weights, variants = zip(*requests, strict=True)
    cards = list(islice(sequence(weights, variants, seed, deck), deck))
    owner = [name for name, count in enumerate(variants) for _ in range(count)]
    names = Counter(owner[card] for card in cards)
    for name, weight in enumerate(weights):
        assert abs(names[name] - deck * weight / sum(weights)) <= 1 + 1e-6
        mine = [cards.count(card) for card, of in enumerate(owner) if of == name]
        assert max(mine) - min(mine) <= 1
    assert cards == list(islice(sequence(weights, variants, seed, deck), deck))


def test_every_stretch_of_an_endless_sequence_has_about_the_right_mix():
    cards = np.array(list(islice(sequence([3, 1], [1, 1], seed=5), 6400)))
    shares = [(cards[start : start + 640] == 0).mean() for start in range(0, 6400, 640)]
    assert shares == pytest.approx([0.75] * 10, abs=0.01)


def test_a_request_of_weight_nought_is_never_sent():
    assert 1 not in list(islice(sequence([1, 0, 1], [1, 1, 1], seed=1), 1000))
    assert 2 not in list(islice(sequence([1, 1, 0], [1, 1, 1], seed=1), 1000))
