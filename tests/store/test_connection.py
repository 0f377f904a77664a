"""Databases that cannot be used are reported in plain words, and never with a password."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from perfproof.errors import StoreError
from perfproof.model.recording import RunInfo
from perfproof.store import connection
from perfproof.store.connection import parse_url, shown
from perfproof.store.repository import Store
from postgres import free_port

Infos = Callable[..., RunInfo]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BUSY_SECONDS", 1.0)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("perfproof.db", "not understood"),
        ("", "not understood"),
        ("postgresql://user:hunter2@host:port/name", "not understood"),
        ("mysql://root:hunter2@host/name", "mysql databases are not supported"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(text: str, what: str) -> None:
    with pytest.raises(StoreError, match=what) as caught:
        Store.open(text)
    assert "hunter2" not in str(caught.value)
    assert "sqlite:////" in str(caught.value)


@pytest.mark.parametrize("text", ["postgresql://u@h/n", "postgresql+psycopg://u@h/n"])
def test_postgresql_urls_use_the_driver_that_is_installed(text: str) -> None:
    assert parse_url(text).drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    "text",
    ["postgresql://u:hunter2@h/n", "postgresql://u@h/n?password=hunter2", "postgresql://h/n?sslpassword=hunter2"],
)
def test_a_shown_url_has_no_password(text: str) -> None:
    assert "hunter2" not in shown(parse_url(text))


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    file.write_text("These are notes, and they are not a database. " * 50)
    before = file.read_bytes()
    with pytest.raises(StoreError, match="the file is not a database") as caught:
        Store.open(f"sqlite:///{file}")
    assert str(file) in str(caught.value)
    assert file.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="folder cannot be made"):
        Store.open(f"sqlite:///{tmp_path}/file/perfproof.db")


def test_a_read_only_database_can_be_listed_but_not_added_to(tmp_path: Path, make_info: Infos) -> None:
    file = tmp_path / "perfproof.db"
    info = make_info()
    with Store.open(f"sqlite:///{file}") as store:
        store.add_run(info, tmp_path / info.id)
    with Store.open(f"sqlite:///file:{file}?mode=ro&uri=true") as store:
        assert store.find("last").id == info.id
        with pytest.raises(StoreError, match="the database is read-only"):
            store.add_run(make_info(), tmp_path)


def test_a_sqlite_database_locked_by_another_program_is_named_after_waiting(
    tmp_path: Path, make_info: Infos, impatient: None
) -> None:
    file = tmp_path / "perfproof.db"
    with Store.open(f"sqlite:///{file}") as store:
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="the database is locked") as caught:
            store.add_run(make_info(), tmp_path)
        with pytest.raises(StoreError, match="the database is locked"):
            Store.open(f"sqlite:///{file}")
        other.execute("ROLLBACK")
        store.add_run(make_info(), tmp_path)
        other.close()
    assert str(file) in str(caught.value)


def test_a_full_disk_is_named_and_the_store_works_on(tmp_path: Path, make_info: Infos) -> None:
    with Store.open(f"sqlite:///{tmp_path}/perfproof.db") as store:
        with store._engine.connect() as limited:  # the pool lends this very connection again
            limited.exec_driver_sql("PRAGMA max_page_count = 1")  # SQLite then reports what a full disk reports
        with pytest.raises(StoreError, match="the disk is full"):
            store.add_run(make_info(label="x" * 100_000), tmp_path)
        assert store.runs() == []


def test_a_results_folder_can_be_moved_with_its_database(tmp_path: Path, make_info: Infos) -> None:
    info, here, there = make_info(), tmp_path / "results", tmp_path / "moved"
    with Store.open(f"sqlite:///{here}/perfproof.db") as store:
        store.add_run(info, here / info.id)
        store.add_run(make_info(), tmp_path / "elsewhere")
    here.rename(there)
    with Store.open(f"sqlite:///{there}/perfproof.db") as store:
        assert store.find(info.id).directory == there / info.id
        assert store.find("last").directory == tmp_path / "elsewhere"
    assert sorted(path.name for path in there.iterdir()) == ["perfproof.db"]  # a single file, to copy at any time


@pytest.mark.database
def test_run_directories_are_relative_on_postgresql_when_the_results_folder_is_given(
    tmp_path: Path, make_info: Infos, postgresql: Callable[[], str]
) -> None:
    url, info = postgresql(), make_info()
    with Store.open(url, results=tmp_path / "here") as store:
        store.add_run(info, tmp_path / "here" / info.id)
    with Store.open(url, results=tmp_path / "there") as store:
        assert store.find(info.id).directory == tmp_path / "there" / info.id


def test_a_server_that_is_not_there_is_named_with_its_port() -> None:
    port = free_port()
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        Store.open(f"postgresql://me:hunter2@127.0.0.1:{port}/perfproof")
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.database
def test_a_wrong_password_is_reported_and_not_shown(postgresql: Callable[[], str]) -> None:
    url = parse_url(postgresql()).set(password="hunter2")
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        Store.open(url.render_as_string(hide_password=False))
    assert "password authentication failed" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.database
def test_a_locked_table_on_postgresql_is_named_after_waiting(
    postgresql: Callable[[], str], tmp_path: Path, make_info: Infos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_SECONDS", 3.0)  # also bounds connecting, which a busy machine delays
    url = postgresql()
    with Store.open(url) as store, store._engine.connect() as other:
        other.exec_driver_sql("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreError, match="the database is locked"):
            store.add_run(make_info(), tmp_path)
        other.rollback()
        store.add_run(make_info(), tmp_path)


@pytest.mark.database
def test_a_read_only_postgresql_session_is_named(
    postgresql: Callable[[], str], tmp_path: Path, make_info: Infos
) -> None:
    url = parse_url(postgresql())
    with Store.open(url.render_as_string(hide_password=False)) as store:
        with store._engine.connect() as admin:
            admin.exec_driver_sql(f"ALTER DATABASE {url.database} SET default_transaction_read_only = on")
            admin.commit()
        store.close()
        with pytest.raises(StoreError, match="the database is read-only"):
            store.add_run(make_info(), tmp_path)


def test_importing_the_package_does_not_import_sqlalchemy() -> None:
    code = "import sys, perfproof.store, perfproof.evidence, perfproof.store.summary; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"sqlalchemy", "alembic", "pyarrow", "numpy"} & set(loaded)


def test_a_new_and_an_up_to_date_database_are_opened_without_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/perfproof.db"
    code = (
        "import sys; from perfproof.store.repository import Store; Store.open(sys.argv[1]).close(); print(*sys.modules)"
    )
    for there in (False, True):
        assert (tmp_path / "perfproof.db").exists() == there
        loaded = subprocess.run(
            [sys.executable, "-c", code, url], capture_output=True, text=True, check=True
        ).stdout.split()
        assert "sqlalchemy" in loaded
        assert "alembic" not in loaded
