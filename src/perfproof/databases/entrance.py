"""Whether a database lets one in: asked before anything is started, for then a wrong password costs no measurement."""

from __future__ import annotations

import re

import pymysql

from perfproof.databases.mysql import MysqlClient
from perfproof.databases.postgres import PostgresClient
from perfproof.databases.source import SourceError
from perfproof.databases.urls import Address, parse

PATIENCE = 2
"""Seconds to wait for an answer: one that is up gives it at once."""
_POSTGRES_DENIES = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|role \S+ does not exist|"
    r"is not permitted to log in|permission denied for database"
)
_MYSQL_DENIES = (1044, 1045, 1698)
"""Access denied to the database, to the user, and for want of the plugin that knows the user."""


def barred(url: str) -> tuple[str, str] | None:
    """Return what does not let one in, and its own words (never a password); None where it does, or does not answer.

    A server that is not up yet may be started with the service, and a database that is not there may be made by it.
    Raises UsageError for an address that cannot be read.
    """
    address = parse(url)
    said = {"postgresql": _postgres, "mysql": _mysql}.get(address.system, _nothing)(address)
    return None if said is None else (f"{address} lets {address.user or 'this user'} not in", said)


def _nothing(address: Address) -> None:  # noqa: ARG001 - SQLite asks nobody's name
    return None


def _postgres(address: Address) -> str | None:
    client = PostgresClient(address, patience=PATIENCE)
    try:
        client.run("SELECT 1 AS perfproof_own")
    except SourceError as error:
        said = error.why or ""
        return said.rpartition("FATAL:")[2].strip() if _POSTGRES_DENIES.search(said) else None
    finally:
        client.close()
    return None


def _mysql(address: Address) -> str | None:
    client = MysqlClient(address, None, lambda: 0, patience=PATIENCE)
    try:
        client.run("SELECT 1")
    except pymysql.err.OperationalError as error:
        denied = bool(error.args) and error.args[0] in _MYSQL_DENIES
        return address.hide(str(error.args[-1])) if denied else None
    except (SourceError, pymysql.err.Error):
        return None
    finally:
        client.close()
    return None
