"""Locust files as scenarios, through every command, on real services."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

EXAMPLE = Path(__file__).parents[2] / "scenarios"

SCENARIO = """\
name: tiny-locust
service:
  command: "{python} -m uvicorn tiny:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log"
  directory: DIRECTORY
  health: /health
  start_timeout: 20s
arms:
  baseline: {environment: {WORK_US: "3000"}}
  candidate: {environment: {WORK_US: "1000"}}
locustfile: load.py
load: {users: 2}
rounds: {count: 2, warmup: 300ms, warmup_requests: 5, blocks: 4, block: 300ms}
why: off
"""

USERS = """\
from locust import HttpUser, FastHttpUser, constant, task


class Reader(FastHttpUser):
    wait_time = constant(0.005)

    @task
    def read(self):
        self.client.get("/items/1", name="item")


class Buyer(HttpUser):
    wait_time = constant(0.005)

    def on_start(self):
        self.client.post("/login")

    @task
    def buy(self):
        with self.client.post("/orders", catch_response=True) as response:
            if "path" not in response.json():
                response.failure("no path")
"""


@pytest.fixture
def scenario(bench):
    def write(*changes, users=USERS, **rest):
        (bench.folder / "load.py").write_text(users)
        return str(bench.scenario(*changes, text=SCENARIO, **rest))

    return write


@pytest.mark.quiet
def test_a_locust_file_is_measured_by_ab_and_judged_by_name(bench, scenario):
    path = scenario(
        ("count: 2", "count: 4"), ("rounds:", "goals: {latency_p50: {improve: 20%, requests: GET item}}\nrounds:")
    )
    ran = bench.run("ab", path, "--json", "out.json", "-o", "page.html", timeout=200)
    assert ran.code == 0, ran.err + ran.out
    result = bench.json("out.json")
    assert result["verdict"] == "met"
    rows = {(row["metric"], row["request"]): row for row in result["comparisons"]}
    assert {name for _, name in rows} == {"all", "GET item", "POST /orders"}
    assert rows["latency_p50", "all"]["change"] < -0.3
    assert rows["throughput", "all"]["change"] > 0
    assert rows["cpu_per_request", "all"]["candidate"] < rows["cpu_per_request", "all"]["baseline"]
    assert rows["error_rate", "all"]["candidate"] == 0
    (run,) = bench.runs
    info = json.loads((run / "run.json").read_text())
    names = info["requests"]
    assert sorted(names) == ["GET item", "POST /orders"]
    for number in (1, 2):
        table = pq.read_table(run / "rounds" / f"{number:03d}" / "samples.parquet").to_pydict()
        facts = json.loads((run / "rounds" / f"{number:03d}" / "round.json").read_text())
        assert sum(block["sent"] for block in facts["blocks"]) == len(table["id"])
        assert {names[n] for n in table["request"]} == {"GET item", "POST /orders"}
        took = [done - sent for done, sent in zip(table["done_ns"], table["sent_ns"], strict=True)]
        assert sum(ns % 1_000_000 == 0 for ns in took) < len(took) / 100
    page = (bench.folder / "page.html").read_text()
    assert "POST /orders" in page
    assert "as the clients of the Locust file measured it" in page
    assert not bench.leftovers()
    assert "POST /orders" in bench.details()


@pytest.mark.quiet
def test_run_noise_compare_and_gate_take_locust_files(bench, scenario):
    path = scenario(("count: 2", "count: 1"), ("blocks: 4, block: 300ms", "blocks: 2, block: 200ms"))
    for arm in ("baseline", "candidate"):
        ran = bench.run("run", path, "--arm", arm, "--label", arm, "--quiet")
        assert ran.code == 0, ran.err + ran.out
    ran = bench.run("compare", "baseline", "candidate", "--json", "out.json")
    assert ran.code in (0, 3), ran.err + ran.out
    rows = {(row["metric"], row["request"]): row for row in bench.json("out.json")["comparisons"]}
    assert rows["latency_p50", "GET item"]["change"] < -0.3
    ran = bench.run("noise", path, "--quiet", timeout=200)
    assert ran.code == 0, ran.err + ran.out
    ran = bench.run("gate", path, "--quiet", "--no-why")
    assert ran.code in (0, 3), ran.err + ran.out


def test_exceptions_in_tasks_void_the_measurement_and_are_told(bench, scenario):
    users = USERS.replace(
        '        with self.client.post("/orders"', '        {}["missing"]\n        with self.client.post("/orders"'
    )
    ran = bench.run("run", scenario(("count: 2", "count: 1"), ("blocks: 4", "blocks: 2"), users=users))
    assert ran.code == 4, ran.err + ran.out
    text = bench.details()
    assert "tasks of baseline ended with an exception, mostly KeyError: 'missing' (load.py:20 in buy)" in text


def test_a_goal_for_a_name_that_never_came_up_is_told(bench, scenario):
    path = scenario(
        ("count: 2", "count: 1"),
        ("blocks: 4", "blocks: 2"),
        ("rounds:", "budgets: {latency_p50: {limit: 1s, requests: GET /item}}\nrounds:"),
    )
    ran = bench.run("run", path)
    assert ran.code == 4, ran.err + ran.out
    text = bench.details()
    assert "no request was called `GET /item`, which goals or budgets name (there were: " in text


def test_ctrl_c_keeps_what_was_recorded(bench, scenario):
    process = bench.start("ab", scenario(("block: 300ms", "block: 10s")), "-v")
    bench.until(process, ": measuring")
    time.sleep(1)  # the first block of 10 s is under way
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert not bench.leftovers()
    (run,) = bench.runs
    samples = pq.read_table(run / "rounds" / "001" / "samples.parquet").to_pydict()
    assert len(samples["id"]) > 10


def test_a_loop_that_never_waits_cannot_keep_ctrl_c_from_ending_it(bench, scenario):
    users = USERS.replace(
        '        with self.client.post("/orders"', '        while True: pass\n        with self.client.post("/orders"'
    )
    process = bench.start("run", scenario(users=users), "-v")
    bench.until(process, ": warming up")
    time.sleep(1)  # users have come to the loop
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert not bench.leftovers()


MISTAKES = {
    "a syntax error": ("class A(HttpUser)\n    pass\n", "load.py:1:18: locustfile: is not Python"),
    "a missing module": ("import nowhere\n", "load.py:1: load.py cannot be loaded"),
    "no users": ("x = 1\n", "load.py:1: load.py has no User class"),
}


@pytest.mark.parametrize(("name", "command"), [*((name, "check") for name in MISTAKES), ("a missing module", "run")])
def test_mistakes_in_the_file_are_reported_with_its_line_and_exit_2(name, command, bench, scenario):
    users, said = MISTAKES[name]
    ran = bench.run(command, scenario(users=users))
    assert ran.code == 2, ran.err + ran.out
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert not bench.leftovers()


def test_check_and_dry_run_show_the_users_and_send_nothing(bench, scenario):
    path = scenario()
    ran = bench.run("check", path)
    assert ran.code == 0
    assert "Reader (weight 1): read 100 %" in ran.out
    ran = bench.run("ab", path, "--dry-run")
    assert ran.code == 0
    assert "2 users of load.py on each arm in turn" in ran.out
    assert not bench.runs


SENDS = """\
import requests
from locust import HttpUser, task
{try_}requests.post("http://127.0.0.1:{port}/created-while-loading", timeout=2)
{except_}
class U(HttpUser):
    @task
    def t(self): self.client.get("/")
"""


@pytest.mark.parametrize("command", [("check",), ("ab", "--dry-run")])
@pytest.mark.parametrize("caught", [False, True])
def test_what_a_file_sends_while_it_is_loaded_is_not_sent_by_check_and_dry_run(command, caught, bench, scenario):
    with socket.create_server(("127.0.0.1", 0)) as sink:
        port = sink.getsockname()[1]
        parts = ("try: ", "except OSError: pass") if caught else ("", "")
        path = scenario(users=SENDS.format(port=port, try_=parts[0], except_=parts[1]))
        ran = bench.run(command[0], path, *command[1:])
        sink.setblocking(False)
        with pytest.raises(BlockingIOError):
            sink.accept()
    assert ran.code == 0, ran.err + ran.out
    told = f"load.py tries to reach 127.0.0.1:{port} while it is loaded; nothing is sent here, so that was refused"
    assert ran.out.count(told) == 1
    assert ("loading ended there" in ran.out) is not caught
    assert ("load.py:3)" in ran.out) is not caught
    assert ("U (weight 1): t 100 %" in ran.out) is caught
    assert not bench.runs


def test_tags_that_leave_no_task_are_refused_before_anything_is_started(bench, scenario):
    users = USERS.replace("    @task\n    def read", "    @tag('quick')\n    @task\n    def read").replace(
        "constant, task", "constant, tag, task"
    )
    path = scenario(("locustfile: load.py", "locustfile: {file: load.py, tags: [quick]}"), users=users)
    for command in ("check", "run"):
        ran = bench.run(command, path)
        assert ran.code == 2, ran.err + ran.out
        assert "load.py:13: tags and exclude_tags leave no task of Buyer" in ran.err
        assert "none of its tasks has a tag" in ran.err
    one = scenario(("locustfile: load.py", "locustfile: {file: load.py, users: [Reader], tags: [quick]}"), users=users)
    ran = bench.run("check", one)
    assert (ran.code, "read 100 %" in ran.out) == (0, True), ran.err + ran.out


def test_check_says_how_long_the_load_takes_at_least_and_at_most(bench, scenario):
    ran = bench.run("check", scenario())
    assert "  6 to 18 s of load, warm-up included" in ran.out, ran.out
    assert "tasks longer than that make it longer" in ran.out


def test_users_who_pause_longer_than_a_warm_up_are_told_of_and_void_nothing(bench, scenario):
    users = USERS.replace("constant(0.005)", "constant(30)")
    path = scenario(("count: 2", "count: 1"), ("warmup_requests: 5", "warmup_requests: 2"), users=users)
    ran = bench.run("run", path, "--json", "out.json")
    told = bench.json("out.json")["comparability"]
    assert "not steady" not in ran.out, ran.out
    assert any("too few to tell whether it was steady" in each for each in told["warnings"]), told


@pytest.mark.quiet
def test_functions_are_told_by_the_names_that_a_locust_file_gives_its_requests(bench, scenario):
    why = ("why: off", "why: {levers: false, profile: agent, seconds: 1600ms}")
    path = scenario(("count: 2", "count: 1"), ("blocks: 4", "blocks: 2"), why)
    ran = bench.run("ab", path, "--json", "out.json", timeout=150)
    assert ran.code in (0, 3), ran.err + ran.out
    names = {each["request"] for each in bench.json("out.json")["why"]["profiles"]}
    assert {"GET item", "POST /orders"} <= names, names


@pytest.mark.parametrize("command", ["probe", "capacity"])
def test_what_needs_requests_of_ours_refuses_a_locust_file(command, bench, scenario):
    ran = bench.run(command, scenario(("load: {users: 2}", "load: {users: 2}\nbudgets: {latency_p95: 1s}")))
    assert ran.code == 2
    assert "Locust file" in ran.err
    assert not bench.leftovers()


@pytest.mark.quiet
def test_the_example_finds_the_demo_s_slow_ways(bench):
    ran = bench.run("ab", str(EXAMPLE / "locust.yaml"), "--rounds", "2", "--no-why", "--json", "out.json", timeout=200)
    assert ran.code in (0, 3), ran.err + ran.out
    result = bench.json("out.json")
    rows = {(row["metric"], row["request"]): row for row in result["comparisons"]}
    for name in ("GET /projects", "GET /projects/[id]", "GET /projects/[id]/records"):
        assert rows["latency_p50", name]["candidate"] < rows["latency_p50", name]["baseline"]
    assert rows["error_rate", "all"]["baseline"] == rows["error_rate", "all"]["candidate"] == 0
