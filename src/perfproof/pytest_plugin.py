"""A pytest fixture and marker for teams that gate from their tests.

    @pytest.mark.perfproof("perf/shop.yaml", baseline_ref="origin/main")
    def test_the_shop_stays_fast(perfproof):
        perfproof.gate()

pytest loads this module in every session where perfproof is installed, so it imports nothing else until it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from perfproof.model.gate import GateResult
    from perfproof.model.result import Result
    from perfproof.model.scenario import Scenario

_OPTIONS = frozenset(
    {"baseline_ref", "candidate_ref", "baseline", "inconclusive", "policy", "rounds", "results", "label"}
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare where runs are kept."""
    parser.addini("perfproof_results", "folder that keeps perfproof's runs, relative to the root", default="results")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers", "perfproof(scenario, **options): the scenario and the options that `perfproof.gate()` takes here"
    )


class Perfproof:
    """Measures scenarios from a test; paths are relative to the folder of the test's file.

    Options, of the marker or of a call, are those of ``perfproof gate``: ``baseline_ref``, ``candidate_ref``,
    ``baseline`` (a name or several), ``inconclusive``, ``policy`` (a file), ``rounds``, ``label``, ``results``.
    """

    def __init__(self, folder: Path, results: Path, marked: dict[str, Any]) -> None:
        self._folder = folder
        self._results = results
        self._marked = marked

    def ab(self, scenario: str | Path | None = None, **options: Any) -> Result:
        """Measure both arms and return the result, whatever its verdict; fail the test if that ended early."""
        wanted = self._wanted(scenario, options)
        with _told():
            from perfproof import api

            refs: dict[str, Any] = {name: wanted.get(name) for name in ("baseline_ref", "candidate_ref", "label")}
            return api.ab(self._scenario(wanted), results=self._folder_of_runs(wanted), **refs).result

    def gate(self, scenario: str | Path | None = None, **options: Any) -> GateResult:
        """Measure, apply the policy and return what came of it; fail the test with the verdict's sentence.

        An undecided gate that is to fail by policy fails the test too; one that is not skips nothing and passes.
        """
        wanted = self._wanted(scenario, options)
        with _told():
            from perfproof import api

            names = ("baseline_ref", "candidate_ref", "baseline", "inconclusive", "label")
            same: dict[str, Any] = {name: wanted.get(name) for name in names}
            gate = api.gate(
                self._scenario(wanted),
                policy=self._folder / wanted["policy"] if "policy" in wanted else None,
                results=self._folder_of_runs(wanted),
                **same,
            )
        if gate.exit_code:
            failed = [row.reason for row in gate.rows if row.outcome == "failed"]
            _fail("\n".join([gate.sentence, gate.summary, *gate.notes, *failed]))
        return gate

    def _wanted(self, scenario: str | Path | None, options: dict[str, Any]) -> dict[str, Any]:
        wanted = {**self._marked, **options}
        if scenario is not None:
            wanted["scenario"] = scenario
        if "scenario" not in wanted:
            _fail('name a scenario: perfproof.gate("shop.yaml") or @pytest.mark.perfproof("shop.yaml")')
        unknown = set(wanted) - _OPTIONS - {"scenario"}
        if unknown:
            _fail(f"perfproof knows no {', '.join(sorted(unknown))}; known: {', '.join(sorted(_OPTIONS))}")
        return wanted

    def _folder_of_runs(self, wanted: dict[str, Any]) -> Path:
        return self._folder / wanted["results"] if "results" in wanted else self._results

    def _scenario(self, wanted: dict[str, Any]) -> Scenario:
        from perfproof import api

        return api.read_scenario(self._folder / wanted["scenario"], rounds=wanted.get("rounds"))


@contextmanager
def _told() -> Iterator[None]:
    """Fail the test in the words of the command line.

    pytest would show the frames of an exception with their arguments, and the environment is one of them.
    """
    from perfproof.cli.common.failure import told, unexpected
    from perfproof.errors import PerfproofError

    try:
        yield
    except PerfproofError as error:
        text = told(error)
    except Exception as error:  # noqa: BLE001 - the last net, as for the command line
        text = told(unexpected(error))
    else:
        return
    _fail(text)


def _fail(text: str) -> None:
    from perfproof.model.formatting import printable

    pytest.fail(printable(text), pytrace=False)


@pytest.fixture
def perfproof(request: pytest.FixtureRequest) -> Perfproof:
    """Return what measures scenarios, with the options of the ``perfproof`` marker."""
    marked: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("perfproof"))):  # the closest to the test counts most
        marked |= marker.kwargs
        if marker.args:
            marked["scenario"] = marker.args[0]
    config = request.config
    return Perfproof(request.path.parent, config.rootpath / config.getini("perfproof_results"), marked)
