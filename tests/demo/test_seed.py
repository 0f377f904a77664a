from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from perfproof.demo import seed
from perfproof.demo.tables import RECORD_INDEXES


def dump(file: Path) -> list[str]:
    connection = sqlite3.connect(file)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def indexes(file: Path) -> set[str]:
    connection = sqlite3.connect(file)
    try:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    finally:
        connection.close()


def test_two_databases_hold_the_very_same_rows(tmp_path: Path) -> None:
    for name in "a.db", "b.db":
        seed.seed(f"sqlite:///{tmp_path / name}", indexed=True)
    assert dump(tmp_path / "a.db") == dump(tmp_path / "b.db")
    assert len(dump(tmp_path / "a.db")) > seed.PROJECTS * seed.RECORDS


def test_seeding_again_changes_nothing_but_the_indexes(tmp_path: Path) -> None:
    file, url = tmp_path / "a.db", f"sqlite:///{tmp_path / 'a.db'}"
    assert seed.seed(url, indexed=False)
    assert not indexes(file) & set(RECORD_INDEXES)
    bare = dump(file)
    assert not seed.seed(url, indexed=True)
    assert indexes(file) >= set(RECORD_INDEXES)
    assert not seed.seed(url, indexed=False)
    assert dump(file) == bare


def test_a_data_set_of_another_version_is_replaced(tmp_path: Path) -> None:
    file, url = tmp_path / "a.db", f"sqlite:///{tmp_path / 'a.db'}"
    seed.seed(url, indexed=True)
    wanted = dump(file)
    connection = sqlite3.connect(file)
    with connection:
        connection.execute("UPDATE seedings SET version = 0")
        connection.execute("DELETE FROM matches")
    connection.close()
    assert seed.seed(url, indexed=True)
    assert dump(file) == wanted


def test_a_seeding_that_fails_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = seed.data_set()
    last = rows[list(rows)[-1]]
    last.append(last[0])
    monkeypatch.setattr(seed, "data_set", lambda: rows)
    with pytest.raises(IntegrityError):
        seed.seed(f"sqlite:///{tmp_path / 'a.db'}", indexed=True)
    assert dump(tmp_path / "a.db") == ["BEGIN TRANSACTION;", "COMMIT;"]
