"""Counts that are right or said to be unknown, from the command line: never "0 queries, budget kept" by mistake."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

COUNTABLE = """\
name: countable
service:
  command: "{python} countable.py {port}"
  prepare: "{python} countable.py seed"
  directory: FOLDER
  start_timeout: 20s
  database: sqlite:///shop.db
requests:
REQUESTS
load: {model: open, rate: 10/s}
rounds: {count: 2, warmup: 300ms, warmup_requests: 5, blocks: 2, block: 300ms}
budgets: {queries_per_request: 10}
why: off
"""
STRAIGHT = """\
  - {name: list, get: "/items/?limit={limit}", values: {limit: [20]}, rows: $.items,
     scale: {parameter: limit, sizes: [1, 10, 50]}}
"""
NAMES = ("bulk", "thread", "subclass", "pool", "mpool", "shared", "timer")
REQUEST = """\
  - name: NAME
    get: "/NAME?limit={limit}"
    values: {limit: [20]}
    scale: {parameter: limit, sizes: [1, 10, 50]}
    rows: $.items
"""
LIST = """\
  - {name: list, get: "/items?limit={limit}", follow_redirects: true, values: {limit: [20]}, rows: $.items,
     scale: {parameter: limit, sizes: [1, 10, 50]}}
"""


def scenario(bench, requests, *changes):
    (bench.folder / "countable.py").write_text((bench.services / "countable.py").read_text())
    text = COUNTABLE.replace("FOLDER", str(bench.folder)).replace("REQUESTS\n", requests)
    return str(bench.scenario(*changes, text=text, name="countable.yaml"))


def counts(document):
    return {
        each["request"]: [size["queries"] for size in next(iter(each["arms"].values()))] for each in document["queries"]
    }


def test_a_request_behind_a_redirect_counts_what_it_leads_to(bench):
    ran = bench.run("probe", scenario(bench, LIST), "--json", "out.json")
    assert ran.code == 1, ran.out + ran.err
    document = bench.json("out.json")
    assert counts(document) == {"list": [2, 11, 21, 51]}
    assert [each["kind"] for each in document["findings"]] == ["n_plus_one"]
    assert document["budgets"][0]["broken"] is True


def test_a_redirect_that_is_not_followed_is_told_with_what_to_write(bench):
    ran = bench.run("probe", scenario(bench, LIST, (" follow_redirects: true,", "")))
    assert ran.code == 4
    assert "'list' at size 1 with status 301, not 2xx" in ran.out.replace("\n", " ")
    assert "redirect to /items/?limit=1" in ran.out.replace("\n", " ")
    assert "follow_redirects: true" in ran.out


@pytest.mark.parametrize("command", ["probe", "run", "ab", "gate"])
def test_a_budget_that_cannot_be_measured_is_open_with_the_reason_whatever_the_command(bench, command):
    changes = [("countable.py {port}", "countable.py {port} unknown")]
    if command in ("ab", "gate"):
        changes.append(("requests:\n", "arms: {baseline: {}, candidate: {}}\nrequests:\n"))
    ran = bench.without_load().run(command, scenario(bench, STRAIGHT, *changes), "--json", "out.json")
    found = ran.out if command == "probe" else bench.details()
    assert ran.code == 3, found + ran.err
    document = bench.json("out.json")
    (check,) = document["budgets"] if command != "gate" else document["result"]["budgets"]
    assert (check["value"], check["broken"]) == (None, False)
    assert "does not know the server" in check["why"]
    assert "gunicorn" in found
    assert "budget holds" not in ran.out
    if command == "run":
        assert "? open" in bench.run("show", "last").out


def test_threads_stay_with_their_request_and_names_made_up_at_random_are_one(bench):
    requests = "".join(REQUEST.replace("NAME", name) for name in NAMES)
    ran = bench.run("probe", scenario(bench, requests), "--json", "out.json")
    assert ran.code == 1, ran.out + ran.err
    document = bench.json("out.json")
    assert counts(document) == {name: [5] * 4 if name == "bulk" else [1, 10, 20, 50] for name in NAMES}
    accused = {each["request"] for each in document["findings"] if each["kind"] == "n_plus_one"}
    assert accused == set(NAMES) - {"bulk"}
    assert {each["request"]: each["broken"] for each in document["budgets"]} == {name: name != "bulk" for name in NAMES}
    for each in document["queries"]:
        if each["request"] != "bulk":
            assert "tags" in each["statements"][0]["caller"], "the line in the thread"
    assert not [each for each in document["findings"] if each["kind"] == "varies"]


def test_a_service_in_a_mode_for_developing_is_told_of_before_it_is_measured(bench):
    path = scenario(bench, STRAIGHT, ("  database:", '  environment: {FLASK_DEBUG: "1"}\n  database:'))
    ran = bench.without_load().run("run", path, "--rounds", "1")
    warned = "baseline is started in a mode for developing and is not what users get: FLASK_DEBUG is on"
    assert warned in " ".join(ran.err.split()), ran.err
    assert ran.err.index("mode for developing") < ran.err.index("round 1"), ran.err
