"""Fill the database: ``python -m perfproof.demo.seed``. The same data each time, all of it or nothing.

A database that already holds this version is left as it is, apart from the indexes of the ``INDEX`` lever, which are
made or dropped as the environment asks.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, text

from perfproof.demo.auth import hash_password
from perfproof.demo.database import writing_engine
from perfproof.demo.levers import from_environment
from perfproof.demo.tables import RECORD_INDEXES, Job, Match, Project, Record, Rule, Seeding, Table, User

VERSION = 1
"""Raise it when the data set changes: stored spreads of earlier measurements do not hold for another one."""

EMAIL = "demo@example.com"
PASSWORD = "demo-password"  # noqa: S105 - the public password of a demo without real data

USERS, PROJECTS, JOBS, RECORDS = 12, 60, 4, 120
STREETS = ["harbour", "mill", "station", "church", "garden", "bridge", "market", "forest", "hill", "river"]
GOODS = ["paper", "toner", "rent", "freight", "licence", "cleaning", "catering", "insurance", "repair", "electricity"]
PARTNERS = ["Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel", "Juniper", "Larch"]
FIELDS = (
    "reference",
    "amount",
    "booking date",
    "partner",
    "description",
    "amount and date",
    "partner and amount",
    "iban",
)
FIRST_DAY = date(2025, 1, 1)

Row = dict[str, Any]


def data_set() -> dict[type[Table], list[Row]]:
    """Return the rows of every table, in the order in which foreign keys allow to insert them."""
    chance = random.Random(20250101)
    records = list(_records(chance))
    return {
        User: [
            {
                "id": n,
                "email": EMAIL if n == 1 else f"user{n}@example.com",
                "name": f"{PARTNERS[n % 10]} {STREETS[n % 7].title()}",
                "password": hash_password(PASSWORD, f"salt{n}"),
            }
            for n in range(1, USERS + 1)
        ],
        Rule: [
            {"id": n, "name": f"same {field}", "field": field, "tolerance_cents": 5 * (n - 1)}
            for n, field in enumerate(FIELDS, start=1)
        ],
        Project: [
            {
                "id": n,
                "name": f"{PARTNERS[n % 10]} ledger {n}",
                "owner_id": chance.randint(1, USERS),
                "created_on": FIRST_DAY + timedelta(days=n),
            }
            for n in range(1, PROJECTS + 1)
        ],
        Job: [
            {
                "id": (project - 1) * JOBS + n,
                "project_id": project,
                "status": chance.choice(["done", "done", "done", "failed", "running"]),
                "started_at": datetime(2025, 6, n, 6, 15, chance.randrange(60)),  # noqa: DTZ001 - the table keeps UTC
                "seconds": chance.randint(3, 900),
            }
            for project in range(1, PROJECTS + 1)
            for n in range(1, JOBS + 1)
        ],
        Record: records,
        Match: list(_matches(chance, records)),
    }


def _records(chance: random.Random) -> Iterator[Row]:
    for n in range(PROJECTS * RECORDS):
        goods, partner = chance.sample(GOODS, 2), chance.choice(PARTNERS)
        yield {
            "id": n + 1,
            "project_id": n % PROJECTS + 1,
            "reference": f"INV-{chance.randrange(10**6):06d}",
            "description": f"{partner} {chance.choice(STREETS)} street {' and '.join(goods)} no {chance.randrange(40)}",
            "amount_cents": chance.randint(100, 2_000_000),
            "status": chance.choice(["matched", "matched", "matched", "open", "disputed"]),
            "booked_on": FIRST_DAY + timedelta(days=chance.randrange(365)),
        }


def _matches(chance: random.Random, records: list[Row]) -> Iterator[Row]:
    number = 0
    for record in records:
        for _ in range(chance.randint(1, 2) if record["status"] == "matched" else 0):
            number += 1
            yield {
                "id": number,
                "record_id": record["id"],
                "rule_id": chance.randint(1, len(FIELDS)),
                "counterpart": f"BNK-{chance.randrange(10**8):08d}",
                "score": chance.randint(55, 100),
            }


def seed(url: str, *, indexed: bool) -> bool:
    """Fill the database behind ``url`` in one transaction; return whether there was anything to fill."""
    engine = writing_engine(url)
    try:
        with engine.begin() as connection:
            Table.metadata.create_all(connection)
            fresh = connection.scalar(select(Seeding.version)) != VERSION
            if fresh:
                _fill(connection)
            _set_indexes(connection, indexed)
        if engine.dialect.name == "postgresql":  # else the server would do so by itself in the midst of a measurement
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE"))
    finally:
        engine.dispose()
    return fresh


def _fill(connection: Connection) -> None:
    for table in reversed(Table.metadata.sorted_tables):
        connection.execute(table.delete())
    for kind, rows in data_set().items():
        connection.execute(insert(kind), rows)
    connection.execute(insert(Seeding), {"id": 1, "version": VERSION})


def _set_indexes(connection: Connection, wanted: bool) -> None:
    for name, columns in RECORD_INDEXES.items():
        wish = f"CREATE INDEX IF NOT EXISTS {name} ON records ({columns})" if wanted else f"DROP INDEX IF EXISTS {name}"
        connection.execute(text(wish))


if __name__ == "__main__":
    settings = from_environment()
    seed(settings.database_url, indexed=settings.levers.index)
