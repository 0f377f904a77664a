from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scenarios" / "datasette" / "make_table.py"


def make(file: Path) -> None:
    subprocess.run([sys.executable, SCRIPT, file], check=True, timeout=60)


def test_the_table_has_its_rows_and_is_the_same_each_time(tmp_path: Path) -> None:
    make(tmp_path / "a.db")
    make(tmp_path / "b.db")
    make(tmp_path / "b.db")
    assert (tmp_path / "a.db").read_bytes() == (tmp_path / "b.db").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.db", "b.db"]
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT customer) FROM orders").fetchone() == (50_000, 2000)
