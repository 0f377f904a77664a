"""A file and a database with the same rows."""

import sqlite3
from pathlib import Path

import pytest

from counting import counting_server, database
from perfproof.why.passes import mechanisms

__all__ = ["counting_server", "database"]


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure CPU for a moment only: these tests look at what is seen, not at how exactly."""
    monkeypatch.setattr(mechanisms, "CPU_SECONDS", 0.4)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "items.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, kind INTEGER, name TEXT)")
    connection.executemany("INSERT INTO item (kind, name) VALUES (?, ?)", [(i % 40, f"name {i}") for i in range(4000)])
    connection.commit()
    connection.close()
    return path
