"""Make the SQLite file that scenarios/datasette.yaml serves: 50,000 orders, always the same.

python make_table.py FILE
"""

from __future__ import annotations

import random
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

ROWS = 50_000
TABLE = "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, city TEXT, status TEXT, day TEXT, cents INTEGER)"
CITIES = ["Aarhus", "Bergen", "Cork", "Delft", "Essen", "Faro", "Ghent", "Hamar", "Izmir", "Jena", "Kiruna", "Lyon"]
STATUSES = ["new", "paid", "sent", "returned"]


def orders() -> Iterator[tuple[int, str, str, str, str, int]]:
    """Yield the rows of the table."""
    chance = random.Random(50_000)  # noqa: S311 - invented rows, not secrets
    for number in range(1, ROWS + 1):
        customer = f"C{chance.randrange(2000):04d}"
        day = date(2025, 1, 1) + timedelta(days=chance.randrange(365))
        yield (
            number,
            customer,
            chance.choice(CITIES),
            chance.choice(STATUSES),
            day.isoformat(),
            chance.randint(100, 90_000),
        )


def make(file: Path) -> None:
    """Write the file anew; it appears whole or not at all."""
    partial = file.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with closing(sqlite3.connect(partial)) as connection, connection:
        connection.execute(TABLE)
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", orders())
    partial.replace(file)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
