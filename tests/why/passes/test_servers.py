"""Levers of real services, pulled in the candidate alone: prefork, threads, workers, frameworks, another language."""

import os
import shutil
import subprocess
import sys

import psycopg
import pytest

from levers_pass import observed
from postgres import missing

pytestmark = pytest.mark.server

GUNICORN = "{python} -m gunicorn -b 127.0.0.1:{port} -w 2 --log-level warning wsgi:app"
ROWS = "  - {name: rows, get: /rows, headers: {Accept-Encoding: gzip}}\n"
SIZED = (
    '  - {name: sized, get: "/rows?limit={limit}", values: {limit: [20]}, scale: {parameter: limit, sizes: [1, 60]}}\n'
)
KEPT = "  - {name: kept, get: /kept}\n"
WRITES = "  - {name: write, post: /rows, json: {}}\n"


def http(arm, name):
    return next(facts for facts in arm.http if facts.request == name)


def test_gunicorns_workers_are_watched_together(tmp_path, file):
    (before, after), memory = observed(
        tmp_path / "run",
        GUNICORN,
        ROWS + SIZED + KEPT + WRITES,
        environment=f"FILE: '{file}'",
        candidate='POOL: "1", GZIP: "1", KEEP: "1"',
        database="sqlite",
        memory=True,
    )
    (pool_before,), (pool_after,) = before.pools, after.pools
    assert pool_before.opened / pool_before.requests == pytest.approx(1, abs=0.6)  # kept pages need none
    assert pool_before.pool_size == 0
    assert pool_after.opened <= 2  # one for each worker
    assert pool_after.pool_size == 10
    assert pool_after.checkouts > 10

    plain, packed = http(before, "rows"), http(after, "rows")
    assert [encoding.given for encoding in plain.encodings] == ["identity"] * 4
    assert [encoding.given for encoding in packed.encodings] == ["identity", "gzip", "identity", "identity"]
    assert packed.encodings[1].wire < packed.encodings[1].decoded / 2
    assert all(packed.encodings[place].cpu_ns > 0 for place in (0, 1))
    assert (plain.accepts, http(before, "kept").accepts) == ("gzip", "")
    assert plain.warm_queries == 1

    kept = http(after, "kept")
    assert kept.hits >= 4  # each of two workers misses once
    assert (kept.revalidated, kept.cold_queries) == (304, 1)
    assert "s3cret" not in str(before) + str(after)

    sized = http(after, "sized")
    assert [(each.size, each.rows) for each in sized.sizes] == [(1, 1), (60, 60)]
    assert sized.small.given == "identity"

    assert any("item" in plan.scanned for plan in after.plans)
    assert any(note.startswith("write: it writes") for note in after.notes)

    profile = memory[0]
    assert profile.engine == "memray"
    mine = [each for each in profile.allocations if each.own and each.request == "rows"]
    assert mine[0].line.startswith("rows.py:")
    assert mine[0].bytes_per_request > 1000


def test_a_cache_that_a_write_does_not_reach_is_told_as_stale(tmp_path, file):
    # The write is opted in, so both versions get it; the file is put back by `reset` before each start.
    shutil.copy(file, tmp_path / "copy.db")
    command = "{python} -m gunicorn -b 127.0.0.1:{port} -w 1 --log-level warning wsgi:app".replace(
        "{python}", sys.executable
    )
    writes = "  - {name: write, post: /rows, json: {}, probe: {writes: true}}\n"
    (before, after), _ = observed(
        tmp_path / "run",
        "",
        KEPT + writes,
        service=f"command: '{command}'\n  reset: 'cp {tmp_path}/copy.db {file}'",
        environment=f"FILE: '{file}'",
        candidate='KEEP: "1"',
    )
    assert (http(before, "kept").after_write, http(after, "kept").after_write) == ("changed", "same")
    assert any(note.startswith("kept: stale") for note in after.notes)
    assert not before.notes


@pytest.mark.parametrize(
    ("command", "queries"),
    [
        ("{python} -m flask --app flasks run -h 127.0.0.1 -p {port}", 1),
        ("{python} -m uvicorn --host 127.0.0.1 --port {port} --workers 2 --log-level warning fast:app", 1),
        # Django asks each new connection of SQLite for an option that it was compiled with.
        ("{python} -m gunicorn -b 127.0.0.1:{port} -w 1 --threads 4 --log-level warning djangos:application", 2),
    ],
    ids=["flask", "uvicorn workers", "django"],
)
def test_a_pool_is_seen_in_every_framework(command, queries, tmp_path, file):
    # Opening takes so long that no other program's turn on this core can take as long as sixty of them.
    slow = f"FILE: '{file}', OPENING_MS: '5'"
    (before, after), _ = observed(tmp_path / "run", command, ROWS, environment=slow, candidate='POOL: "1"')
    assert before.pools[0].opened == before.pools[0].requests > 20
    # What the pool holds at most: a request may begin before the one before has given its connection back.
    assert after.pools[0].opened <= 10
    assert after.pools[0].waited_ns < before.pools[0].waited_ns
    assert (http(before, "rows").warm_queries, http(after, "rows").warm_queries) == (queries, 1)
    assert not before.notes


def test_a_node_service_is_seen_by_its_database_and_its_headers(tmp_path, database):
    node = shutil.which("node")
    needed = "require('express'); require('pg')"
    if node is None or subprocess.run([node, "-e", needed], capture_output=True, timeout=30).returncode:
        missing("node with express and pg is not there (NODE_PATH says where)")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE item (id serial PRIMARY KEY, kind int, name text)")
        connection.execute("INSERT INTO item (kind, name) SELECT i % 40, 'name ' || i FROM generate_series(1, 4000) i")
        connection.execute("ANALYZE item")
    environment = f"PORT: '{{port}}', DATABASE_URL: '{database}', NODE_PATH: '{os.environ.get('NODE_PATH', '')}'"
    (before, after), (memory, _) = observed(
        tmp_path / "run",
        f"{node} shop.js",
        ROWS,
        environment=environment,
        candidate='POOL: "1", GZIP: "1"',
        database=database,
        memory=True,
    )
    assert before.pools, before.notes
    assert "PostgreSQL" in before.pools[0].source
    assert before.pools[0].opened == pytest.approx(before.pools[0].requests, abs=1)
    assert after.pools[0].opened <= 4
    assert http(after, "rows").encodings[1].given == "gzip"
    assert http(after, "rows").encodings[1].cpu_ns > 0
    assert (http(before, "rows").warm_queries, http(before, "rows").revalidated) == (1, 304)
    assert after.plans[0].scanned in ({"item": 4000}, {})
    assert after.plans[0].shape
    assert memory.engine == "none"
    assert "it is not Python" in memory.notes[0]
    assert database.split(":")[2].split("@")[0] not in str(before) + str(after)


def test_a_service_that_is_not_ours_to_start_is_told_apart(tmp_path, file):
    port = 18473
    command = ["python3", "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    (tmp_path / "health").write_text("ok")
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        (before, _), (memory, _) = observed(
            tmp_path / "run",
            "",
            "  - {name: file, get: /health}\n",
            service=f"url: http://127.0.0.1:{port}",
            memory=True,
        )
    finally:
        server.kill()
        server.wait()
    facts = http(before, "file")
    assert facts.cold_ns is None
    assert len(facts.warm_ns) == 6
    assert facts.revalidated == 304
    assert not before.pools
    assert "service.command" in memory.notes[0]
