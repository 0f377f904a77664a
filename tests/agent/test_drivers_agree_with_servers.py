"""Every driver's hook against the server's own log: the same statements under the same keys, as often, and no value."""

import importlib.util
import os
import subprocess
import sys
from collections import Counter

import pytest

from driven import APP, counted, texts
from perfproof.databases.agent import Offsets
from perfproof.databases.fingerprint import fingerprint
from perfproof.databases.mysql_log import MysqlLog
from perfproof.databases.postgres_log import PostgresLog
from perfproof.databases.urls import parse
from postgres import missing

pytestmark = pytest.mark.database


def need(module):
    if importlib.util.find_spec(module) is None:
        missing(f"the driver {module} is not installed")


def run(agent, driver, url):
    environment = agent.environment(dict(os.environ))
    subprocess.run([sys.executable, APP, driver, url], env=environment, check=True, timeout=60)


@pytest.mark.parametrize("driver", ["psycopg", "psycopg async", "psycopg2", "asyncpg", "sqlalchemy"])
def test_a_postgresql_driver_reports_what_the_server_logs(driver, database, agent):
    need(driver.split()[0])
    source = PostgresLog(parse(database))
    source.open()
    try:
        before = source.snapshot()
        run(agent, driver, database)
        count = source.count_since(before)
    finally:
        source.close()
    found, written = counted(agent)
    assert found == texts(count)
    assert sum(found.values()) > 4
    assert b"s3cret" not in written
    assert "s3cret" not in repr(count)


@pytest.mark.parametrize("driver", ["pymysql", "MySQLdb"])
def test_a_mysql_driver_reports_what_the_server_logs(driver, mariadb, agent):
    need(driver)
    url = mariadb.new_database()
    source = MysqlLog(parse(url))
    source.open()
    try:
        before = source.snapshot()
        run(agent, driver, url)
        count = source.count_since(before)
    finally:
        source.close()
    found, written = counted(agent)

    def of_user(counts):
        return Counter({text: calls for text, calls in counts.items() if not text.startswith("set ")})

    assert of_user(found) == of_user(texts(count))
    assert b"s3cret" not in written


def test_sqlite_reports_what_sqlite_traces(tmp_path, agent):
    run(agent, "sqlite3", f"sqlite://{tmp_path / 'a.db'}")
    found, written = counted(agent)
    traced = subprocess.run(
        [sys.executable, "-c", TRACED, str(APP), f"sqlite://{tmp_path / 'b.db'}"],
        check=True,
        capture_output=True,
        text=True,
    )
    expected = Counter(fingerprint(line, "sqlite").text for line in traced.stdout.split("\0") if line.strip())
    expected["select nothing from nowhere"] += 1  # refused before it ran
    assert found == expected
    assert b"s3cret" not in written


FETCHED = """
import sqlite3, time
from perfproof_agent import calls
request = calls.Request('t')
calls.request.set(request)
rows = sqlite3.connect(':memory:').execute(
    'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT i FROM n')
began = time.perf_counter_ns()
assert len(rows.fetchall()) == 200000
print(time.perf_counter_ns() - began)
request.end()
"""


def test_the_time_of_sqlite_holds_the_fetching_in_which_it_looks_for_rows(agent):
    command, told = [sys.executable, "-c", FETCHED], []
    for _ in range(3):  # the program may have to wait for a core between its clock and the agent's
        ran = subprocess.run(command, env=agent.environment(dict(os.environ)), check=True, capture_output=True)
        line = [line for line in agent.lines(Offsets({})) if line["k"] == "q"][-1]
        assert line["n"] == 200000
        told.append(line["t"] / int(ran.stdout))
    assert max(told) >= 0.9


TRACED = """
import sqlite3, sys, runpy
real = sqlite3.connect
def connect(*a, **k):
    c = real(*a, **k)
    c.set_trace_callback(lambda sql: sys.stdout.write(sql + chr(0)))
    return c
sqlite3.connect = connect
sys.argv = [sys.argv[1], 'sqlite3', sys.argv[2]]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def test_aiosqlite_is_seen_through_its_thread(tmp_path, agent):
    need("aiosqlite")
    run(agent, "aiosqlite", f"sqlite://{tmp_path / 'a.db'}")
    found, _ = counted(agent)
    assert found == Counter({"select ?": 3})
