from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import builders
import pytest

from perfproof.model.metrics import ALL
from perfproof.model.result import Curve
from perfproof.report.page import charts, svg
from perfproof.verdict import display_rows

RESULT = builders.make_result()
WHOLE = RESULT.details[0]


@pytest.mark.parametrize("key", charts.KINDS)
def test_every_chart_of_a_detail_names_both_arms_and_differs_in_line_style(key: str) -> None:
    drawing = charts.line_chart(charts.KINDS[key], WHOLE.charts[key], "c", "A title")
    root = ElementTree.fromstring(drawing)
    texts = [element.text for element in root.iter("text")]
    assert texts.count("baseline") == texts.count("candidate") == 1
    styles = {path.get("style", "") for path in root.iter("path") if "--arm" in path.get("style", "")}
    assert sum("stroke-dasharray" in style for style in styles) == 1
    assert len(styles) == 2


def test_a_chart_is_named_for_screen_readers() -> None:
    drawing = charts.line_chart(charts.KINDS["ecdf"], WHOLE.charts["ecdf"], "c", "Spread of <all>")
    root = ElementTree.fromstring(drawing)
    assert root.get("role") == "img"
    names = {element.get("id"): element.text for element in root}
    title, description = (names[name] for name in root.attrib["aria-labelledby"].split())
    assert title == "Spread of <all>"
    assert "baseline: " in str(description)


def test_only_the_colours_of_the_page_are_used() -> None:
    for key, kind in charts.KINDS.items():
        assert not re.search(r"#[0-9a-f]{3,6}\b", charts.line_chart(kind, WHOLE.charts[key], "c", "t"))
    assert not re.search(r"#[0-9a-f]{3,6}\b", charts.forest(RESULT.comparisons, "f", "t"))


def test_ids_start_with_the_prefix_and_every_reference_is_met() -> None:
    drawing = charts.forest(display_rows.by_impact(RESULT.comparisons), "plot", "t")
    ids = re.findall(r' id="([^"]+)"', drawing)
    assert all(name.startswith("plot-") for name in ids)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"(?:url\(|href=\")#([^\")]+)", drawing)) <= set(ids)


def test_the_same_input_gives_the_same_bytes() -> None:
    first, second = (charts.line_chart(charts.KINDS["ecdf"], WHOLE.charts["ecdf"], "c", "t") for _ in range(2))
    assert first == second


def test_a_line_of_400_points_stays_small() -> None:
    drawing = charts.line_chart(charts.KINDS["memory_over_time"], WHOLE.charts["memory_over_time"], "c", "t")
    assert len(drawing) < 14 * 1024


def test_the_forest_plot_shades_the_goal_where_one_is_set() -> None:
    with_goal = charts.forest([row for row in RESULT.comparisons if row.goal], "f", "t")
    without = charts.forest([row for row in RESULT.comparisons if not row.goal], "f", "t")
    assert "var(--band)" in with_goal
    assert "var(--band)" not in without


def test_a_change_off_the_scale_is_pointed_at_and_still_written() -> None:
    wild = builders.comparison("latency_p50", ALL, 1.0, 8.5, 0.4)
    drawing = charts.forest([wild, builders.comparison("latency_p95", ALL, 1.0, 0.1, 0.01)], "f", "t")
    assert "+850.0 %" in drawing
    axis = [float(found) for found in re.findall(r">[+−]?(\d+) %<", drawing)]
    assert max(axis) <= 110


@pytest.mark.parametrize(
    "curve",
    [
        Curve("baseline", (), ()),
        Curve("baseline", (1.0,), (1.0,)),
        Curve("baseline", (1.0, 1.0), (0.0, 0.0)),
        Curve("baseline", (0.0, float("nan"), 100.0), (1.0, 2.0, float("inf"))),
        Curve("baseline", (1.0, 2.0, 3.0), (float("nan"), 5.0, float("nan"))),
        Curve("base$line_$^", (1e-9, 1e9), (1e-12, 1e12)),
    ],
)
@pytest.mark.parametrize("key", charts.KINDS)
def test_odd_curves_are_drawn_without_breaking(curve: Curve, key: str) -> None:
    pair = (curve, replace(curve, label="candidate"))
    for curves in ((), (curve,), pair):
        ElementTree.fromstring(charts.line_chart(charts.KINDS[key], curves, "c", "t"))


def test_shortening_a_drawing_changes_no_point_by_more_than_a_twentieth_of_a_point() -> None:
    raw = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><g id="a">'
        '<path d="M 1.04 2.06 \nL 3.149999 -0.04 \n" style="fill: none; stroke: #010101"/></g></svg>'
    )
    drawing = svg.inline(raw, prefix="p", title="t", description="d", colours=charts.COLOURS)
    path = ElementTree.fromstring(drawing).find("path")
    assert path is not None
    assert path.attrib == {"d": "M1 2.1L3.1 0", "style": "fill:none;stroke:var(--ink)"}
