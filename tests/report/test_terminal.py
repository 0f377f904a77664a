from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace
from pathlib import Path

import builders
import pytest
from rich.cells import cell_len
from rich.console import Console

from golden_files import agreed
from perfproof.model.result import Result, SizeFigures, Verdict
from perfproof.report.terminal.full import Live, render, render_runs

GOLDEN = Path(__file__).parent / "golden"
RESULTS = {
    "ab": builders.make_result(),
    "run": builders.make_run(),
    "noise": builders.make_noise(),
    "invalid": builders.make_invalid(),
    "empty": builders.make_empty(),
}


def shown(result: Result, *, width: int = 80, terminal: bool = True, colour: bool = False) -> str:
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=terminal,
        color_system="standard" if colour else None,
        no_color=not colour,
        legacy_windows=False,
    )
    render(result, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("name", RESULTS)
def test_the_terminal_shows_what_was_agreed_on(name: str) -> None:
    """Set PERFPROOF_UPDATE_GOLDEN=1 to accept a change after looking at it."""
    text = "\n".join(line.rstrip() for line in shown(RESULTS[name]).split("\n"))
    agreed(text, GOLDEN / f"{name}.txt")


@pytest.mark.parametrize("width", [60, 80, 132])
@pytest.mark.parametrize("name", RESULTS)
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    assert all(cell_len(line.rstrip()) <= width for line in shown(RESULTS[name], width=width).split("\n"))


def test_off_a_terminal_the_sentence_is_one_line_to_be_searched_and_nothing_is_coloured() -> None:
    text = shown(RESULTS["ab"], terminal=False)
    assert RESULTS["ab"].sentence in text.split("\n")
    assert "\x1b" not in text


def test_colour_is_added_without_changing_a_letter() -> None:
    import re

    coloured = shown(RESULTS["ab"], colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == re.sub(r"\x1b\[[\d;]*m", "", shown(RESULTS["ab"]))


def test_hostile_names_reach_the_terminal_neither_as_escapes_nor_as_markup() -> None:
    text = shown(builders.make_hostile(), colour=False)
    assert "\x1b[31m" not in text
    assert "\x00" not in text
    assert "[bold]b[/bold]" in text
    assert all(cell_len(line) <= 80 for line in text.split("\n"))


def test_many_rows_are_cut_and_counted() -> None:
    many = builders.make_result([f"request {at}" for at in range(300)])
    text = shown(many)
    assert text.count("\n") < 160
    assert "more rows that decided nothing" in text


@dataclass(frozen=True)
class Row:
    id: str = "20261123-061502-projects-9f3a"
    kind: str = "ab"
    label: str | None = None
    scenario: str = "projects"
    started_at: str = "2026-11-23T06:15:02+00:00"
    status: str = "complete"
    verdict: str | None = "met"
    sentence: str | None = "Goal met: p95 of 7 of 9 requests fell by 24 % (95 % CI 21-27); and so on and on."
    rounds: int | None = 12


def listed(runs: list[Row]) -> str:
    console = Console(file=io.StringIO(), width=80, color_system=None)
    render_runs(runs, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


def test_runs_are_listed_one_to_a_line() -> None:
    text = listed([Row(), Row(label="after", kind="run", verdict=None, sentence=None, rounds=None, status="failed")])
    lines = text.rstrip().split("\n")
    assert len(lines) == 3
    assert all(cell_len(line.rstrip()) <= 80 for line in lines)
    assert "20261123-061502-projects-9f3a" in lines[1]
    assert "met" in lines[1]
    assert "failed" in lines[2]


def test_no_runs_are_said_to_be_none() -> None:
    assert listed([]) == "No runs yet.\n"


def live(*, terminal: bool, quiet: bool = False) -> str:
    console = Console(file=io.StringIO(), width=80, force_terminal=terminal, color_system=None)
    with Live(console, quiet=quiet, planned_rounds=3) as display:
        display.phase("starting both services")
        for number in (1, 2):
            display.round(number, 3)
            display.block(4, 16)
            display.estimate("p95 −24.1 % [−26.0, −22.1]")
            display.time_left(65.0)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


def test_off_a_terminal_each_round_is_one_plain_line() -> None:
    assert live(terminal=False).split("\n") == [
        "round 1 of 3",
        "round 2 of 3; so far p95 −24.1 % [−26.0, −22.1]; about 1 min 05 s left",
        "",
    ]


def test_on_a_terminal_progress_shows_round_block_estimate_and_time_left() -> None:
    text = live(terminal=True)
    for part in ("starting both services", "round 2 of 3", "block 4 of 16", "−24.1 %", "1 min 05 s left"):
        assert part in text


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet_progress_prints_nothing(terminal: bool) -> None:
    assert live(terminal=terminal, quiet=True) == ""


def test_the_terminal_is_given_back_when_the_measurement_breaks() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)

    def broken() -> None:
        with Live(console, quiet=False, planned_rounds=1) as display:
            display.round(1, 1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_a_wide_interval_breaks_no_line_and_one_query_is_one() -> None:
    result = builders.make_result()
    row = next(each for each in result.comparisons if each.verdict)
    wide = replace(row, change=0.4, ci_low=-0.99, ci_high=714.09, verdict=Verdict.INCONCLUSIVE)
    one = replace(builders.QUERIES, sizes=(None,), figures={"baseline": (SizeFigures(None, 3, 1, 1, 3, 0.5, 100),)})
    text = shown(replace(result, comparisons=(*result.comparisons, wide), queries=(one,)), terminal=False)
    assert re.search(r"\[−99\.0, \+71,409\]\s+inconclusive\n", text)
    assert "  baseline  1 query, 0.500 ms\n" in text
