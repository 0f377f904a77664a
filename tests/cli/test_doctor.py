"""``perfproof doctor`` as a user runs it: on services that are well, and on every usual way of not being well."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

import perfproof
from perfproof.databases.urls import parse
from short_looks import short_looks

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

DEMO = Path(perfproof.__file__).parent / "demo" / "demo.yaml"
QUICK = (("rate: 80/s", "rate: 20/s"),)


def looked(bench, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run the doctor; return its exit code, findings and what it printed. Whatever is wrong has a remedy."""
    ran = bench.run("doctor", *arguments, "--json", "out.json")
    assert (bench.folder / "out.json").exists(), ran.err + ran.out
    document = bench.json("out.json")
    assert document["exit_code"] == ran.code
    for finding in document["findings"]:
        if finding["state"] in ("warning", "problem"):
            assert finding["fix"], finding
            assert finding["about"] in ran.out
    assert not (bench.folder / "results").exists(), "only what measures makes a folder for results"
    assert not bench.leftovers()
    return ran.code, document["findings"], ran.out


def of(findings: list[dict[str, Any]], about: str, state: str = "problem") -> list[dict[str, Any]]:
    return [each for each in findings if each["about"] == about and each["state"] == state]


def test_the_demo_is_well_and_fits_on_a_screen(bench):
    bench.without_load()  # the look at noise alone asks for load, and the test after the next one for real load
    bench.environ["COLUMNS"] = "80"
    code, findings, out = looked(bench, str(DEMO))
    assert code == 0, out
    assert not [each for each in findings if each["state"] == "problem"]
    told = {each["about"]: each["what"] for each in findings if each["state"] == "ok"}
    assert "baseline in" in told["start"]
    assert "/health" in told["start"]
    assert "MiB" in told["footprint"]
    assert "1 step (POST /auth/login) is answered" in told["set-up"]
    assert told["requests"] == "all 4 are answered as expected by baseline and candidate"
    queries = [each["what"] for each in of(findings, "queries", "ok")]
    assert any(each.startswith("baseline: ") and "in 4 requests, counted by agent" in each for each in queries), queries
    assert "sqlite3 of Python 3" in told["drivers"]
    assert told["profile"] == "taken by the agent, request by request"
    sees = bench.json("out.json")["sees"]
    assert [each["seconds"] for each in sees] == [60, 120, 300]
    known = [each["smallest_change"] for each in sees if each["smallest_change"] is not None]
    assert known == sorted(known, reverse=True)
    assert 0 < known[-1] < 0.5
    others = sum("others use" in line for line in out.splitlines())
    assert len(out.splitlines()) <= 36 + 3 * others, out
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "no problem" in out
    assert f"next: perfproof ab {DEMO}" in " ".join(out.split())


def test_without_a_scenario_the_machine_alone_is_looked_at_with_what_it_can_see(bench):
    bench.without_load()
    ran = bench.run("doctor", "--json", "-", "-q")
    assert ran.code == 0, ran.err + ran.out
    document = json.loads(ran.out)
    assert document["scenario"] is None
    areas = {each["area"] for each in document["findings"]}
    assert areas == {"Machine", "What it sees"}
    abouts = {each["about"] for each in document["findings"]}
    assert abouts >= {"cores", "neighbours", "clock", "memory", "open files", "disk", "store", "profilers", "counters"}
    assert len(document["sees"]) == 3
    assert "git" not in abouts
    assert not (bench.folder / "results").exists()
    assert not ran.err, "--quiet"


def test_a_service_that_does_not_start_is_told_with_its_last_words_and_the_rest_is_looked_at(bench):
    bench.without_load()
    broken = ('{WORK_US: "3000"}', '{REFUSE: "1"}')
    code, findings, out = looked(bench, str(bench.scenario(broken, *QUICK)), "--no-noise")
    assert code == 1
    (found,) = of(findings, "start")
    assert "baseline did not start: exited with code 3" in found["what"]
    assert any("tiny refuses to start: no configuration" in line for line in found["log"])
    assert "| tiny refuses to start" in out
    assert of(findings, "start", "ok")[0]["what"].startswith("candidate in")
    assert of(findings, "requests", "ok")[0]["what"] == "it is answered as expected by candidate"
    assert of(findings, "cores", "ok"), "the machine is looked at all the same"
    assert "then again: perfproof doctor" in out


def test_where_nothing_starts_what_needs_a_service_is_passed_over_and_noise_is_looked_at_with_a_service_of_ours(bench):
    path = short_looks(bench).scenario(bench.quick, ("-S tiny.py", "-S nothing.py"), *QUICK)
    code, findings, _ = looked(bench, str(path))
    assert code == 1
    assert len(of(findings, "start")) == 2
    assert of(findings, "requests", "skipped")
    assert of(findings, "footprint", "skipped")
    assert [each["about"] for each in findings][-1] == "noise"
    assert "a small service of perfproof's own" in str(findings[-1])
    assert len(bench.json("out.json")["sees"]) == 3


def test_a_wrong_password_is_told_at_the_login_and_requests_are_not_blamed(bench):
    text = DEMO.read_text().replace("password: demo-password", "password: mistyped-1234")
    code, findings, out = looked(bench, str(bench.scenario(text=text)), "--no-noise")
    assert code == 1
    (found,) = of(findings, "set-up")
    assert (
        found["what"] == "baseline and candidate: set-up step 'POST /auth/login' was answered with status 401, not 2xx"
    )
    assert "unknown address or wrong password" in found["why"]
    assert "password that the step sends" in found["fix"]
    assert of(findings, "requests", "skipped")
    assert not of(findings, "requests")
    assert "mistyped-1234" not in out + (bench.folder / "out.json").read_text()


def test_a_request_that_answers_500_names_the_version_that_does(bench):
    bench.without_load()
    failing = ('{WORK_US: "1000"}', '{STATUS: "500"}')
    code, findings, _ = looked(bench, str(bench.scenario(failing, *QUICK)), "--no-noise")
    assert code == 1
    (found,) = of(findings, "requests")
    assert found["what"] == "candidate answered 'item' with status 500, not 2xx"
    assert found["fix"] == "the service failed inside: read its log"


def test_a_request_that_hangs_is_given_up_after_its_timeout(bench):
    slow = ("values: {n: [1, 2, 3]}}", "values: {n: [1, 2, 3]}, timeout: 300ms}")
    hanging = ('{WORK_US: "1000"}', '{SLEEP_MS: "2000"}')
    began = time.monotonic()
    code, findings, _ = looked(bench, str(bench.scenario(slow, hanging, *QUICK)), "--no-noise")
    assert time.monotonic() - began < 60
    assert code == 1
    (found,) = of(findings, "requests")
    assert found["what"] == "candidate did not answer 'item' (timeout)"
    assert "timeout:" in found["fix"]


def test_more_users_than_files_may_be_open_are_a_problem_and_the_rest_is_looked_at(bench):
    many = bench.scenario(("{model: open, rate: 80/s}", "{model: closed, users: 400}"))
    command = [sys.executable, "-m", "perfproof", "doctor", str(many), "--no-noise", "--json", "out.json"]
    ran = subprocess.run(
        command,
        cwd=bench.folder,
        env=bench.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512)),
    )
    assert ran.returncode == 1, ran.stderr + ran.stdout
    findings = bench.json("out.json")["findings"]
    (found,) = of(findings, "open files")
    assert "800 connections are more than the 512 open files allowed" in found["what"]
    assert "ulimit -Hn" in found["fix"]
    assert of(findings, "requests", "ok")
    assert not of(findings, "set-up"), "asking everything once needs no such number"


STOCK = """\
name: stock
service:
  command: "{python} -m uvicorn stock:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log"
  directory: DIRECTORY
  start_timeout: 20s
  database: "ADDRESS"
  environment: {DATABASE_URL: "ADDRESS", WATCHER: "nobody"}
requests:
  - {name: items, get: "/items?limit={limit}", values: {limit: [10]}}
why: off
"""


@pytest.mark.database
def test_a_postgresql_without_pg_stat_statements_is_a_warning_with_what_to_set_and_the_agent_counts(bench, postgresql):
    url = postgresql()
    address = parse(url)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE TABLE stock (id int PRIMARY KEY, title varchar(40))")
        connection.execute("INSERT INTO stock SELECT n, 'item ' || n FROM generate_series(1, 100) AS n")
    plain = url.replace("+psycopg", "")
    code, findings, out = looked(bench, str(bench.scenario(("ADDRESS", plain), text=STOCK)), "--no-noise")
    assert code == 0, out
    lacking = of(findings, "queries", "warning")
    assert any("pg_stat_statements is not loaded" in each["what"] for each in lacking), findings
    assert any("shared_preload_libraries = 'pg_stat_statements'" in each["fix"] for each in lacking)
    (counted,) = of(findings, "queries", "ok")
    assert "in 1 request, counted by agent in the service" in counted["what"]
    assert any("psycopg" in each["what"] for each in of(findings, "drivers", "ok"))
    assert (address.password or "?") not in out + (bench.folder / "out.json").read_text()


@pytest.mark.database
def test_a_database_that_is_not_there_is_told_with_its_address(bench):
    there = bench.scenario(
        ("health: /health", "health: /health\n  database: 'postgresql://me:pw-55@127.0.0.1:1/shop'"), uvicorn=True
    )
    code, findings, out = looked(bench, str(there), "--no-noise")
    assert code == 0, "the agent could count"
    told = [each for each in of(findings, "queries", "warning") if "127.0.0.1:1/shop does not answer" in each["what"]]
    assert told, findings
    assert "address in service.database" in told[0]["fix"]
    assert "pw-55" not in out


def test_a_database_of_which_nothing_is_seen_is_a_warning(bench):
    path = bench.scenario(("health: /health", "health: /health\n  database: sqlite"), *QUICK, uvicorn=True)
    code, findings, _ = looked(bench, str(path), "--no-noise")
    assert code == 0
    (found,) = of(findings, "queries", "warning")
    assert found["what"] == "none was seen in 1 request, by agent in the service"
    assert "what the service uses" in found["fix"]


def test_mistakes_in_the_file_are_problems_with_their_places_and_the_machine_is_looked_at(bench):
    path = bench.scenario(("rate: 80/s", "rat: 80/s"), ("start_timeout: 20s", "start_timeout: soon"))
    code, findings, _ = looked(bench, str(path), "--no-noise")
    assert code == 1
    found = of(findings, "file")
    assert len(found) == 2
    assert found[0]["what"].startswith("tiny.yaml:6:")
    assert {each["about"] for each in findings} >= {"cores", "clock", "store", "profilers"}


def test_a_file_that_is_not_there_is_a_matter_of_usage(bench):
    ran = bench.run("doctor", "nothing.yaml")
    assert ran.code == 2
    assert "nothing.yaml" in ran.err


def test_a_mode_for_developing_and_a_ref_that_is_not_there_are_told(bench):
    bench.without_load()
    path = bench.scenario(('{WORK_US: "1000"}', '{WORK_US: "1000", DEBUG: "1"}'), *QUICK)
    code, findings, _ = looked(bench, str(path), "--no-noise", "--baseline-ref", "no-such-branch")
    assert code == 1
    (debug,) = of(findings, "start", "warning")
    assert "candidate runs in a mode for developing: DEBUG is on" in debug["what"]
    assert any("no-such-branch" in each["what"] for each in of(findings, "git"))


WRITES = """\
name: writes
service:
  command: "{python} -m uvicorn tiny:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log"
  directory: DIRECTORY
  environment: {SHOP: "shop.db"}
  prepare: "{python} -c \\"import sqlite3; c = sqlite3.connect('FOLDER/shop.db');
    c.execute('create table if not exists t (n)'); c.commit()\\""
  snapshot: FOLDER/shop.db
  health: /health
requests:
  - {name: item, get: "/items/1"}
why: off
"""


def test_a_snapshot_is_put_back_and_an_interruption_leaves_nothing(bench):
    path = bench.scenario(("FOLDER", str(bench.folder)), text=WRITES)
    code, findings, out = looked(bench, str(path), "--no-noise")
    assert code == 0, out
    assert of(findings, "snapshot", "ok")[0]["what"] == "1 database can be put back"
    assert sorted(each.name for each in bench.folder.iterdir()) == ["out.json", "shop.db", "tiny.yaml"]
    (temporary := bench.folder.parent / f"{bench.folder.name}-temporary").mkdir()
    bench.environ["TMPDIR"] = str(temporary)
    process = bench.start("doctor", str(path))
    deadline = time.monotonic() + 60
    while not any(temporary.glob("*/noise/*/rounds/.*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert time.monotonic() < deadline, "it was the look at noise that was interrupted"
    assert not bench.leftovers()
    assert not any(temporary.iterdir())
    assert not (bench.folder / "results").exists()
