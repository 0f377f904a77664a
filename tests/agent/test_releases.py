"""The agent inside older releases of drivers and frameworks: as exact as inside the newest, or it says what is lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import releases
from driven import APP, counted, texts
from perfproof.databases.agent import Offsets
from perfproof.databases.mysql_log import MysqlLog
from perfproof.databases.postgres_log import PostgresLog
from perfproof.databases.urls import parse
from postgres import missing

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

OF_POSTGRESQL = [
    (driver, release)
    for name, drivers in (
        ("psycopg", ("psycopg", "psycopg async")),
        ("psycopg2", ("psycopg2",)),
        ("asyncpg", ("asyncpg",)),
        ("sqlalchemy", ("sqlalchemy",)),
    )
    for release in releases.DRIVERS[name]
    for driver in drivers
]


def fetched(release):
    try:
        return releases.folder_of(release)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        return missing(f"{' '.join(release)} cannot be fetched: {str(error.stderr)[-300:]}")


def run(agent, release, driver, url):
    path = os.pathsep.join([str(fetched(release)), os.environ.get("PYTHONPATH", "")])
    environment = agent.environment({**os.environ, "PYTHONPATH": path})
    subprocess.run([sys.executable, APP, driver, url], env=environment, check=True, timeout=60)


@pytest.mark.parametrize(("driver", "release"), OF_POSTGRESQL, ids=str)
def test_an_older_release_reports_what_postgresql_logs(driver, release, database, agent):
    source = PostgresLog(parse(database))
    source.open()
    try:
        before = source.snapshot()
        run(agent, release, driver, database)
        count = source.count_since(before)
    finally:
        source.close()
    assert agent.failures() == ()
    found, written = counted(agent)
    assert found == texts(count)
    assert sum(found.values()) > 4
    assert b"s3cret" not in written


@pytest.mark.parametrize("release", releases.DRIVERS["pymysql"], ids=str)
def test_an_older_pymysql_reports_what_the_server_logs(release, mariadb, agent):
    url = mariadb.new_database()
    source = MysqlLog(parse(url))
    source.open()
    try:
        before = source.snapshot()
        run(agent, release, "pymysql", url)
        count = source.count_since(before)
    finally:
        source.close()
    assert agent.failures() == ()
    assert counted(agent)[0] == texts(count)


@pytest.mark.parametrize("release", releases.DRIVERS["aiosqlite"], ids=str)
def test_an_older_aiosqlite_reports_its_statements(release, agent, tmp_path):
    run(agent, release, "aiosqlite", f"sqlite://{tmp_path / 'a.db'}")
    assert agent.failures() == ()
    assert counted(agent)[0] == {"select ?": 3}


OF_FRAMEWORKS = [
    *[("gunicorn", "frameworks:django_wsgi", release) for release in releases.FRAMEWORKS["django"]],
    *[("gunicorn", "frameworks:flask_app", release) for release in releases.FRAMEWORKS["flask"]],
    *[("uvicorn", "frameworks:starlette_app", release) for release in releases.FRAMEWORKS["starlette"]],
]


@pytest.mark.parametrize(("server", "app", "release"), OF_FRAMEWORKS, ids=str)
def test_an_older_framework_has_its_statements_booked_on_the_request(server, app, release, serve, agent):
    folder = fetched(release)
    apps = Path(APP).parent
    with serve(server, app, PYTHONPATH=os.pathsep.join([str(folder), str(apps)])) as service:
        before = agent.snapshot()
        counts = [agent.count_since(before, service.get(f"/orders?n={n}")) for n in (1, 7)]
    assert agent.failures() == ()
    assert counts[1].void is None
    assert counts[1].queries - counts[0].queries == 6
    assert any(line["k"] == "b" for line in agent.lines(Offsets({})))


CHANGED = """
import sys, types
# A release that nobody knows: what the hook looks for has another name.
module = types.ModuleType("psycopg2")
module.__version__ = "9.9.9 (dt dec)"
sys.modules["psycopg2"] = module
from perfproof_agent import hooks
hooks.run("psycopg2", [("psycopg2_driver", "patch")], module)
"""


def test_a_hook_that_does_not_fit_is_told_with_the_version_and_what_is_lost(agent):
    subprocess.run([sys.executable, "-c", CHANGED], env=agent.environment(dict(os.environ)), check=True, timeout=30)
    agent.snapshot()  # what failed before the first request is told all the same
    (told,) = agent.failures()
    assert told.startswith("the agent failed in hook of psycopg2, psycopg2 9.9.9 (AttributeError, line ")
    assert told.endswith("its statements and the lines that send them are not seen in the service")
