from __future__ import annotations

import re

import builders
import pytest

from perfproof.model.result import Curve
from perfproof.model.scenario import Goal
from perfproof.report import goal_bands
from perfproof.report.page import charts, html

BASE = Curve("baseline", (0.0, 50.0, 95.0, 99.0), (5.0, 10.0, 40.0, 80.0))
P95 = {"latency_p95": Goal("latency_p95", 0.2, 0.3)}


def test_the_band_of_a_percentile_stands_at_that_percentile() -> None:
    (band,) = goal_bands.bands("percentiles", BASE, P95)
    assert band.at == 95.0
    assert (band.low[0], band.high[0]) == pytest.approx((28.0, 32.0))
    assert band.words == "goal p95 20–30 %"


def test_in_the_spread_it_lies_along_the_times() -> None:
    spread = Curve("baseline", (10.0, 20.0, 40.0), (0.0, 95.0, 100.0))
    (band,) = goal_bands.bands("ecdf", spread, P95)
    assert (band.axis, band.at) == ("x", 95.0)
    assert (band.low[0], band.high[0]) == pytest.approx((14.0, 16.0))


def test_a_percentile_that_was_cut_off_has_none() -> None:
    assert goal_bands.bands("percentiles", Curve("b", (0.0, 90.0), (1.0, 2.0)), P95) == []


@pytest.mark.parametrize(
    ("key", "metric", "low"),
    [
        ("latency_over_time", "latency_p50", 7.0),
        ("cpu_over_time", "cpu_per_request", 7.0),
        ("memory_over_time", "memory_steady", 7.0),
        ("memory_over_time", "memory_peak", 14.0),
    ],
)
def test_over_time_it_goes_across_at_the_level_of_the_baseline(key: str, metric: str, low: float) -> None:
    curve = Curve("b", (0.0, 1.0, 2.0), (10.0, 20.0, 10.0))
    (band,) = goal_bands.bands(key, curve, {metric: Goal(metric, 0.2, 0.3)})
    assert band.at is None
    assert band.low[0] == pytest.approx(low)


def test_of_queries_it_follows_the_growth_of_the_baseline() -> None:
    curve = Curve("b", (1.0, 10.0), (2.0, 20.0))
    (band,) = goal_bands.bands("queries", curve, {"queries_per_request": Goal("queries_per_request", 0.5)})
    assert band.low == (0.0, 0.0)
    assert band.high == (1.0, 10.0)


def test_a_goal_of_another_metric_is_not_shown_and_neither_is_one_without_a_line() -> None:
    assert goal_bands.bands("cpu_over_time", BASE, P95) == []
    assert goal_bands.bands("percentiles", Curve("b", (), ()), P95) == []


@pytest.mark.parametrize("key", charts.KINDS)
def test_every_chart_draws_the_bands_it_can_show_inside_its_axes(key: str) -> None:
    detail = builders.make_result().details[0]
    goals = {name: Goal(name, 0.2, 0.3) for name in ("latency_p50", "latency_p95", "cpu_per_request", "memory_peak")}
    plain = charts.line_chart(charts.KINDS[key], detail.charts[key], "c", "t")
    drawn = charts.line_chart(charts.KINDS[key], detail.charts[key], "c", "t", goals)
    assert "var(--band)" not in plain
    assert "var(--band)" in drawn
    assert "var(--band-line)" in drawn
    assert "shaded: goal" in drawn
    assert re.search(r"asks for [\d.,]+ to [\d.,]+", drawn)
    ticks = [re.findall(r">([\d.,]+)</text>", each) for each in (plain, drawn)]
    assert ticks[0] == ticks[1], "the axes stay as the lines made them"


def test_the_page_shows_the_goal_in_the_charts_of_the_requests_that_have_one() -> None:
    page = html.to_html(builders.make_result())
    spread = re.findall(r'<svg [^>]*aria-labelledby="(d\d+)-percentiles.*?</svg>', page, re.S)
    found = re.findall(r'<svg [^>]*aria-labelledby="d\d+-percentiles-title.*?</svg>', page, re.S)
    assert len(spread) == len(found) == 7
    assert all("var(--band)" in each for each in found)
