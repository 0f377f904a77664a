"""What can be asked at the databases of a service: by address, or by the file that SQLite has opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psycopg
import pymysql

from perfproof.databases.mysql import MysqlClient
from perfproof.databases.postgres import PostgresClient
from perfproof.databases.source import SourceError
from perfproof.databases.urls import Address, parse
from perfproof.why.observed.connections import MysqlView, PostgresView, View
from perfproof.why.observed.mysql_plans import MysqlExplainer
from perfproof.why.observed.plans import Explainer
from perfproof.why.observed.postgres_plans import PostgresExplainer
from perfproof.why.observed.sqlite_plans import SqliteExplainer


def explainers(urls: Sequence[str], files: Sequence[Path]) -> list[Explainer]:
    """Return who can explain statements: a server for each address, and every file (``files``) of SQLite that is one.

    A file that the address of SQLite names comes first, in case the service has opened several.
    """
    found: list[Explainer] = []
    addresses = [parse(url) for url in urls]
    named = [Path(address.database) for address in addresses if address.system == "sqlite" and address.database]
    for address in addresses:
        if address.system == "postgresql":
            found.append(PostgresExplainer(PostgresClient(address)))
        elif address.system == "mysql":
            found.append(MysqlExplainer(_mysql(address)))
    found += [SqliteExplainer(file) for file in dict.fromkeys([*named, *files]) if file.is_file()]
    return found


def views(urls: Sequence[str]) -> tuple[list[View], list[str]]:
    """Return the databases that can be watched, and why the others cannot."""
    found: list[View] = []
    problems: list[str] = []
    for address in map(parse, urls):
        try:
            if address.system == "postgresql":
                found.append(PostgresView(PostgresClient(address)))
            elif address.system == "mysql":
                found.append(MysqlView(_mysql(address)))
        except SourceError as error:
            problems.append(": ".join(part for part in (error.what, error.why, error.hint) if part))
        except (psycopg.Error, pymysql.err.Error) as error:
            problems.append(f"connections to {address} cannot be watched: {address.hide(str(error).strip())}")
    return found, problems


def _mysql(address: Address) -> MysqlClient:
    return MysqlClient(address, None, lambda: 0)
