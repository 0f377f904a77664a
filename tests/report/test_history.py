"""The history of a scenario: what the terminal, the page, CSV and JSON say; each figure once and the same."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from golden_files import agreed
from perfproof.errors import UsageError
from perfproof.model.history import Point, Trend
from perfproof.model.result import Estimate
from perfproof.model.revision import Revision
from perfproof.report.history import history, trend_svg, trend_text
from perfproof.stats.changepoints import trend

GOLDEN = Path(__file__).parent / "golden"
LEVELS = [24.2, 23.9, 24.1, 24.0, 23.8, 24.3, 24.1, 23.7, 24.4, 24.0, 28.1, 28.4, 27.9, 28.2, 28.0, 28.3, 20.1, 19.9]
EVIL = "<script>alert(1)</script>\x1b[31m\N{RIGHT-TO-LEFT OVERRIDE}"


def make_trend(values: Sequence[float] = LEVELS, other_from: int = 16, name: str = "projects") -> Trend:
    points = [
        Point(
            f"202611{at + 1:02d}-061500-{name}-{at:04x}",
            f"2026-11-{at + 1:02d}T06:15:00+00:00",
            "5ce7a210f00d",
            "e417" if at < other_from else "b0b0",
            Estimate(value, value * 0.98, None if at == 3 else value * 1.02, 0.95, 12),
            "nightly" if at % 3 == 0 else None,
            Revision(f"{at:02x}" * 20, "main" if at % 4 else "topic", at == 5) if at != 7 else None,
        )
        for at, value in enumerate(values)
    ]
    return trend("projects", "latency_p50", "all", "ms", points)


def rendered(shown: Trend, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, no_color=True, highlight=False)
    history.render(shown, console)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_shows_what_it_always_showed(width: int) -> None:
    text = rendered(make_trend(), width)
    agreed(text, GOLDEN / f"history{width}.txt")
    assert max(map(len, text.splitlines())) <= width


def test_an_empty_history_says_so() -> None:
    assert "Nothing was recorded." in rendered(make_trend([]))


def test_a_sparkline_has_a_bar_per_run_and_a_break_between_machines() -> None:
    line = trend_text.sparkline(make_trend())
    assert line == "▅▄▄▄▄▅▄▄▅▄██████┆▁▁"
    assert trend_text.sparkline(make_trend([5.0] * 4)) == "▅▅▅▅"
    assert trend_text.sparkline(make_trend([])) == ""


def test_a_change_names_the_commits_around_it() -> None:
    shown = make_trend()
    (change,) = shown.stretches[0].changes
    assert change.index == 10
    assert trend_text.commits_between(shown.stretches[0], change) == "0909090..0a0a0a0"
    text = trend_text.change(shown, shown.stretches[0], change)
    assert text.startswith("2026-11-11: 24.1 ms → 28.1 ms (+17.0 %), from run 20261111-")
    assert text.endswith("commits 0909090..0a0a0a0")


def test_a_change_within_one_commit_accuses_the_machine_and_not_the_code() -> None:
    shown = make_trend()
    points = list(shown.stretches[0].points)
    object.__setattr__(points[10], "revision", points[9].revision)
    again = trend("projects", "latency_p50", "all", "ms", points)
    assert trend_text.commits_between(again.stretches[0], again.stretches[0].changes[0]) == "within 0909090"
    object.__setattr__(points[9], "revision", None)
    assert trend_text.commits_between(again.stretches[0], again.stretches[0].changes[0]) == ""


def test_csv_and_json_hold_every_run_and_the_change() -> None:
    shown = make_trend()
    lines = list(csv.DictReader(io.StringIO(history.to_csv([shown]))))
    assert [float(line["value"]) for line in lines] == LEVELS
    assert [line["run"] for line in lines if line["level_change"]] == [shown.points[10].run]
    assert (lines[5]["dirty"], lines[7]["commit"], lines[3]["ci_high"]) == ("true", "", "")
    document = json.loads(history.to_json("projects", [shown]))
    first, second = document["trends"][0]["stretches"]
    assert [point["value"] for point in first["points"] + second["points"]] == LEVELS
    assert first["changes"][0]["commits"] == "0909090..0a0a0a0"
    assert (first["environment_hash"], second["environment_hash"]) == ("e417", "b0b0")


def test_the_page_is_whole_has_no_script_and_no_id_twice() -> None:
    page = history.to_html("projects", "all", [make_trend(), make_trend([1.0, 2.0])])
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert "<script" not in page
    assert page.count('class="trend"') == 2
    assert page.count("<circle") == 16 + 2
    assert page.count("+17.0") == 3  # in the sentence, the chart and the table


def test_names_with_markup_and_control_characters_are_only_text() -> None:
    points = [
        Point(f"{EVIL}{at}", f"2026-11-01T06:15:{at:02d}+00:00", EVIL, EVIL, Estimate(1.0 + at, None, None, None, 1),
              EVIL, Revision("ab" * 20, EVIL))
        for at in range(3)
    ]  # fmt: skip
    evil = trend(EVIL, EVIL, EVIL, EVIL, points)
    for text in (history.to_html(EVIL, EVIL, [evil]), rendered(evil, 120)):
        assert "\x1b" not in text
        assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in text
    assert "<script" not in history.to_html(EVIL, EVIL, [evil])
    json.loads(history.to_json(EVIL, [evil]))


@pytest.mark.parametrize("ending", [".html", ".csv", ".json"])
def test_a_history_is_written_by_its_ending(ending: str, tmp_path: Path) -> None:
    history.write("projects", "all", [make_trend()], tmp_path / f"h{ending}")
    assert "20261111-061500" in (tmp_path / f"h{ending}").read_text(encoding="utf-8")


def test_an_unknown_ending_and_a_missing_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no history format"):
        history.write("projects", "all", [make_trend()], tmp_path / "h.pdf")
    with pytest.raises(UsageError, match="cannot be written"):
        history.write("projects", "all", [make_trend()], tmp_path / "missing" / "h.csv")


@given(st.lists(st.floats(-1e12, 1e12), max_size=30))
def test_every_chart_is_sound_and_every_mark_is_inside_it(values: list[float]) -> None:
    root = ET.fromstring(trend_svg.to_svg(make_trend(values, other_from=9), "x", "title"))
    circles = root.findall(".//circle")
    assert len(circles) == min(9, len(values))
    for circle in circles:
        assert trend_svg.LEFT <= float(circle.attrib["cx"]) <= trend_svg.WIDTH
        assert trend_svg.TOP <= float(circle.attrib["cy"]) <= trend_svg.HEIGHT - trend_svg.BOTTOM


def test_an_interval_much_wider_than_all_else_is_drawn_whole_with_an_end_on_either_side() -> None:
    shown = make_trend()
    point = shown.stretches[0].points[4]
    object.__setattr__(point, "estimate", Estimate(23.8, -40.0, 190.0, 0.95, 2))
    for drawing, height in (
        (trend_svg.to_svg(shown, "x", "title"), trend_svg.HEIGHT - trend_svg.BOTTOM),
        (trend_svg.small(shown, "x", "title", lambda point: None), trend_svg.SMALL_HEIGHT),
    ):
        places = [
            (float(low), float(high))
            for d in re.findall(r'class="interval" d="([^"]+)"', drawing)
            for low, high in re.findall(r"M\S+ (\S+)V([^M]+)", d)
        ]
        assert len(places) == len(LEVELS) - 1, "one has an unknown end"
        lengths = sorted(low - high for low, high in places)
        assert 0.7 * height < lengths[-1] < height, "it decides what the axis spans"
        assert lengths[-2] < 0.02 * lengths[-1]
        assert all(0 <= high < low <= height for low, high in places)


def test_a_baseline_is_a_dashed_line_with_its_name_at_its_level() -> None:
    drawing = trend_svg.to_svg(make_trend(), "x", "title", references=[trend_svg.Reference(EVIL, 19.0)])
    root = ET.fromstring(drawing)
    (line,) = [each for each in root.iter("line") if each.get("class") == "reference"]
    (name,) = [each for each in root.iter("text") if each.get("class") == "named start"]
    assert float(line.attrib["y1"]) == float(line.attrib["y2"]) >= trend_svg.TOP
    assert "19.0 ms" in (name.text or "")
    assert "<script" not in drawing


BASIS = {
    "instructions counted by": "Valgrind's callgrind", "architecture": "x86_64", "C library": "glibc 2.36",
    "CPU features": "x86-64-v3", "compiler or interpreter": "Python 3.11.2",
}  # fmt: skip


def counted(*changes: tuple[int, dict[str, str] | None], runs: int = 16) -> Trend:
    """Return a trend of counts whose basis changes from given runs on; every third run is on another machine."""
    basis: dict[str, str] | None = dict(BASIS)
    points = []
    for at in range(runs):
        for begin, change in changes:
            if at == begin:
                basis = None if change is None else {**BASIS, **change}
        run, when = f"202611{at + 1:02d}-061500-projects-{at:04x}", f"2026-11-{at + 1:02d}T06:15:00+00:00"
        machine, value = "b0b0" if at % 3 == 0 else "e417", 1e6 * (1.03 if at >= 10 else 1) * (1 + at % 4 / 4000)
        estimate = Estimate(value, value * 0.999, value * 1.001, 0.98, 4)
        points.append(
            Point(run, when, "5ce7", machine, estimate, None, Revision(f"{at:02x}" * 20, "main"), basis or {})
        )
    return trend("projects", "instructions_per_request", "all", "instructions", points)


def test_counts_are_joined_across_machines_and_a_change_of_three_per_cent_is_found() -> None:
    shown = counted()
    (stretch,) = shown.stretches
    assert set(stretch.machines) == {"b0b0", "e417"}
    (change,) = stretch.changes
    assert change.index == 10
    assert change.change == pytest.approx(0.03, abs=0.002)
    assert trend_text.endings(shown) == []
    text = rendered(shown, 120)
    assert "other machine" not in text


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("C library", "glibc 2.41"), ("compiler or interpreter", "Python 3.13.1"), ("CPU features", "x86-64-v2"),
        ("architecture", "aarch64"), ("instructions counted by", "the processor's counters, user mode"),
    ],
)  # fmt: skip
def test_a_comparison_of_counts_ends_where_what_they_rest_on_changes_and_says_so(name: str, other: str) -> None:
    shown = counted((8, {name: other}))
    assert [len(each.points) for each in shown.stretches] == [8, 8]
    (ending,) = trend_text.endings(shown)
    assert ending.startswith(f"2026-11-09: the comparison ends here (other {name}: {BASIS[name]} → {other}).")
    terminal = " ".join(rendered(shown, 120).split())
    assert f"┆ other {name}" in terminal
    assert "the comparison ends here" in terminal
    page = history.to_html("projects", "all", [shown])
    assert "the comparison ends here" in page
    assert "2 machines, scenario 5ce7" in page  # the legend
    first, second = json.loads(history.to_json("projects", [shown]))["trends"][0]["stretches"]
    assert (first["counted_on"][name], second["counted_on"][name]) == (BASIS[name], other)
    assert first["machines"] == ["b0b0", "e417"]
    lines = list(csv.DictReader(io.StringIO(history.to_csv([shown]))))
    assert {line["environment_hash"] for line in lines} == {"b0b0", "e417"}
    assert lines[0]["counted_on"] == "; ".join(BASIS.values())


def test_counts_that_do_not_say_what_they_rest_on_are_joined_by_machine_as_ever() -> None:
    shown = counted((8, None))
    assert [each.environment_hash for each in shown.stretches if not each.basis] == ["e417", "b0b0"]
    assert "is known of one side only" in trend_text.endings(shown)[0]


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_are_round_few_and_inside(low: float, size: float) -> None:
    high = low + size
    if high - low < 1e-9 * abs(high):
        return
    found = trend_svg.ticks(low, high)
    assert 2 <= len(found) <= 12
    slack = 1e-6 * (high - low)
    assert all(low - slack <= tick <= high + slack for tick in found)
    assert all(math.isfinite(tick) for tick in found)


def test_a_run_with_a_goal_stands_on_what_it_asked_for() -> None:
    plain = make_trend()
    points = [replace(point, promised=(19.2, 21.6) if at == 17 else None) for at, point in enumerate(plain.points)]
    promised = trend("projects", "latency_p50", "all", "ms", points)
    drawn = [history.section(each, "t0")["svg"].count('class="promised"') for each in (plain, promised)]
    assert drawn == [0, 1]
    assert "shaded is what the goal of each run asked for" in trend_text.describe(promised)
    assert "shaded" not in trend_text.describe(plain)
