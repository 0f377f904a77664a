"""Report formats of other packages are found, used and blamed for what they do; our own keep the same contract."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from perfproof.errors import UsageError
from perfproof.report import plugins, writers
from perfproof.testing import ReportFormatContract, sample_results
from recording_builders import make_recording
from recordings import keep

PLUGIN = """\
def write(result, path):
    lines = [f"= {result.scenario}", "", result.sentence, ""]
    lines += [f"* {row.metric} {row.request}: {row.verdict}" for row in result.comparisons]
    path.write_text("\\n".join(lines), encoding="utf-8", errors="replace")

def fail(result, path):
    raise KeyError("verdicts")

def forget(result, path):
    pass
"""
ENTRIES = """\
[perfproof.report_formats]
adoc = asciidoc_reports:write
json = asciidoc_reports:fail
broken = asciidoc_reports:fail
nothing = asciidoc_reports:forget
gone = asciidoc_reports_that_are_not_there:write
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with report formats, installed as pip leaves one."""
    site = tmp_path / "site"
    facts = site / "asciidoc_reports-1.0.dist-info"
    facts.mkdir(parents=True)
    (site / "asciidoc_reports.py").write_text(PLUGIN)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: asciidoc-reports\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(str(site))
    yield site
    sys.modules.pop("asciidoc_reports", None)


def test_an_installed_format_is_written_by_its_ending(installed, tmp_path):
    assert ".adoc" in writers.endings()
    writers.write(sample_results()["compared"], tmp_path / "report.ADOC")
    assert "* latency_p95 all: short" in (tmp_path / "report.ADOC").read_text()


def test_our_own_formats_cannot_be_replaced(installed, tmp_path):
    writers.write(sample_results()["compared"], tmp_path / "report.json")
    assert writers.endings().count(".json") == 1


@pytest.mark.parametrize(
    ("ending", "why"), [(".broken", "failed: KeyError"), (".gone", "cannot be loaded"), (".nothing", "wrote no file")]
)
def test_a_format_that_fails_is_told_as_a_defect_of_its_package(installed, tmp_path, ending, why):
    file = tmp_path / f"report{ending}"
    file.write_text("before")
    with pytest.raises(UsageError, match=why) as caught:
        writers.write(sample_results()["compared"], file)
    assert "asciidoc-reports" in str(caught.value)
    assert file.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == [file.name]


def test_an_ending_nobody_knows_is_refused_with_all_that_are_known(installed, tmp_path):
    with pytest.raises(UsageError) as caught:
        writers.write(sample_results()["compared"], tmp_path / "report.doc")
    assert ".html" in (caught.value.hint or "")
    assert ".adoc" in (caught.value.hint or "")


def test_without_any_package_nothing_is_found():
    assert plugins.writer(".adoc") is None
    assert writers.endings() == tuple(writers.WRITERS)


def test_the_command_line_writes_it(installed, tmp_path):
    """The whole way: the ending is accepted, the run is judged, the package writes the file."""
    folder = keep(make_recording(rounds=4), tmp_path / "results")
    done = subprocess.run(
        [sys.executable, "-m", "perfproof", "report", str(folder), "-o", "report.adoc"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(installed)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.adoc").read_text().startswith("= projects")


class TestMarkdown(ReportFormatContract):
    write, ending = staticmethod(writers.WRITERS[".md"]), ".md"


class TestJson(ReportFormatContract):
    write, ending = staticmethod(writers.WRITERS[".json"]), ".json"


class TestCsv(ReportFormatContract):
    write, ending = staticmethod(writers.WRITERS[".csv"]), ".csv"


class TestParquet(ReportFormatContract):
    write, ending = staticmethod(writers.WRITERS[".parquet"]), ".parquet"


class TestJunit(ReportFormatContract):
    write, ending = staticmethod(writers.WRITERS[".xml"]), ".xml"
