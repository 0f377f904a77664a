"""Contract tests for plugins: import them in the tests of a package that brings a report format.

    from perfproof.testing import ReportFormatContract
    from perfproof_asciidoc import write

    class TestAsciidoc(ReportFormatContract):
        write = staticmethod(write)

pytest then runs every test of the contract on every sample result. Needs pytest, which installs with perfproof.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from perfproof.model.metrics import ALL, METRICS
from perfproof.model.result import (
    BudgetCheck,
    Comparability,
    Comparison,
    Detail,
    Estimate,
    Fact,
    Finding,
    Level,
    Result,
    Role,
    Verdict,
)
from perfproof.model.scenario import Goal

HOSTILE = "<script>alert(1)</script> \x1b[31m | \u202e `'\" =cmd() \udcff"
"""A request name that tries to break out of what it is written into: markup, a terminal, a table, a formula, UTF-8."""

NAN = float("nan")


def sample_results() -> dict[str, Result]:
    """Return results of every shape that a report meets, by what is special about them. Always the same."""
    return {
        "compared": _compared(("list", "show")),
        "single run": _single(),
        "nothing known": _unknown(),
        "empty": _empty(),
        "hostile names": _compared((HOSTILE,), sentence=f"Goal missed: {HOSTILE}"),
        "many requests": _compared(tuple(f"GET /things/{number}" for number in range(300))),
    }


def _compared(requests: tuple[str, ...], sentence: str = "Goal missed: p95 fell by 12 %, of 20 % promised.") -> Result:
    goal = Goal("latency_p95", 0.2, 0.3)
    rows = [_row("latency_p95", ALL, 118.0, -0.12, Verdict.SHORT, "goal", goal)]
    rows += [_row("latency_p50", name, 12.5 + at, -0.3, Verdict.IMPROVED, "gate") for at, name in enumerate(requests)]
    rows.append(_row("memory_peak", ALL, 86_400_000.0, 0.004, Verdict.EQUIVALENT, "shown"))
    arms = ("baseline", "candidate")
    return Result(
        kind="ab",
        scenario="shop",
        run_ids=("20261128-061502-shop-9f3a",),
        arms=arms,
        verdict=Verdict.SHORT,
        sentence=sentence,
        exit_code=1,
        rounds=12,
        planned_rounds=12,
        seconds=148.2,
        comparisons=tuple(rows),
        levels=tuple(_level(row, arm) for row in rows for arm in arms),
        budgets=(
            BudgetCheck("latency_p95", ALL, "candidate", "ms", 500.0, 103.8, False),
            BudgetCheck("error_rate", requests[0], "candidate", "ratio", 0.01, 0.04, True),
        ),
        findings=(Finding("response_changed", requests[0], "warning", "A field is gone.", {"removed": ["$.total"]}),),
        comparability=Comparability((Fact("command", "serve --old", "serve --new"),), ("The machine had other work.",)),
        details=tuple(Detail(name, {}, {arm: {"sent": 4800, "failed": 2} for arm in arms}) for name in requests),
        started_at="2026-11-28T06:15:02+00:00",
        advice="Look at the first request.",
    )


def _row(
    metric: str, request: str, base: float, change: float, verdict: Verdict, role: Role, goal: Goal | None = None
) -> Comparison:
    return Comparison(
        metric=metric,
        request=request,
        unit=METRICS[metric].unit,
        baseline=base,
        candidate=base * (1 + change),
        change=change,
        ci_low=change - 0.02,
        ci_high=change + 0.02,
        confidence=0.95,
        verdict=verdict,
        role=role,
        rounds=12,
        goal=goal,
        stretch_met=None if goal is None else False,
        round_changes=tuple(change + 0.01 * (number % 3 - 1) for number in range(12)),
        impact=40.0,
        notes=("about 18 more rounds would settle it",),
    )


def _level(row: Comparison, arm: str) -> Level:
    value = (row.baseline if arm == "baseline" else row.candidate) or 0.0
    return Level(row.metric, row.request, arm, row.unit, Estimate(value, value * 0.98, value * 1.02, 0.95, row.rounds))


def _single() -> Result:
    level = Level("latency_p95", ALL, "main", "ms", Estimate(118.0, 116.0, 120.0, 0.95, 12))
    return _bare("run", ("main",), "Recorded 12 rounds of main: p95 118 ms.", 0, Verdict.EQUIVALENT, (level,))


def _unknown() -> Result:
    level = Level("latency_p95", ALL, "candidate", "ms", Estimate(NAN, None, None, None, 0))
    sentence = "Nothing can be said: the candidate died in round 1."
    return _bare("ab", ("baseline", "candidate"), sentence, 4, Verdict.INVALID, (level,))


def _empty() -> Result:
    return _bare("ab", (), "Nothing was measured.", 3, Verdict.INCONCLUSIVE, ())


def _bare(
    kind: str, arms: tuple[str, ...], sentence: str, code: int, verdict: Verdict, levels: tuple[Level, ...]
) -> Result:
    return Result(
        kind="run" if kind == "run" else "ab",
        scenario="shop" if arms else "",
        run_ids=("20261128-061502-shop-9f3a",) if arms else (),
        arms=arms,
        verdict=verdict,
        sentence=sentence,
        exit_code=code,
        rounds=12 if kind == "run" else 0,
        planned_rounds=12,
        seconds=0.0,
        comparisons=(),
        levels=levels,
        budgets=(),
        findings=(),
        comparability=Comparability(()),
    )


class ReportFormatContract:
    """What every report format keeps. ``write`` is the function that the entry point names, ``ending`` its files'."""

    write: ClassVar[Callable[[Result, Path], None]]
    ending: ClassVar[str] = ".out"

    @pytest.fixture(params=sorted(sample_results()))
    def result(self, request: pytest.FixtureRequest) -> Result:
        """Return each sample in turn."""
        return sample_results()[request.param]

    def test_any_result_is_written_to_a_file_that_is_not_empty(self, result: Result, tmp_path: Path) -> None:
        """A report of an invalid, empty or hostile result is a report, too: that is when one is needed most."""
        file = self._written(result, tmp_path / "report")
        assert file.stat().st_size > 0

    def test_nothing_is_written_beside_the_file(self, result: Result, tmp_path: Path) -> None:
        """The file is renamed into its place when it is whole; whatever lies beside it would stay behind."""
        file = self._written(result, tmp_path / "report")
        assert [each.name for each in file.parent.iterdir()] == [file.name]

    def test_the_result_alone_decides_what_is_in_it(self, result: Result, tmp_path: Path) -> None:
        """The same result gives the same bytes: reports are compared and committed."""
        first = self._written(result, tmp_path / "first").read_bytes()
        assert self._written(result, tmp_path / "second").read_bytes() == first

    def test_a_report_that_is_there_is_replaced(self, tmp_path: Path) -> None:
        """No byte of an older, longer report may be left."""
        fresh = self._written(sample_results()["empty"], tmp_path / "fresh").read_bytes()
        file = self._written(sample_results()["many requests"], tmp_path / "old")
        type(self).write(sample_results()["empty"], file)
        assert file.read_bytes() == fresh

    def test_a_place_that_cannot_be_written_is_an_error_of_the_system(self, tmp_path: Path) -> None:
        """``OSError`` goes through, for perfproof tells it with the file's name and what to do."""
        with pytest.raises(OSError):  # noqa: PT011 - any of them
            type(self).write(sample_results()["compared"], tmp_path / "missing" / f"report{self.ending}")

    def _written(self, result: Result, folder: Path) -> Path:
        folder.mkdir()
        file = folder / f"report{self.ending}"
        type(self).write(result, file)
        return file
