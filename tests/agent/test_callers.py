"""The calling line is the service's own, through an ORM, its greenlets and a driver's thread."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from perfproof.databases.agent import Offsets
from postgres import missing

APP = Path(__file__).parent / "apps" / "orm.py"


@pytest.mark.parametrize(
    ("mode", "first", "lazy"), [("sync", "names", "names"), ("async", "asynchronous", "asynchronous")]
)
def test_statements_of_sqlalchemy_lead_to_the_line_of_the_service(mode, first, lazy, shop, agent):
    if mode == "async" and importlib.util.find_spec("aiosqlite") is None:
        missing("the driver aiosqlite is not installed")
    command = [sys.executable, APP, mode, f"/{shop}"]
    subprocess.run(command, env=agent.environment(dict(os.environ)), check=True, timeout=30, cwd=APP.parent)
    lines = [line for line in agent.lines(Offsets({})) if line["k"] == "q" and "SELECT" in line["s"]]
    assert len(lines) == 5
    lazily = ["sqlalchemy", "sqlalchemy.relation"] if mode == "sync" else ["sqlalchemy"]
    assert lines[0]["l"] == ["sqlalchemy"]
    assert all(sorted(line["l"]) == lazily for line in lines[1:])
    assert lines[0]["c"].startswith("orm.py:")
    assert lines[0]["c"].partition(" ")[2] == first
    assert {line["c"].partition(" ")[2] for line in lines[1:]} <= {lazy, "<listcomp>"}
