"""No literal of a statement is in anything that perfproof keeps, writes or prints, whichever source has counted."""

from __future__ import annotations

import psycopg
import pytest

import literals
from counting import Server, counting_server
from mariadb import MariaDB, mariadb
from perfproof.databases.urls import parse

__all__ = ["counting_server", "mariadb"]
pytestmark = [pytest.mark.server, pytest.mark.database, pytest.mark.timeout(240)]  # it mostly waits for servers

TABLES = ("CREATE TABLE stock (id int PRIMARY KEY, title varchar(40))", "CREATE TABLE sent (title varchar(40))")
SEEDS, MOST = (1,), 170


@pytest.mark.parametrize("logs", [False, True], ids=["through statistics", "through logs"])
def test_of_a_thousand_fuzzed_literals_none_is_found_again(bench, counting_server: Server, mariadb: MariaDB, logs):
    postgresql, mysql = counting_server.new_database(extension=not logs), mariadb.new_database()
    with psycopg.connect(postgresql, autocommit=True) as connection:
        for statement in TABLES:
            connection.execute(statement.encode())
    mariadb.run(f"USE {parse(mysql).database}", *TABLES)
    to_postgresql = counting_server.new_role(postgresql, "pg_read_all_data, pg_write_all_data")
    to_mysql = mariadb.new_user(mysql)
    log_only = ("SUPER ON *.*", "PROCESS ON *.*", "SELECT ON mysql.general_log", "DROP ON mysql.general_log")
    watched = (postgresql, mariadb.new_user(mysql, *log_only) if logs else mysql)
    outside = bench.folder.parent / f"{bench.folder.name}-sent"
    outside.mkdir()
    path = bench.folder / "fuzz.yaml"
    path.write_text(literals.scenario(watched, to_postgresql, to_mysql, outside, seeds=SEEDS, most=MOST, scaled=False))
    printed = []
    for command in (
        ("run", str(path), "--json", "out.json", "-o", "page.html"),
        ("show", "last"),
        ("report", "last", "-o", "page.md"),
        ("export", "last", "-o", "runs.zip"),
    ):
        ran = bench.run(*command, timeout=180)
        assert ran.code in (0, 1, 3, 4), ran.err + ran.out
        assert "Traceback" not in ran.err
        printed.append((command[0], (ran.out + ran.err).encode()))
    sources = {fact["name"]: fact["baseline"] for fact in bench.json("out.json")["comparability"]["facts"]}[
        "queries counted by"
    ]
    for name in ("server log", "general log") if logs else ("pg_stat_statements", "performance_schema"):
        assert f"({name}) for" in sources
    assert (bench.folder / "out.json").read_text().count("select id from stock where title in (?)") >= 3
    cores = literals.cores(seeds=SEEDS, most=MOST)
    assert len(cores) > 1000
    assert len(literals.found(cores, literals.texts_in(outside))) == len(cores), "the service has sent them"
    assert literals.found(cores, [*literals.texts_in(bench.folder), *printed]) == []
