"""docs/library.md is true: its code runs from top to bottom, on a service that is really measured."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from perfproof import frames

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
SERVICES = ROOT / "tests" / "services"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.+?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_every_table_and_its_columns_are_on_the_page():
    for table, columns in frames.COLUMNS.items():
        assert f"`{table}`" in PAGE, table
        missing = [name for name, meaning in columns.items() if f"| `{name}` | {meaning} |" not in PAGE]
        assert not missing, f"{table}: {missing}"


def test_every_picture_on_the_page_is_there():
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", PAGE)
    assert pictures
    for each in pictures:
        with Image.open(ROOT / "docs" / each) as picture:
            assert min(picture.size) > 300


@pytest.mark.server
@pytest.mark.quiet
@pytest.mark.timeout(240)
def test_the_page_runs_from_top_to_bottom_and_what_it_says_of_the_run_holds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    for name in ("PERFPROOF_RESULTS", "PERFPROOF_STORE"):
        monkeypatch.delenv(name, raising=False)
    (scenario,) = blocks("yaml")
    (tmp_path / "shop.yaml").write_text(scenario.replace("directory: service", f"directory: {SERVICES}"))
    known: dict[str, Any] = {}
    for number, block in enumerate(blocks("python"), start=1):
        exec(compile(block, f"docs/library.md, block {number}", "exec"), known)
    run = known["run"]
    assert run.folder.is_dir()
    assert run.result.rounds >= 2
    assert run.samples()["outcome"].isin(["ok"]).mean() > 0.95
    change = run.rows().query("metric == 'latency_p50' and request == 'all'")["change"].item()
    assert change < -0.2  # the candidate works a third as long
    assert run.processes()["pss_bytes"].max() > 1e6
    with Image.open(tmp_path / "latency.png") as picture:
        assert len(set(picture.convert("L").tobytes())) > 20  # something is drawn
    assert known["history"].rows()["run"].nunique() >= 1
