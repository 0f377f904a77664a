"""The schema: what the migrations make is what the models say, and other versions are handled."""

import logging
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from perfproof.errors import StoreError
from perfproof.model.recording import RunInfo
from perfproof.model.result import Result
from perfproof.model.rules import Spread
from perfproof.store import upgrade
from perfproof.store.models import Base
from perfproof.store.repository import Store
from perfproof.store.upgrade import HEAD, MIGRATIONS, VERSION_TABLE


def execute(url: str, *statements: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def tables(url: str) -> set[str]:
    engine = create_engine(url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def test_the_migrations_make_exactly_what_the_models_say(url: str) -> None:
    Store.open(url).close()
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []
        keys = {
            (key["name"], key["options"].get("ondelete"))
            for table in Base.metadata.tables
            for key in inspect(connection).get_foreign_keys(table)
        }
    engine.dispose()
    assert keys == {("fk_comparisons_run", "CASCADE"), ("fk_levels_run", "CASCADE"), ("fk_baselines_run", None)}


def test_the_known_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


NEXT = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0999", "{head}"

def upgrade():
    with op.batch_alter_table("runs") as batch:  # on SQLite: copies the table and drops the old one
        batch.alter_column("label", existing_type=sa.Text(), type_=sa.String(500))
        batch.add_column(sa.Column("host", sa.Text(), nullable=False, server_default="here"))
"""


def test_an_older_database_is_upgraded_with_all_its_rows(
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_info: Callable[..., RunInfo],
    make_result: Callable[..., Result],
) -> None:
    info, result = make_info(label="before"), make_result()
    with Store.open(url) as store:
        store.add_run(info, Path("/r"))
        store.save_result(info.id, result)

    shutil.copytree(MIGRATIONS, tmp_path / "100% new")  # a later perfproof, in a folder with an awkward name
    (tmp_path / "100% new" / "versions" / "r0999_next.py").write_text(NEXT.format(head=HEAD))
    monkeypatch.setattr(upgrade, "MIGRATIONS", tmp_path / "100% new")
    monkeypatch.setattr(upgrade, "HEAD", "0999")
    with Store.open(url) as store:
        assert store.find("before").id == info.id
        assert tuple(store.comparisons(info.id)) == result.comparisons
        with store._engine.connect() as connection:
            assert connection.scalar(text("SELECT host FROM runs")) == "here"
            if connection.dialect.name == "sqlite":
                assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    monkeypatch.undo()
    with pytest.raises(StoreError, match="the database is at revision 0999"):
        Store.open(url)


def test_a_newer_database_is_refused_with_both_revisions_and_left_alone(url: str) -> None:
    Store.open(url).close()
    execute(url, f"UPDATE {VERSION_TABLE} SET version_num = '0999'")
    with pytest.raises(StoreError) as caught:
        Store.open(url)
    assert "0999" in str(caught.value)
    assert HEAD in str(caught.value)
    assert "upgrade perfproof" in str(caught.value)
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")) == "0999"
    engine.dispose()


def test_another_programs_runs_table_is_not_touched(url: str, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    execute(url, "CREATE TABLE runs (distance INTEGER)")
    with pytest.raises(StoreError, match="that is not perfproof's"):
        Store.open(url)
    assert tables(url) == {"runs"}


def test_a_database_shared_with_another_program_keeps_its_tables(url: str, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    execute(url, "CREATE TABLE alembic_version (version_num VARCHAR(32))", "CREATE TABLE shoes (size INTEGER)")
    Store.open(url).close()
    assert tables(url) == {*Base.metadata.tables, VERSION_TABLE, "alembic_version", "shoes"}


def test_a_migration_that_fails_leaves_the_database_empty(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr("alembic.operations.Operations.create_index", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        Store.open(url)
    assert tables(url) == set()
    monkeypatch.undo()
    Store.open(url).close()
    assert "runs" in tables(url)


def test_creating_the_schema_logs_and_prints_nothing(
    url: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.WARNING):
        Store.open(url).close()
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_deleting_a_run_deletes_its_rows(
    url: str, make_info: Callable[..., RunInfo], make_result: Callable[..., Result]
) -> None:
    info = make_info()
    with Store.open(url) as store:
        store.add_run(info, Path("/r"))
        store.save_result(info.id, make_result())
        with store._engine.begin() as connection:
            connection.execute(text("DELETE FROM runs"))
        assert store.comparisons(info.id) == []
        with store._engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM comparisons")) == 0


OLD = Path(__file__).parent / "old"


@pytest.mark.parametrize("revision", ["0001"])
def test_a_database_of_every_earlier_schema_is_upgraded_with_all_it_holds(
    url: str, tmp_path: Path, revision: str
) -> None:
    """The dumps were written by the programs of their time (pg_dump, SQLite's dump) and are never changed."""
    (tmp_path / "results").mkdir()
    script = (OLD / f"r{revision}.{'sqlite' if url.startswith('sqlite') else 'postgresql'}.sql").read_text()
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as old:
            old.executescript(script)
    else:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as old:
            old.execute(script)
    with Store.open(url) as store:
        newer, older = store.runs()
        assert (older.label, older.verdict, older.sentence) == ("before", "met", "Goal met: it's 24.7 % faster.")
        assert older.revision is None
        assert [row.metric for row in store.comparisons(older.id)] == ["latency_p95", "error_rate"]
        assert [level.estimate.value for level in store.levels(older.id)] == [41.5, 31.25]
        assert store.spreads("e417", "5ce7a210") == (Spread("latency_p50", "all", 0.02, 8),)
        store.set_baseline("main", older.id)
        assert [each.run.id for each in store.baselines()] == [older.id]
        with store.deleting(newer.id):
            pass
        assert [run.id for run in store.runs()] == [older.id]
