"""Recorded runs from the command line: names, history, one file elsewhere, the dashboard, and forgetting."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from filled import fill
from perfproof.store.repository import Store

pytestmark = pytest.mark.timeout(240)
TOKEN = "0123456789abcdef-secret"


def filled(bench, **how) -> None:
    results = bench.folder / "results"
    results.mkdir(exist_ok=True)
    with Store.open(f"sqlite:///{results / 'perfproof.db'}", results=results) as store:
        fill(store, results, **how)


def stop(process: subprocess.Popen[str]) -> tuple[str, str]:
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=20)


def serve(bench, *arguments: str) -> tuple[subprocess.Popen[str], str]:
    process = bench.start("serve", "--port", "0", *arguments)
    first = process.stderr.readline()
    found = re.search(r"http://\S+:\d+", first)
    assert found, first + process.stderr.read()
    return process, found.group()


@pytest.mark.server
def test_two_measured_runs_are_named_compared_in_the_browser_carried_elsewhere_and_forgotten(bench, tmp_path: Path):
    bench.without_load()
    path = str(bench.scenario())
    for label, arm in (("old", "baseline"), ("new", "candidate")):
        ran = bench.run("run", path, "--arm", arm, "--label", label, "-q")
        assert ran.code == 0, ran.err
    old, new = (folder.name for folder in bench.runs)
    assert '"commit"' in (bench.runs[0] / "run.json").read_text(), "the service's folder is in this repository"

    assert bench.run("baseline", "set", "main", "old").code == 0
    listed = bench.run("baseline", "list").out
    assert "main" in listed
    history = bench.run("history", "tiny")
    assert history.code == 0, history.err
    assert "2 runs, the last at" in history.out

    process, address = serve(bench)
    try:
        page = httpx.get(f"{address}/runs/{new}")
        assert page.status_code == 200
        assert f"/runs/{new}/report" in page.text
        assert "<h1" in httpx.get(f"{address}/runs/{new}/report").text
        compared = httpx.get(f"{address}/compare", params={"baseline": old, "candidate": new}, timeout=60)
        assert compared.status_code == 200
        assert "What was compared" in compared.text
        (bench.folder / "results" / old / "report.html").unlink()
        assert "<h1" in httpx.get(f"{address}/runs/{old}/report", timeout=60).text, "it is drawn from the evidence"
    finally:
        stop(process)

    exported = bench.run("export", "main", "new", "-o", "two.perfproof")
    assert exported.code == 0, exported.err
    for _ in range(2):
        imported = bench.run("import", "two.perfproof", "--results", "elsewhere")
        assert imported.code == 0, imported.err
    assert "0 runs imported, 2 were here already" in imported.err
    again = bench.run("compare", "main", new, "--results", "elsewhere")
    assert again.code == bench.run("compare", old, new).code
    assert "2 runs, the last at" in bench.run("history", "tiny", "--results", "elsewhere").out

    assert bench.run("prune", "--keep", "0", "--dry-run").out.split() == [new]
    assert len(bench.runs) == 2
    assert bench.run("prune", "--keep", "0").out.split() == [new]
    assert [folder.name for folder in bench.runs] == [old], "a named baseline stays"
    assert bench.run("baseline", "drop", "main").code == 0
    assert bench.run("prune", "--keep", "0", "-h").code == 0
    bench.run("prune", "--keep", "0")
    assert bench.runs == []


def test_a_history_of_many_runs_is_shown_and_written(bench):
    filled(bench, runs=40)
    ran = bench.run("history", "--metric", "latency_p95", "-o", "h.html")
    assert ran.code == 0, ran.err
    assert "◆" in ran.out
    page = (bench.folder / "h.html").read_text()
    assert page.count('class="trend"') == 1, "a metric that was asked for is written alone"
    assert bench.run("history", "-o", "all.json", "-q").err == ""
    assert len(bench.json("all.json")["trends"]) > 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("history", "prjects"), "did you mean projects?"),
        (("history", "projects", "--metric", "latency_p59"), "latency_p95"),
        (("history", "projects", "--request", "dashbord"), "dashboard"),
        (("history", "projects", "-o", "h.pdf"), "use one of .html"),
        (("prune",), "--keep 50"),
        (("prune", "--older-than", "90"), "36h, 90d, 12w"),
        (("baseline", "drop", "nope"), "none has been set"),
        (("baseline", "set", "last"), "not `last`"),
        (("import", "nope.perfproof"), "no such file"),
        (("import", "tiny.yaml"), "not a ZIP file"),
        (("export", "nope", "-o", "x"), "no run has the id"),
        (("serve", "--host", "0.0.0.0"), "PERFPROOF_TOKEN"),
        (("serve", "--token", "short"), "at least 16"),
        (("serve", "--host", "203.0.113.7", "--token", TOKEN), "cannot listen on 203.0.113.7"),
    ],
)
def test_what_cannot_be_done_is_told_with_a_way_out(bench, arguments: tuple[str, ...], said: str):
    bench.scenario()
    filled(bench, runs=3, step=None)
    ran = bench.run(*arguments)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert TOKEN not in ran.err


def test_a_token_is_asked_for_and_written_nowhere(bench):
    filled(bench, runs=3, step=None)
    bench.environ["PERFPROOF_TOKEN"] = TOKEN
    process, address = serve(bench, "--host", "0.0.0.0")
    try:
        local = address.replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(local, timeout=30).status_code == 401  # the first request loads what pages need
        with httpx.Client(timeout=30) as client:
            assert client.get(f"{local}/?token={TOKEN}").status_code == 303
            assert "projects" in client.get(local).text
            assert client.get(f"{local}/nope?token=wrong").status_code == 401
    finally:
        out, err = stop(process)
    assert TOKEN not in out + err
    assert "Traceback" not in err
    for file in (bench.folder / "results").rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes()
    assert bench.leftovers() == []
