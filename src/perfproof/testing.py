"""Contract tests for plugins: import them in the tests of a package that brings a report format, or a check.

    from perfproof.testing import ReportFormatContract
    from perfproof_asciidoc import write

    class TestAsciidoc(ReportFormatContract):
        write = staticmethod(write)

pytest then runs every test of the contract on every sample result. For a check:

    from perfproof.testing import CheckContract
    from perfproof_licences import CHECK

    class TestLicences(CheckContract):
        check = CHECK

Needs pytest, which does not install with perfproof.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from perfproof.checks.arm import CheckedArm, KnownRequest, NotCheckedError, OverError, ProbeClient
from perfproof.checks.protocol import Check
from perfproof.documents.document import Document, parse
from perfproof.http.plain_client import Client
from perfproof.model.checks import Compared
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
from perfproof.model.scenario import Arm, Goal, Service

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
    rows = [_row("latency_p95", ALL, 118.0, -0.12, Verdict.GOAL_MISSED, "goal", goal)]
    rows += [_row("latency_p50", name, 12.5 + at, -0.3, Verdict.IMPROVED, "gate") for at, name in enumerate(requests)]
    rows.append(_row("memory_peak", ALL, 86_400_000.0, 0.004, Verdict.EQUIVALENT, "shown"))
    arms = ("baseline", "candidate")
    return Result(
        kind="ab",
        scenario="shop",
        run_ids=("20261128-061502-shop-9f3a",),
        arms=arms,
        verdict=Verdict.GOAL_MISSED,
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


class _Tried(BaseHTTPRequestHandler):
    """A small service that counts whoever asks it to write."""

    protocol_version = "HTTP/1.1"
    written: ClassVar[list[str]] = []
    document: ClassVar[dict[str, Any]] = {
        "openapi": "3.1.0",
        "info": {"title": "tried", "version": "1"},
        "paths": {
            "/things": {
                "get": {
                    "parameters": [{"name": "limit", "in": "query", "schema": {"type": "integer"}}],
                    "responses": {"200": {"description": "some"}},
                },
                "post": {
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"type": "object", "required": ["name"]}}},
                    },
                    "responses": {"201": {"description": "made"}, "400": {"description": "wrong"}},
                },
            },
            "/things/{id}": {
                "get": {
                    "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
                    "responses": {"200": {"description": "one"}, "404": {"description": "none"}},
                }
            },
        },
    }

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        length = int(self.headers.get("content-length") or 0)
        self.rfile.read(length)
        if self.command not in ("GET", "HEAD", "OPTIONS"):
            self.written.append(f"{self.command} {self.path}")
        known: dict[str, Any] = {
            "/openapi.json": self.document,
            "/things": [{"id": number, "secret": "hunter2-hunter2"} for number in range(1, 6)],
            "/things/1": {"id": 1, "secret": "hunter2-hunter2"},
        }
        found = known.get(path) if self.command in ("GET", "HEAD") else None
        body = json.dumps(found if found is not None else {"message": "there is no such thing"}).encode()
        self.send_response(200 if found is not None else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_OPTIONS = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server's names


class CheckContract:
    """What every check keeps. ``check`` is the object that the entry point names, ``configured`` its settings."""

    check: ClassVar[Check]
    configured: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    def origin(self) -> Iterator[str]:
        """Lend a small service with an OpenAPI document, on this machine."""
        _Tried.written.clear()
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Tried)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        server.server_close()

    def _settings(self) -> dict[str, Any]:
        return {each.name: each.default for each in self.check.settings} | self.configured

    def _arm(self, origin: str, *, most: int = 300, document: bool = True, writes: bool = False) -> CheckedArm:
        written: Document | None = parse(json.dumps(_Tried.document), "/openapi.json") if document else None
        return CheckedArm(
            arm=Arm("candidate", Service(url=origin)),
            asker=ProbeClient(Client(origin), most, 30.0),
            settings=self._settings(),
            requests=(KnownRequest("things", "GET", "/things", path="/things"),),
            document=written,
            undocumented="" if document else "there is none",
            writes=writes,
        )

    def _observed(self, origin: str, **kwargs: Any) -> dict[str, Any]:
        try:
            return dict(self.check.observe(self._arm(origin, **kwargs)))
        except (NotCheckedError, OverError):
            return {}

    def test_it_names_itself_and_its_metrics_and_settings(self) -> None:
        """Names stand in scenarios; a metric says which check it is of, so that a goal on it makes the check."""
        assert self.check.name.isidentifier()
        assert self.check.name == self.check.name.lower()
        assert self.check.version >= 1
        assert self.check.metrics
        assert all(metric.check == self.check.name for metric in self.check.metrics)
        assert all(each.help and each.name.isidentifier() for each in self.check.settings)

    def test_its_facts_are_json_and_hold_no_body(self, origin: str) -> None:
        """What a service holds of people must not end in a run directory that is handed round."""
        text = json.dumps(self._observed(origin), allow_nan=False)
        assert "hunter2" not in text

    def test_it_writes_nothing_unless_it_may(self, origin: str) -> None:
        """A check that is not opted in sends requests that read, and no others."""
        self._observed(origin)
        assert _Tried.written == []

    def test_it_ends_when_its_requests_are_used_up(self, origin: str) -> None:
        """With one request it tells what it has, or that it has nothing."""
        arm = self._arm(origin, most=1)
        with suppress(OverError, NotCheckedError):
            self.check.observe(arm)
        assert arm.asker.asked <= 1

    def test_it_can_do_without_a_document(self, origin: str) -> None:
        """Whatever it cannot see without one is left out or open; nothing else may be raised."""
        self._judged(self._observed(origin, document=False))

    def test_the_same_facts_on_both_arms_are_no_change(self, origin: str) -> None:
        """An arm compared with itself has the same value on both sides."""
        facts = self._observed(origin)
        if facts:
            for measure in self.check.compare(facts, facts, self._settings()).measures:
                assert measure.baseline == measure.candidate or measure.baseline is None

    def test_what_it_could_not_measure_says_why(self, origin: str) -> None:
        """An open figure without a reason and a fix helps nobody."""
        compared = self._judged(self._observed(origin))
        assert all(measure.why for measure in compared.measures if measure.candidate is None)
        assert {measure.metric for measure in compared.measures} <= {metric.name for metric in self.check.metrics}

    def _judged(self, facts: dict[str, Any]) -> Compared:
        # As they are read back from a run directory.
        return self.check.compare(None, json.loads(json.dumps(facts)), self._settings()) if facts else Compared()
