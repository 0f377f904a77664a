"""Connections seen by the agent in every driver and pool: opened, waited for, in use, and harmless to the program."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from perfproof.agent import WANTS_VARIABLE
from perfproof.databases.agent import Offsets
from perfproof.why.observed.connections import pool_facts, sqlite_files
from postgres import missing

APP = Path(__file__).parent / "apps" / "connecting.py"


def lines_of(agent, way, url, module=None, wants="pool"):
    if module and importlib.util.find_spec(module) is None:
        missing(f"{module} is not installed")
    environment = {**agent.environment(dict(os.environ)), WANTS_VARIABLE: wants}
    subprocess.run([sys.executable, APP, way, url], env=environment, check=True, timeout=60)
    lines = agent.lines(Offsets({}))
    assert not [line for line in lines if line["k"] == "x"]
    return lines


def facts_of(*arguments, **named):
    lines = lines_of(*arguments, **named)
    found = pool_facts(lines, lines, 3)
    assert found is not None
    return found


WAYS = [
    ("psycopg_plain", "psycopg"),
    ("psycopg_async", "psycopg"),
    ("psycopg2_plain", "psycopg2"),
    ("asyncpg_plain", "asyncpg"),
]


@pytest.mark.database
@pytest.mark.parametrize(("way", "module"), WAYS)
def test_each_connection_of_a_postgresql_driver_is_counted_and_timed(way, module, database, agent):
    facts = facts_of(agent, way, database, module)
    assert (facts.opened, facts.checkouts) == (3, None)
    assert facts.waited_ns > 100_000


@pytest.mark.database
@pytest.mark.parametrize(("way", "module"), [("pymysql_plain", "pymysql"), ("mysqldb_plain", "MySQLdb")])
def test_each_connection_of_a_mysql_driver_is_counted(way, module, mariadb, agent):
    assert facts_of(agent, way, mariadb.new_database(), module).opened == 3


POOLS = [
    ("asyncpg_pool", "asyncpg", ""),
    ("psycopg_pool", "psycopg_pool", ""),
    ("sqlalchemy_pool", "psycopg", "+psycopg"),
]
POOLS += [("sqlalchemy_async", "asyncpg", "+asyncpg"), ("sqlalchemy_async", "psycopg", "+psycopg")]


@pytest.mark.database
@pytest.mark.parametrize(("way", "module", "driver"), POOLS)
def test_a_pool_lends_three_times_what_it_has_opened_twice(way, module, driver, database, agent):
    facts = facts_of(agent, way, database.replace("postgresql", "postgresql" + driver), module)
    assert (facts.checkouts, facts.opened, facts.in_use, facts.pool_size) == (3, 2, 2, 2)


@pytest.mark.database
def test_the_pool_of_psycopg2_opens_as_many_as_it_is_told(database, agent):
    assert facts_of(agent, "psycopg2_pool", database, "psycopg2").opened == 2


def test_waiting_for_a_pool_that_is_too_small_is_seen(tmp_path, agent):
    facts = facts_of(agent, "sqlalchemy_waiting", f"sqlite:///{tmp_path / 'a.db'}")
    assert (facts.checkouts, facts.opened, facts.in_use, facts.pool_size) == (3, 1, 1, 1)
    assert 0.15e9 < facts.waited_ns < 0.5e9


def test_without_a_pool_each_one_is_opened_and_the_wait_is_that_of_opening(tmp_path, agent):
    facts = facts_of(agent, "sqlalchemy_none", f"sqlite:///{tmp_path / 'a.db'}")
    assert (facts.checkouts, facts.opened, facts.in_use, facts.pool_size) == (3, 3, 2, 0)
    assert facts.waited_ns < 0.1e9


@pytest.mark.parametrize(("way", "opened"), [("django_always", 3), ("django_kept", 1)])
def test_django_opens_one_for_each_request_unless_it_keeps_them(way, opened, tmp_path, agent):
    assert facts_of(agent, way, str(tmp_path / "a.db"), "django").opened == opened


@pytest.mark.parametrize("way", ["sqlite_plain", "sqlite_uri"])
@pytest.mark.parametrize("wants", ["pool", "queries,pool"])
def test_the_file_of_sqlite_is_known(way, wants, tmp_path, agent):
    file = tmp_path / "my shop.db"
    lines = lines_of(agent, way, str(file), wants=wants)
    assert sqlite_files(lines) == [file]
    facts = pool_facts(lines, lines, 3)
    assert facts is not None
    assert facts.opened == 3


def test_a_connection_that_fails_raises_as_ever_and_is_not_counted(tmp_path, agent):
    environment = {**agent.environment(dict(os.environ)), WANTS_VARIABLE: "pool"}
    program = [sys.executable, APP, "sqlite_plain", str(tmp_path / "no" / "such" / "a.db")]
    ended = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60)
    assert "unable to open database file" in ended.stderr
    assert not [line for line in agent.lines(Offsets({})) if line["k"] in "ox"]
