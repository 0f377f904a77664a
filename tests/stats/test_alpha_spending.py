from __future__ import annotations

import numpy as np
import pytest

from perfproof.stats.alpha_spending import ALPHA, boundary, confidence, planned_looks
from perfproof.stats.distributions import normal_quantile


def test_twelve_rounds_have_the_published_boundaries() -> None:
    assert planned_looks(12) == (4, 8, 12)
    assert [round(boundary(n, 12), 2) for n in (4, 8, 12)] == [4.07, 2.88, 2.35]


def test_fewer_than_six_rounds_are_looked_at_once() -> None:
    assert planned_looks(5) == (5,)
    assert planned_looks(12, early_stop=False) == (12,)
    assert confidence(5, 5) == pytest.approx(0.98)


@pytest.mark.parametrize("planned", [6, 8, 10, 12, 20])
def test_looking_three_times_keeps_the_error_of_the_whole_run(planned: int) -> None:
    rng = np.random.default_rng(planned)
    moments = planned_looks(planned)
    walks = np.cumsum(rng.normal(size=(200_000, planned)), axis=1)[:, np.array(moments) - 1]
    limits = np.array([boundary(n, planned) * np.sqrt(n) for n in moments])
    error = float((np.abs(walks) > limits).any(axis=1).mean())
    assert error == pytest.approx(ALPHA, abs=0.0015)


def test_an_interrupted_run_is_judged_by_its_fraction() -> None:
    assert boundary(8, 12) > boundary(10, 12) > boundary(12, 12) == boundary(14, 12)


@pytest.mark.parametrize(("candidates", "planned"), [(2, 12), (3, 6), (5, 12), (7, 5)])
def test_several_candidates_that_share_a_first_version_keep_the_error_of_the_whole_run(
    candidates: int, planned: int
) -> None:
    rng = np.random.default_rng(candidates)
    moments = np.array(planned_looks(planned)) - 1
    walks = rng.normal(size=(candidates + 1, 40_000, planned))
    differences = np.cumsum((walks[1:] - walks[0]) / np.sqrt(2), axis=2)[:, :, moments]
    limits = np.array([boundary(n + 1, planned, candidates=candidates) * np.sqrt(n + 1) for n in moments])
    error = float((np.abs(differences) > limits).any(axis=(0, 2)).mean())
    assert 0.35 * ALPHA < error <= ALPHA + 0.0015, "never too often, and not much more careful than needed"
    alone = float((np.abs(differences[0]) > limits).any(axis=1).mean())
    assert alone <= ALPHA / candidates + 0.0012


@pytest.mark.parametrize(("rounds", "planned"), [(1, 200), (2, 30), (3, 200)])
def test_two_of_many_planned_rounds_have_a_confidence_below_one(rounds: int, planned: int) -> None:
    sure = confidence(rounds, planned)
    assert 0.999 < sure < 1.0
    assert normal_quantile(1 - (1 - sure) / 2) > 7.5
