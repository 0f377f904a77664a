from __future__ import annotations

import json
from pathlib import Path

import builders
import pytest

from perfproof.errors import ExitCode, UsageError
from perfproof.report import write, writers


@pytest.mark.parametrize("ending", sorted(writers.WRITERS))
def test_every_known_ending_is_written_and_nothing_else_left(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"report{ending.upper()}"
    write(builders.make_invalid(), path)
    assert path.stat().st_size > 100
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_ending_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'.docx'") as caught:
        write(builders.make_empty(), tmp_path / "report.docx")
    assert caught.value.exit_code is ExitCode.USAGE
    assert ".html, .json, .csv, .parquet, .md" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written") as caught:
        write(builders.make_empty(), tmp_path / "nowhere" / "report.json")
    assert "nowhere" in str(caught.value)


def test_an_earlier_report_survives_a_renderer_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    write(builders.make_run(), path)
    before = path.read_bytes()

    def full(result: object, target: Path) -> None:
        target.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(writers.WRITERS, ".json", full)
    with pytest.raises(UsageError, match="cannot be written") as caught:
        write(builders.make_result(), path)
    assert "No space left on device" in str(caught.value)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    json.loads(before)
