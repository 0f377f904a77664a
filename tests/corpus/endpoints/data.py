"""The tables behind every app of the corpus and their rows; plain SQL, the same on PostgreSQL and SQLite."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

URL = os.environ.get("DATABASE_URL", "")
POSTGRES = URL.startswith("postgresql")
DSN = URL.replace("postgresql+psycopg://", "postgresql://")
FILE = URL.removeprefix("sqlite:///")
ROWS, AUTHORS, TEAMS, CATEGORIES = 60, 40, 20, 3

TABLES = """
CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL, team_id INTEGER NOT NULL REFERENCES teams (id));
CREATE TABLE categories (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE articles (
  id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL,
  author_id INTEGER NOT NULL REFERENCES authors (id), category_id INTEGER NOT NULL REFERENCES categories (id)
);
CREATE TABLE comments (
  id INTEGER PRIMARY KEY, article_id INTEGER NOT NULL REFERENCES articles (id), body TEXT NOT NULL
);
CREATE TABLE grants (
  id INTEGER PRIMARY KEY, article_id INTEGER NOT NULL REFERENCES articles (id), allowed INTEGER NOT NULL
);
CREATE TABLE settings (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value TEXT NOT NULL);
CREATE TABLE views (article_id INTEGER NOT NULL)
"""
FUNCTION = """
CREATE FUNCTION comment_count(wanted INTEGER) RETURNS BIGINT AS $$
BEGIN
  RETURN (SELECT count(*) FROM comments WHERE article_id = wanted);
END $$ LANGUAGE plpgsql
"""


def rows() -> dict[str, list[tuple[Any, ...]]]:
    """Return every table's rows. Neighbouring articles have different authors and categories."""
    numbers = range(1, ROWS + 1)
    return {
        "teams": [(n, f"team {n}") for n in range(1, TEAMS + 1)],
        "authors": [(n, f"author {n}", (n - 1) % TEAMS + 1) for n in range(1, AUTHORS + 1)],
        "categories": [(n, f"category {n}") for n in range(1, CATEGORIES + 1)],
        "articles": [
            (n, f"article {n}", "text " * 5, (n - 1) % AUTHORS + 1, (n - 1) % CATEGORIES + 1) for n in numbers
        ],
        "comments": [(n, (n - 1) % ROWS + 1, f"comment {n}") for n in range(1, 3 * ROWS + 1)],
        "grants": [(n, n, n % 2) for n in numbers],
        "settings": [(n, f"setting {n}", str(n)) for n in range(1, 10)],
    }


def connect() -> Any:
    """Return a connection of the plain driver, in autocommit."""
    if POSTGRES:
        import psycopg

        return psycopg.connect(DSN, autocommit=True)
    return sqlite3.connect(FILE, isolation_level=None, check_same_thread=False)


def seed() -> None:
    """Make the tables, unless they are there, and fill them."""
    connection = connect()
    cursor = connection.cursor()
    try:
        cursor.execute("SELECT count(*) FROM articles")
        return
    except Exception:  # noqa: BLE001 - the drivers' own errors for a table that is not there
        pass
    for statement in TABLES.strip().split(";\n"):
        cursor.execute(statement)
    if POSTGRES:
        cursor.execute(FUNCTION)
    for table, values in rows().items():
        places = ", ".join(["%s" if POSTGRES else "?"] * len(values[0]))
        cursor.executemany(f"INSERT INTO {table} VALUES ({places})", values)
    connection.close()


if __name__ == "__main__":
    seed()
