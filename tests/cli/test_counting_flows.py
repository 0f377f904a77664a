"""Counting the steps of flows: real services under Valgrind, from the command line.

One has a database and is counted at full length; the others are compiled, start at once and are counted shortly.
"""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

import pytest

from short_counts import short_counts

SERVICES = Path(__file__).parent.parent / "services"

pytestmark = [pytest.mark.server, pytest.mark.timeout(400)]

COUNTED = "instructions_per_request"
TILL = """\
name: till
service: {command: "{python} till.py {port} {work}/till.db", directory: DIRECTORY, health: /health}
arms:
  baseline: {}
  candidate: {environment: {MORE: "2000"}}
feeds:
  users: {file: users.csv, order: shuffled}
requests:
  - name: buy
    weight: 3
    values: {limit: [5, 50]}
    steps:
      - name: log in
        post: /login
        json: {user: "{users.name}", password: "{users.password}"}
        capture: {token: $.token}
      - name: look
        get: /items?limit={limit}
        headers: &user {Authorization: "Bearer {token}"}
        capture: {item: "$.items[3].id"}
        think_time: 30s
      - name: order
        post: /orders
        headers: *user
        json: {item: "{item}"}
        capture: {order: $.order}
      - {name: pay, post: "/orders/{order}/pay", headers: *user}
      - name: receipt
        get: /orders/{order}/receipt
        headers: *user
        expect: {json: {$.user: "{users.name}", $.item: 4}}
        repeat_until: {json: {$.ready: true}, every: 100ms, at_most: 30}
  - {name: alive, get: /health}
count: {by: callgrind, starts: 2}
"""
STEPS = ["log in", "look", "order", "pay", "receipt"]


def scenario(bench, *changes, users=7):
    with (bench.folder / "users.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["name", "password"])
        rows.writerows([f"user{number}", f"secret-user{number}"] for number in range(users))
    return str(bench.scenario(*changes, text=TILL, name="till.yaml"))


@pytest.fixture(scope="module")
def till(tmp_path_factory):
    """Build the till that starts at once."""
    program = tmp_path_factory.mktemp("till") / "till"
    line = ["g++", "-O2", "-g", "-pthread", "-o", str(program), str(SERVICES / "till.cpp")]
    subprocess.run(line, check=True, timeout=120)
    return program


def compiled(till):
    """Return what takes this till in place of the other, and looks for its receipts."""
    return ("{python} till.py {port} {work}/till.db", f"{till} {{port}}"), ("every: 100ms", "every: 20ms")


def counted(result):
    return {row["request"]: row for row in result["comparisons"] if row["metric"] == COUNTED}


def left_out(result):
    return [text for text in result["comparability"]["warnings"] if "were not counted" in text]


@pytest.mark.quiet
def test_each_step_of_a_flow_is_counted_and_the_one_with_more_work_is_the_one_that_regressed(bench):
    """Think times of 30 s are skipped, or this would take hours."""
    ran = bench.run("count", scenario(bench), "--json", "out.json", timeout=350)
    result = bench.json("out.json")
    rows = counted(result)
    assert ran.code == 1, ran.out + ran.err
    assert set(rows) == {"all", *STEPS, "alive"}
    assert left_out(result) == []
    assert rows["pay"]["verdict"] == "regressed"
    assert rows["pay"]["change"] > 0.3  # 2,000 squares beside a POST and an update
    for name in set(rows) - {"all", "pay"}:
        assert rows[name]["verdict"] in ("equivalent", "inconclusive"), rows[name]
        assert abs(rows[name]["change"]) < 0.03, rows[name]
    # Five steps with three parts of the traffic each, and a single request with one.
    whole = (3 * sum(rows[name]["baseline"] for name in STEPS) + rows["alive"]["baseline"]) / 16
    assert rows["all"]["baseline"] == pytest.approx(whole, rel=1e-6)
    assert rows["look"]["baseline"] > 1.1 * rows["alive"]["baseline"]  # it has 5 or 50 items to tell
    assert not bench.leftovers()


def test_users_who_are_in_each_others_way_walk_alone_and_a_step_that_fails_loses_only_what_follows_it(bench, till):
    """A login ends the one before of the same user: of users side by side all but the last would be refused."""
    changes = (
        *compiled(till),
        ("baseline: {}", 'baseline: {environment: {ALONE: "1"}}'),
        ('MORE: "2000"', 'ALONE: "1", REFUSE: "1"'),
    )
    ran = short_counts(bench).run("count", scenario(bench, *changes, users=1), "--json", "out.json", timeout=350)
    result = bench.json("out.json")
    rows = counted(result)
    assert set(rows) == {"all", "log in", "look", "order", "alive"}, ran.out + ran.err
    assert ran.code in (0, 3), ran.out
    pay, receipt = left_out(result)
    assert pay.startswith("Instructions of pay were not counted: 'pay' was answered with status 402 by candidate")
    assert receipt == "Instructions of receipt were not counted: it follows 'pay' in its flow, which failed."
    for name in ("log in", "look", "order", "alive"):
        assert abs(rows[name]["change"]) < 0.05, rows[name]
    assert not bench.leftovers()


def test_ab_counts_steps_after_the_rounds_and_rows_that_are_given_once_are_given_once(bench, till):
    """Who signs up twice is refused, so that a row taken again would end the flow."""
    sign_up = '      - {name: sign up, post: /users, json: {user: "{users.name}"}}\n'
    log_in = "      - name: log in\n"
    counting = "count: {by: callgrind, starts: 2}"
    changes = (
        *compiled(till),
        ("order: shuffled", "order: once"),
        (log_in, sign_up + log_in),
        ("think_time: 30s", "think_time: 0s"),
        (counting, f"{counting}\nrounds: {{count: 1, pairs: 500ms, warmup: 300ms, warmup_requests: 5}}\nwhy: off"),
    )
    ran = short_counts(bench).run("ab", scenario(bench, *changes, users=600), "--json", "out.json", timeout=350)
    result = bench.json("out.json")
    rows = counted(result)
    assert set(rows) == {"all", "sign up", *STEPS, "alive"}, ran.out + ran.err
    assert left_out(result) == []
    assert rows["pay"]["change"] > 0.3
    timed = {row["request"] for row in result["comparisons"] if row["metric"] == "latency_p50"}
    assert set(rows) <= timed  # of everything that is timed there is a count
    assert not bench.leftovers()
