"""Databases that are kept after ``prepare`` and put back: real SQLite files, a real PostgreSQL server."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from urllib.parse import urlsplit

import psycopg
import pytest

from arms import an_arm
from perfproof.errors import ServiceError, UsageError
from perfproof.service.snapshots import taken


def rows(file) -> list[int]:
    with closing(sqlite3.connect(file)) as database:
        return [row[0] for row in database.execute("SELECT n FROM t ORDER BY n")]


def a_database(file, *, wal: bool = False) -> sqlite3.Connection:
    database = sqlite3.connect(file)
    if wal:
        database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE t (n INTEGER)")
    database.execute("INSERT INTO t VALUES (1), (2)")
    database.commit()
    return database


@pytest.mark.parametrize("wal", [False, True])
def test_a_sqlite_file_is_put_back_with_what_was_in_its_log(tmp_path, wal):
    file = tmp_path / "shop.db"
    writer = a_database(file, wal=wal)
    with taken([an_arm("x", directory=tmp_path, snapshot="shop.db")], tmp_path) as kept:
        writer.close()
        for _ in range(2):
            with closing(sqlite3.connect(file)) as database:
                database.execute("DELETE FROM t WHERE n = 1")
                database.execute("INSERT INTO t VALUES (3)")
                database.commit()
            assert rows(file) == [2, 3]
            (snapshot,) = kept
            snapshot.restore()
            assert rows(file) == [1, 2]
    assert rows(file) == [1, 2]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["shop.db"]


def test_side_files_of_a_killed_service_do_not_spoil_what_is_put_back(tmp_path):
    file = tmp_path / "shop.db"
    a_database(file, wal=True).close()
    with taken([an_arm("x", directory=tmp_path, snapshot="shop.db")], tmp_path) as (snapshot,):
        writer = sqlite3.connect(file)
        writer.execute("INSERT INTO t VALUES (9)")
        writer.commit()
        assert file.with_name("shop.db-wal").exists()
        copy = file.with_name("shop.db-wal").read_bytes()
        writer.close()
        file.with_name("shop.db-wal").write_bytes(copy)  # as a killed process leaves it
        snapshot.restore()
        assert rows(file) == [1, 2]


def test_each_arm_has_its_own_and_one_that_both_use_is_kept_once(tmp_path):
    for name in ("baseline", "candidate"):
        a_database(tmp_path / f"{name}.db").close()
    arms = [an_arm("x", name, directory=tmp_path, snapshot="{arm}.db") for name in ("baseline", "candidate")]
    with taken(arms, tmp_path) as kept:
        assert len(kept) == 2
    shared = [an_arm("x", name, directory=tmp_path, snapshot="baseline.db") for name in ("baseline", "candidate")]
    with taken(shared, tmp_path) as kept:
        assert len(kept) == 1
    with taken([an_arm("x")], tmp_path) as kept:
        assert kept == ()


def test_what_is_no_database_is_refused_with_a_fix(tmp_path):
    (tmp_path / "text").write_text("this is a text and no database, and long enough to be seen as none")
    for snapshot, said in (("none.db", "there is no database"), ("text", "cannot be kept")):
        with (
            pytest.raises(UsageError, match=said),
            taken([an_arm("x", directory=tmp_path, snapshot=snapshot)], tmp_path),
        ):
            pass
    a_database(tmp_path / "shop.db").close()
    never = an_arm("x", directory=tmp_path, snapshot="shop.db", restart="never")
    with pytest.raises(UsageError, match="not started afresh"), taken([never], tmp_path):
        pass


def test_a_database_elsewhere_is_never_dropped_unasked(tmp_path):
    for url, said in (
        ("postgresql://u:hunter2@db.example.com/shop", "on db.example.com would be dropped"),
        ("postgresql://u:hunter2@127.0.0.1/postgres", "names no database of your own"),
        ("postgresql://u:hunter2@127.0.0.1/", "names no database of your own"),
    ):
        with pytest.raises(UsageError, match=said) as caught, taken([an_arm("x", snapshot=url)], tmp_path):
            pass
        assert "hunter2" not in str(caught.value)


@pytest.mark.database
def test_a_postgresql_database_is_put_back_from_a_template(postgresql, tmp_path):
    url = postgresql().replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("CREATE TABLE t (n int)")
        database.execute("INSERT INTO t VALUES (1), (2)")

    def names() -> set[str]:
        with psycopg.connect(url) as database:
            return {row[0] for row in database.execute("SELECT datname FROM pg_database").fetchall()}

    before = names()
    with taken([an_arm("x", snapshot=url.replace("postgresql://", "postgresql+psycopg://"))], tmp_path) as (snapshot,):
        assert len(names() - before) == 1
        left_over = psycopg.connect(url, autocommit=True)  # a killed service leaves connections behind
        left_over.execute("DELETE FROM t")
        snapshot.restore()
        with psycopg.connect(url) as database:
            assert database.execute("SELECT sum(n) FROM t").fetchone() == (3,)
        left_over.close()
    assert names() == before


@pytest.mark.database
def test_a_postgresql_server_that_refuses_is_told_without_the_password(postgresql, tmp_path):
    url = postgresql().replace("+psycopg", "")
    with (
        psycopg.connect(url),
        pytest.raises(ServiceError, match=r"snapshot of .* failed") as caught,
        taken([an_arm("x", snapshot=url)], tmp_path),
    ):
        pass
    assert "accessed by other users" in str(caught.value)
    parts = urlsplit(url)
    wrong = parts._replace(netloc=f"nobody:hunter2@{parts.hostname}:{parts.port}").geturl()
    with pytest.raises(ServiceError) as caught, taken([an_arm("x", snapshot=wrong)], tmp_path):
        pass
    assert "hunter2" not in str(caught.value)
