"""Databases that are kept after ``prepare`` and put back: real SQLite files, a real PostgreSQL server."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from urllib.parse import urlsplit

import psycopg
import pytest

from arms import an_arm
from perfproof.core.owner import Owner
from perfproof.errors import ServiceError, UsageError
from perfproof.service.snapshots.snapshot import taken, tidied


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


KILLED = """
import sys
from pathlib import Path
from arms import an_arm
from perfproof.service.snapshots.snapshot import taken
with taken([an_arm("x", directory=Path(sys.argv[1]), snapshot=sys.argv[2])], Path(sys.argv[3])) as (snapshot,):
    print("taken", flush=True)
    while True:
        snapshot.restore()
"""


def kill_while_restoring(directory, snapshot, folder, number, after) -> None:
    """Put a database back again and again in another process, and end that one by a signal at some moment."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-c", KILLED, str(directory), snapshot, str(folder)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as child:
        assert child.stdout.readline() == b"taken\n"
        time.sleep(after)
        for _ in range(30):
            # An interruption within a callback of the garbage collector is lost: a person presses Ctrl-C again.
            child.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                child.wait(1)
                break
        child.wait(1)


def test_a_sqlite_file_is_whole_whenever_a_kill_comes_and_the_next_command_takes_away_what_is_left(tmp_path):
    file = tmp_path / "shop.db"
    a_database(file).close()
    for after in (0.0, 0.011, 0.023, 0.037):
        kill_while_restoring(tmp_path, "shop.db", tmp_path / "private", signal.SIGKILL, after)
        assert rows(file) == [1, 2]
        list(tidied(tmp_path / "private"))
        assert sorted(each.name for each in tmp_path.iterdir()) == ["private", "shop.db"]
    half = tmp_path / f".shop.db.perfproof-{Owner(2**22 + 1, 1, Owner.mine().place)}"
    half.write_bytes(b"half")
    said = []
    with taken([an_arm("x", directory=tmp_path, snapshot="shop.db")], tmp_path, say=said.append):
        assert not half.exists()
    assert "a killed perfproof left" in said[0]


def test_a_sqlite_file_that_is_gone_is_put_back_from_the_only_copy(tmp_path):
    file, private = tmp_path / "shop.db", tmp_path / "private"
    a_database(file).close()
    kill_while_restoring(tmp_path, "shop.db", private, signal.SIGKILL, 0.0)
    file.unlink()
    assert any("put back" in said for said in tidied(private))
    assert rows(file) == [1, 2]
    with taken([an_arm("x", directory=tmp_path, snapshot="shop.db")], tmp_path):
        file.unlink()
    assert rows(file) == [1, 2]


def test_a_sqlite_file_keeps_its_rights_and_the_link_that_leads_to_it(tmp_path):
    (tmp_path / "data").mkdir()
    real, link = tmp_path / "data" / "real.db", tmp_path / "shop.db"
    a_database(real).close()
    real.chmod(0o640)
    link.symlink_to(real)
    with taken([an_arm("x", directory=tmp_path, snapshot="shop.db")], tmp_path) as (snapshot,):
        with closing(sqlite3.connect(link)) as database:
            database.execute("DELETE FROM t")
            database.commit()
        snapshot.restore()
    assert link.is_symlink()
    assert rows(link) == [1, 2]
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_sqlite_file_that_something_uses_is_left_alone(tmp_path):
    file = tmp_path / "shop.db"
    a_database(file, wal=True).close()
    with taken([an_arm("x", directory=tmp_path, snapshot="shop.db")], tmp_path) as (snapshot,):
        with closing(sqlite3.connect(file)) as user:
            user.execute("BEGIN IMMEDIATE")
            user.execute("INSERT INTO t VALUES (3)")
            with pytest.raises(ServiceError, match="while something uses it"):
                snapshot.restore()
            user.commit()
        assert rows(file) == [1, 2, 3]


@pytest.mark.database
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_postgresql_database_is_there_whenever_a_kill_comes_and_no_clone_stays(postgresql, tmp_path, number):
    url = postgresql().replace("+psycopg", "")
    server = url.rpartition("/")[0] + "/postgres"
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("CREATE TABLE t (n int)")
        database.execute("INSERT INTO t SELECT generate_series(1, 1000)")

    def clones() -> list[str]:
        with psycopg.connect(server) as database:
            query = "SELECT datname FROM pg_database WHERE datname LIKE '%perfproof\\_%\\_%\\_%'"
            return [row[0] for row in database.execute(query).fetchall() if "_perfproof_" in row[0]]

    for after in (0.0, 0.13, 0.29, 0.41):
        kill_while_restoring(tmp_path, url, tmp_path / "private", number, after)
        with psycopg.connect(url) as database:
            assert database.execute("SELECT sum(n) FROM t").fetchone() == (500500,)
        list(tidied(tmp_path / "private"))  # knows no password: what the server then refuses, the next one takes away
    with taken([an_arm("x", snapshot=url)], tmp_path):
        assert len(clones()) == 1
    assert clones() == []
    with psycopg.connect(url) as database:
        assert database.execute("SELECT sum(n) FROM t").fetchone() == (500500,)


@pytest.mark.database
def test_a_postgresql_database_that_is_gone_is_put_back_from_the_only_copy(postgresql, tmp_path):
    url = postgresql().replace("+psycopg", "")
    server, _, name = url.rpartition("/")
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("CREATE TABLE t AS SELECT 7 AS n")

    def lose() -> None:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as database:
            database.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def value() -> int:
        with psycopg.connect(url) as database:
            return database.execute("SELECT n FROM t").fetchone()[0]

    with taken([an_arm("x", snapshot=url)], tmp_path) as (snapshot,):
        lose()
        snapshot.restore()
        assert value() == 7
        lose()
    assert value() == 7
    kill_while_restoring(tmp_path, url, tmp_path / "private", signal.SIGKILL, 0.3)
    lose()
    said = []
    with taken([an_arm("x", snapshot=url)], tmp_path, say=said.append):
        pass
    assert f"the database {name} was gone: put back as `prepare` had left it" in said
    assert value() == 7


@pytest.mark.database
def test_what_belongs_to_a_postgresql_database_and_is_not_in_it_outlives_being_put_back(postgresql, tmp_path):
    url = postgresql().replace("+psycopg", "")
    server, _, name = url.rpartition("/")
    facts = (
        "SELECT datacl::text, datconnlimit, shobj_description(d.oid, 'pg_database'), setconfig::text FROM pg_database d"
        " LEFT JOIN pg_db_role_setting s ON s.setdatabase = d.oid WHERE datname = %s"
    )
    with psycopg.connect(f"{server}/postgres", autocommit=True) as database:
        database.execute("CREATE ROLE reader")
        for each in (
            f"""ALTER DATABASE {name} SET search_path TO "$user", shop, 'a b'""",
            f"ALTER DATABASE {name} SET app.tenant TO '7'",
            f"ALTER DATABASE {name} CONNECTION LIMIT 17",
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {name} TO reader",
            f"COMMENT ON DATABASE {name} IS 'ours'",
        ):
            database.execute(each)
        before = database.execute(facts, (name,)).fetchone()
        with taken([an_arm("x", snapshot=url)], tmp_path) as (snapshot,):
            snapshot.restore()
            snapshot.restore()
        assert database.execute(facts, (name,)).fetchone() == before
        assert before[2] == "ours"
        database.execute(f"REVOKE ALL ON DATABASE {name} FROM reader")
        database.execute("DROP ROLE reader")
