"""Makes the shops' data anew: ``seed.py FILE`` writes a SQLite database, or JSON where the name ends so."""

import json
import sqlite3
import sys
from pathlib import Path

PRODUCTS = [
    (n, f"product {n}", n + 0.5, None if n % 3 else f"note {n}", "open" if n % 2 else "sold") for n in range(1, 61)
]
ORDERS = [(n, n * 10.0) for n in range(1, 41)]


def main(file: str) -> None:
    if file.endswith(".json"):
        names = ("id", "name", "price", "note", "state")
        data = {
            "products": [dict(zip(names, row, strict=True)) for row in PRODUCTS],
            "orders": [{"id": n, "total": total} for n, total in ORDERS],
        }
        made = Path(file + ".new")
        made.write_text(json.dumps(data))
        made.replace(file)
        return
    with sqlite3.connect(file) as database:
        database.executescript(
            "drop table if exists products; drop table if exists orders;"
            "create table products (id integer primary key, name text, price real, note text, state text);"
            "create table orders (id integer primary key, total real);"
        )
        database.executemany("insert into products values (?, ?, ?, ?, ?)", PRODUCTS)
        database.executemany("insert into orders values (?, ?)", ORDERS)
    database.close()


if __name__ == "__main__":
    main(sys.argv[1])
