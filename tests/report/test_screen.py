from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import builders
import pytest
from rich.cells import cell_len
from rich.console import Console

from golden_files import agreed
from perfproof.cli.common.next_step import details_of, next_step
from perfproof.model.metrics import ALL
from perfproof.model.result import Finding, Result, Verdict
from perfproof.report.terminal.screen import MOST_ROWS, Ending, deciding, render_screen

GOLDEN = Path(__file__).parent / "golden"
RESULTS = {
    "ab": builders.make_result(),
    "run": builders.make_run(),
    "noise": builders.make_noise(),
    "invalid": builders.make_invalid(),
    "empty": builders.make_empty(),
}


def shown(result: Result, *, width: int = 80, terminal: bool = True, ending: Ending | None = None) -> str:
    console = Console(
        file=io.StringIO(), width=width, force_terminal=terminal, color_system=None, no_color=True, legacy_windows=False
    )
    if ending is None:
        ending = Ending(details_of("last"), *next_step(result, "last", "projects.yaml"))
    render_screen(result, console, ending)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("name", RESULTS)
def test_the_screen_shows_what_was_agreed_on(name: str) -> None:
    """Set PERFPROOF_UPDATE_GOLDEN=1 to accept a change after looking at it."""
    text = "\n".join(line.rstrip() for line in shown(RESULTS[name]).split("\n"))
    agreed(text, GOLDEN / f"screen_{name}.txt")


MANY = builders.make_result([f"a request with quite a long name, number {at}" for at in range(300)])
GRAVE = tuple(Finding("died", ALL, "error", f"the candidate died {'again and ' * 60}again", {}) for _ in range(9))
LONG = replace(MANY, sentence=f"{MANY.sentence} {'And so on, at great length. ' * 60}", findings=GRAVE)


@pytest.mark.parametrize("width", [60, 80, 132])
@pytest.mark.parametrize("result", [*RESULTS.values(), MANY, LONG])
def test_whatever_was_found_it_is_one_screen_with_the_verdict_last(result: Result, width: int) -> None:
    lines = shown(result, width=width).rstrip("\n").split("\n")
    assert len(lines) <= 22
    assert all(cell_len(line.rstrip()) <= width for line in lines)
    assert lines[-1].startswith("next: perfproof ")
    words = [at for at, line in enumerate(lines) if line[:2] in ("✓ ", "+ ", "◐ ", "≈ ", "? ", "✗ ", "! ", "● ")]
    assert words[-1] >= len(lines) - 11, "only its sentence and the next command come after the verdict"


def test_at_most_eight_rows_decide_and_the_others_are_counted() -> None:
    rows, left_out = deciding(MANY.comparisons, MOST_ROWS)
    assert len(rows) == MOST_ROWS
    assert left_out == len(MANY.comparisons) - MOST_ROWS
    assert int(re.search(r"(\d+) more figures", shown(MANY))[1]) >= left_out  # type: ignore[index]


def test_what_fails_is_never_left_out_for_what_does_not() -> None:
    worse = replace(MANY.comparisons[-1], verdict=Verdict.REGRESSED, role="gate", impact=-1e6)
    rows, _ = deciding([*(replace(row, role="gate") for row in MANY.comparisons), worse], 3)
    assert worse in rows


def test_on_a_ci_log_the_sentence_is_one_line_to_be_searched_and_the_order_is_the_same() -> None:
    text = shown(RESULTS["ab"], terminal=False)
    lines = text.rstrip("\n").split("\n")
    assert lines[-2] == RESULTS["ab"].sentence
    assert lines[-3] == "◐ SHORT"
    assert "\x1b" not in text


def test_the_lines_of_a_gate_stand_below_the_verdict_and_its_own_verdict_is_the_last_of_them() -> None:
    told = (("  ✗ peak memory +21.0 %: worse.", ""), ("✗ Gate failed: of 9 checks, 1 failed.", "bad"))
    lines = shown(MANY, ending=Ending("more", "perfproof show last --findings", "", told)).rstrip("\n").split("\n")
    assert lines[-2] == "✗ Gate failed: of 9 checks, 1 failed."
    many = (*[(f"  ✗ {'a long reason ' * 40}", "")] * 5, (f"✗ Gate failed: {'of many checks ' * 20}", "bad"))
    lines = shown(LONG, ending=Ending("more", "perfproof show last --findings", "", many)).rstrip("\n").split("\n")
    assert len(lines) <= 22
    assert lines[-3].startswith("✗ Gate failed: of many checks")


def test_what_is_accepted_is_no_regression_in_the_table() -> None:
    row = replace(
        RESULTS["ab"].comparisons[3], verdict=Verdict.REGRESSED, accepted="within the 5 % that the policy allows"
    )
    result = replace(RESULTS["ab"], comparisons=(row,), budgets=())
    assert "accepted" in shown(result)
    assert "regressed" not in shown(result)


def test_the_next_command_is_whole_however_narrow_the_terminal() -> None:
    command = "perfproof ab a/folder/deep/down/with/a/scenario/of/some/length.yaml --rounds 36"
    lines = shown(RESULTS["ab"], width=100, ending=Ending("", command, "as many would settle it")).split("\n")
    assert f"next: {command}" in [line.rstrip() for line in lines]


def test_hostile_names_reach_the_screen_neither_as_escapes_nor_as_markup() -> None:
    text = shown(builders.make_hostile(), width=200)
    assert "\x1b[31m" not in text
    assert "\x00" not in text


def test_goals_that_are_missed_leave_room_for_the_one_that_is_met_and_for_queries_that_are_fewer() -> None:
    names = [f"request {at}" for at in range(20)]
    missed = [
        replace(MANY.comparisons[0], metric="latency_p50", request=name, role="goal", verdict=Verdict.GOAL_MISSED)
        for name in names
    ]
    met = replace(missed[0], request="projects", verdict=Verdict.MET)
    fewer = replace(met, metric="queries_per_request", role="gate", verdict=Verdict.IMPROVED)
    rows, left_out = deciding([*missed, met, fewer], MOST_ROWS)
    assert met in rows
    assert fewer in rows
    assert len(rows) == MOST_ROWS
    assert left_out == 22 - MOST_ROWS
    failing = [replace(row, verdict=Verdict.REGRESSED) for row in missed]
    rows, _ = deciding([*failing, met, fewer], MOST_ROWS)
    assert all(row.verdict is Verdict.REGRESSED for row in rows), "what fails goes before all"


def test_names_that_begin_alike_can_be_told_apart_where_they_are_cut() -> None:
    rows = tuple(
        replace(MANY.comparisons[0], metric="latency_p50", request=name, verdict=Verdict.IMPROVED)
        for name in ("GET /query of something long", "GET /query of something long (2)", "another request altogether")
    )
    lines = shown(replace(MANY, comparisons=rows), width=60).split("\n")
    names = [line[:12] for line in lines if line.startswith("p50 ")]
    assert names == ["p50 GET…long", "p50 GET… (2)", "p50 another…"]
