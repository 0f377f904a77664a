"""Every distribution is SciPy's, to more digits than any verdict uses."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from late import Late
from perfproof.stats import distributions

special, stats = Late("scipy.special"), Late("scipy.stats")

DF = (0.5, 1.0, 1.7, 2.0, 3.0, 4.4, 7.0, 11.0, 23.5, 60.0, 150.0, 1000.0, 1e5, 1e8)
VALUES = (-400.0, -37.0, -9.0, -4.0, -2.0, -1.2, -0.3, -1e-3, 0.0, 1e-6, 0.1, 0.9, 1.96, 3.0, 8.0, 100.0)


def test_the_normal_distribution_and_its_quantiles():
    for value in (-30.0, -5.0, -1.0, 0.0, 0.3, 2.5, 8.0):
        assert distributions.normal_cdf(value) == pytest.approx(special.ndtr(value), rel=1e-12)
    for probability in (1e-12, 0.001, 0.025, 0.5, 0.8, 0.975, 0.99999):
        assert distributions.normal_quantile(probability) == pytest.approx(special.ndtri(probability), rel=1e-12)


@pytest.mark.parametrize("df", DF)
def test_students_t(df):
    for value in VALUES:
        assert distributions.student_cdf(df, value) == pytest.approx(special.stdtr(df, value), rel=2e-9), value


@pytest.mark.parametrize("df", [*DF, 1e12, np.inf])
def test_quantiles_of_students_t(df):
    for probability in (0.001, 0.025, 0.2, 0.5, 0.8, 0.9, 0.95, 0.975, 0.995, 0.99995):
        wanted = stats.t.ppf(probability, df)
        assert distributions.student_quantile(df, probability) == pytest.approx(wanted, rel=1e-9, abs=1e-12), (
            probability
        )


@pytest.mark.parametrize("df", DF)
def test_a_quantile_is_found_in_few_steps(df, monkeypatch):
    asked = []
    beta = distributions._beta
    monkeypatch.setattr(distributions, "_beta", lambda *values: asked.append(values) or beta(*values))
    for probability, most in ((0.8, 10), (0.975, 30), (0.995, 30), (0.99995, 50)):
        asked.clear()
        distributions.student_quantile.__wrapped__(df, probability)
        assert 0 < len(asked) <= most, probability


def test_the_tail_of_f():
    for one in (1.0, 3.0, 7.5, 40.0, 300.0):
        for two in (2.0, 11.0, 90.0):
            for value in (0.0, 1e-6, 0.2, 1.0, 2.7, 30.0, 1e5):
                wanted = special.fdtrc(one, two, value)
                assert distributions.f_survival(one, two, value) == pytest.approx(wanted, rel=1e-10), (one, two, value)


@given(
    st.floats(0.005, 2e4),
    st.floats(0.005, 2e4),
    st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=9),
)
def test_the_incomplete_beta_function(a, b, values):
    found = distributions.beta_cdf(a, b, np.array(values))
    assert found == pytest.approx(special.betainc(a, b, values), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("count", "quantile"), [(1, 0.5), (7, 0.99), (480, 0.95), (100_000, 0.5), (1_000_000, 0.99)])
def test_the_weights_of_a_quantile_of_few_and_of_a_million(count, quantile):
    a, b = (count + 1) * quantile, (count + 1) * (1 - quantile)
    spread = 8 * np.sqrt(quantile * (1 - quantile) / (count + 2)) * count
    first, last = max(0, int(quantile * count - spread)), min(count, int(quantile * count + spread) + 1)
    edges = np.arange(first, last + 1) / count
    wanted, found = np.diff(special.betainc(a, b, edges)), np.diff(distributions.beta_cdf(a, b, edges))
    assert np.abs(found - wanted).max() < 1e-9 * wanted.max()


def test_exact_intervals_of_a_share():
    for failed, sent in ((1, 10), (1, 1_000_000), (37, 5000), (4999, 5000), (20_000, 1_000_000)):
        for probability in (0.025, 0.5, 0.975):
            wanted = special.betaincinv(failed, sent - failed + 1, probability)
            found = distributions.beta_quantile(failed, sent - failed + 1, probability)
            assert found == pytest.approx(wanted, rel=1e-8), (failed, sent)


def test_ways_to_choose():
    chosen = np.arange(0, 61)
    wanted = special.gammaln(61) - special.gammaln(chosen + 1) - special.gammaln(61 - chosen)
    assert distributions.log_choose(60, chosen) == pytest.approx(wanted, abs=1e-11)


@given(st.lists(st.integers(-3, 3).map(float), max_size=30))
def test_ranks_are_shared_by_equals(values):
    assert distributions.ranks(np.array(values)).tolist() == stats.rankdata(values).tolist()


def test_no_module_of_the_program_needs_scipy():
    code = (
        "import sys, pkgutil, importlib; sys.modules['scipy'] = None\n"
        "import perfproof.judge as top\n"
        "for each in pkgutil.walk_packages(top.__path__, 'perfproof.judge.'): importlib.import_module(each.name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
