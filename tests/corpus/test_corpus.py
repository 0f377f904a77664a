"""What is said about N+1 on a labelled corpus of endpoints is right on every one of them."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

sys.path.insert(0, str(Path(__file__).parent / "endpoints"))

import labels
from judging import judge, precision_and_recall

import counting
import postgres

# Probes put no load on, and only counts are asserted: these may run beside others.
pytestmark = pytest.mark.timeout(240)

TELLING = (
    "/lazy-comments", "/few-parents", "/serializer", "/authorise-and-drop", "/memo-of-parents", "/every-second",
    "/raw/loop-with-literals", "/wrapped", "/selectin", "/join-explodes", "/preamble", "/chunks-of-ten",
    "/process-cache", "/only-the-first", "/one-in-ten", "/raw/in-list",
)  # fmt: skip
"""One of each kind; benchmarks/nplusone.py has them all."""


@pytest.fixture(scope="module")
def server() -> Iterator[counting.Server]:
    binaries, user = postgres.find_binaries(), postgres.unprivileged_user()
    if binaries is None or user is None:
        postgres.missing("PostgreSQL is not installed, or there is no user it could run as")
    with postgres.running_server(binaries, user, counting.SETTINGS) as address:
        yield counting.Server(address)


def test_every_label_is_met_on_sqlite(tmp_path):
    paths = {path: labels.FASTAPI[path] for path in TELLING}
    judged, result = judge("fastapi", f"sqlite:///{tmp_path}/corpus.db", paths, tmp_path)
    assert [each for each in judged if not each.right] == []
    assert precision_and_recall(judged) == (1.0, 1.0)
    kinds = {(finding.request, finding.kind) for finding in result.findings}
    assert ("/preamble", "constant_queries") in kinds
    assert ("/chunks-of-ten", "batched") in kinds
    (finding,) = [f for f in result.findings if (f.request, f.kind) == ("/serializer", "n_plus_one")]
    assert "selectinload" in finding.summary
    assert "fastapi_app.py:" in finding.summary
    assert "IN (?, ?, ...)" in advice(result, "/raw/loop-with-literals")


def advice(result, request: str) -> str:
    return "; ".join(f.evidence["advice"] for f in result.findings if (f.request, f.kind) == (request, "n_plus_one"))


@pytest.mark.database
def test_every_label_is_met_on_postgresql_with_a_timer_and_pings_running(tmp_path, server):
    url = server.new_database()
    paths = {path: (labels.FASTAPI | labels.POSTGRES_ONLY)[path] for path in (*TELLING[:2], *labels.POSTGRES_ONLY)}
    stop = threading.Event()

    def background(every: float, sql: LiteralString) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.wait(every):
                connection.execute(sql)

    asked = ((0.05, "SELECT 'tick', count(*) FROM pg_class"), (1.7, "SELECT 1"))  # a timer, and a pool that pings
    threads = [threading.Thread(target=background, args=each) for each in asked]
    for thread in threads:
        thread.start()
    try:
        judged, result = judge("fastapi", url.replace("postgresql://", "postgresql+psycopg://"), paths, tmp_path)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert [each for each in judged if not each.right] == []
    counts = {each.path: each.queries for each in judged}
    assert counts["/lazy-comments"] == "2 11 51", "nothing of the timer is booked on the request"
    assert counts["/asyncpg/late-commit"] == "1 1 1"
    assert counts["/asyncpg/gather"] == "1 10 50"
    assert counts["/raw/nested-function"] == "1 1 1", "what a function runs inside is apart"
    assert any("in the background" in warning for warning in result.warnings)
    assert "= ANY($1)" in advice(result, "/asyncpg/loop")


@pytest.mark.database
def test_every_label_is_met_behind_two_workers_of_gunicorn(tmp_path, server):
    for app, paths in (("flask", labels.FLASK), ("django", labels.DJANGO)):
        url = server.new_database().replace("postgresql://", "postgresql+psycopg://")
        judged, result = judge(app, url, paths, tmp_path)
        assert [each for each in judged if not each.right] == []
        told = "; ".join(advice(result, path) for path in paths)
        assert ("select_related" if app == "django" else "= ANY(%s)") in told


@pytest.mark.database
def test_every_label_is_met_on_a_cluster_of_node(tmp_path, server, monkeypatch):
    import os

    if not (shutil.which("node") and Path(os.environ.get("NODE_PATH", "/nowhere"), "pg").is_dir()):
        postgres.missing("needs node, and NODE_PATH with the packages express and pg")
    url = server.new_database().replace("postgresql://", "postgresql+psycopg://")
    judged, result = judge("node", url, labels.NODE, tmp_path, ', WORKERS: "2"')
    assert [each for each in judged if not each.right] == []
    assert any("dataloader" in advice(result, path) for path in labels.NODE)
    (sources,) = result.sources.values()
    assert any("not loaded, since it is not Python" in each for each in sources), "the agent is no source"
