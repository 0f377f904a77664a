"""The schema: what the migrations make is what the models say, and other versions are handled."""

import logging
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event, inspect, text

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


def old_database(url: str, tmp_path: Path, revision: str) -> None:
    """Make what a program of that time has written: with pg_dump, or SQLite's dump; never changed since."""
    (tmp_path / "results").mkdir()
    script = (OLD / f"r{revision}.{'sqlite' if url.startswith('sqlite') else 'postgresql'}.sql").read_text()
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as old:
            old.executescript(script)
    else:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as old:
            old.execute(script)


def tables(url: str) -> set[str]:
    engine = create_engine(url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def migrate(url: str) -> None:
    """Go through every migration, from an empty database on."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


@pytest.mark.parametrize("make", [migrate, lambda url: Store.open(url).close()], ids=["migrated", "created"])
def test_the_migrations_make_exactly_what_the_models_say_and_so_does_creating(
    url: str, tmp_path: Path, make: Callable[[str], None]
) -> None:
    (tmp_path / "results").mkdir()
    make(url)
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
        assert context.get_current_revision() == HEAD
    engine.dispose()
    assert keys == {("fk_comparisons_run", "CASCADE"), ("fk_levels_run", "CASCADE"), ("fk_baselines_run", None)}


def schema(url: str) -> dict[str, object]:
    """Everything that the database says of each table; SQLAlchemy's own comparison passes over names and lengths."""
    engine = create_engine(url)
    looked = inspect(engine)
    found = {
        table: (
            {each["name"]: {**each, "type": str(each["type"])} for each in looked.get_columns(table)},
            looked.get_pk_constraint(table),
            sorted(looked.get_foreign_keys(table), key=str),
            sorted(looked.get_unique_constraints(table), key=str),
            sorted(looked.get_check_constraints(table), key=str),
            sorted(looked.get_indexes(table), key=str),
        )
        for table in looked.get_table_names()
    }
    engine.dispose()
    return found


def test_a_new_database_is_in_every_detail_what_the_migrations_make_of_an_empty_one(url: str, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    migrate(url)
    migrated = schema(url)
    engine = create_engine(url)
    with engine.begin() as connection:
        Base.metadata.drop_all(connection)
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
    engine.dispose()
    assert schema(url) == {}
    Store.open(url).close()
    assert schema(url) == migrated


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


def test_a_creation_that_fails_leaves_the_database_empty(url: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("power cut")

    last = list(Base.metadata.sorted_tables)[-1]
    event.listen(last, "after_create", fail)
    try:
        with pytest.raises(RuntimeError, match="power cut"):
            Store.open(url)
    finally:
        event.remove(last, "after_create", fail)
    assert tables(url) == set()
    Store.open(url).close()
    assert "runs" in tables(url)


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("power cut")

    old_database(url, tmp_path, "0001")
    before = schema(url)
    monkeypatch.setattr("alembic.operations.BatchOperations.alter_column", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        Store.open(url)
    assert schema(url) == before
    monkeypatch.undo()
    with Store.open(url) as store:
        assert len(store.runs()) == 2


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
    old_database(url, tmp_path, revision)
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
