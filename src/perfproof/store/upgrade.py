"""Brings a database to the schema of this program: creates it, upgrades an older one, refuses a newer one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Connection, Engine, inspect, text

from perfproof import __version__
from perfproof.errors import StoreError

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0007"
"""Newest revision in ``migrations/versions`` (a test checks it): known here so that Alembic loads only when needed."""
MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "perfproof_version"
"""Not Alembic's default name: a team's database may hold another program's migrations too."""

_LOCK = 0x70657266  # "perf", the key of PostgreSQL's advisory lock


def bring_up_to_date(engine: Engine, where: str) -> None:
    """Make the schema that of revision ``HEAD``, in one transaction and one process at a time.

    Raises ``StoreError`` when the database is newer than this program or its tables are another program's.
    """
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    with _alone(engine) as connection:
        revision = _revision(connection)  # another process may have been first
        if revision == HEAD:
            return
        _refuse_foreign(connection, revision, where)
        if revision is None:
            _create(connection)
        else:
            _migrate(connection, revision, where)


def revision_state(engine: Engine, where: str) -> Literal["empty", "older", "current"]:
    """Return how the schema stands to this program's, and change nothing; ``StoreError`` as ``bring_up_to_date``."""
    with engine.connect() as connection:
        revision = _revision(connection)
        if revision == HEAD:
            return "current"
        _refuse_foreign(connection, revision, where)
    if revision is None:
        return "empty"
    _refuse_newer(_scripts(), revision, where)
    return "older"


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
    return revision


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Lend a connection in a transaction that no other process can enter at the same time."""
    with engine.execution_options(writes=True).connect() as connection:
        if connection.dialect.name == "sqlite":
            # Alembic changes a SQLite table by copying it; with keys enforced, dropping the old one would cascade.
            driver = connection.connection.driver_connection
            assert driver is not None  # noqa: S101 - a pooled connection has one
            driver.execute("PRAGMA foreign_keys = OFF")
            with connection.begin():
                yield connection
            driver.execute("PRAGMA foreign_keys = ON")
        else:
            with connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                yield connection


def _refuse_foreign(connection: Connection, revision: str | None, where: str) -> None:
    if revision is None and inspect(connection).has_table("runs"):
        raise StoreError(
            "the database has a table `runs` that is not perfproof's", where=where, hint="name another database"
        )


def _create(connection: Connection) -> None:
    """Make the tables of an empty database as the models say, which a test holds to be what the migrations make.

    Going through every migration to the same end takes ten times as long, for every results folder there is.
    """
    from perfproof.store.models import Base

    # Without ``checkfirst`` a table that is another program's is refused, and not taken for ours.
    Base.metadata.create_all(connection, checkfirst=False)
    name = f"CONSTRAINT {VERSION_TABLE}_pkc"
    connection.execute(
        text(f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL, {name} PRIMARY KEY (version_num))")
    )
    connection.execute(text(f"INSERT INTO {VERSION_TABLE} VALUES (:head)"), {"head": HEAD})  # noqa: S608


def _migrate(connection: Connection, revision: str, where: str) -> None:
    # Here and not above: loading Alembic takes a while, and only a change of schema should cost it.
    from alembic import command

    config = _scripts()
    config.attributes["connection"] = connection
    _refuse_newer(config, revision, where)
    command.upgrade(config, "head")


def _scripts() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _refuse_newer(config: Config, revision: str, where: str) -> None:
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision not in known:
        raise StoreError(
            f"the database is at revision {revision}, and perfproof {__version__} knows revisions up to {HEAD}",
            where=where,
            hint="upgrade perfproof, or name another database",
        )
