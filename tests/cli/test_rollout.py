"""Restarts from the command line to the report: services that lose requests, and their mended twins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

APPS = Path(__file__).parent.parent / "rollout" / "apps"

SCENARIO = """\
name: rolled
service:
  directory: APPS
  health: /health
  stop_grace: 3s
arms:
  baseline: {command: "BEFORE"}
  candidate: {command: "AFTER"}
requests:
  - {name: item, get: /items}
checks: {rollout: {before: 1, after: 1, rate: 60, SETTINGS}}
"""
PLANTED = "{python} planted.py {port} "
GUNICORN = "{python} -m gunicorn -w 1 -k gthread --threads 16 -b 127.0.0.1:{port} wsgi_app:app"
UVICORN = "{python} -m uvicorn asgi_app:app --host 127.0.0.1 --port {port} --log-level warning"
FRONTED = "{python} fronted.py {port} {port2} {port3} "


def roll(bench, before, after, settings, more="", grace="3s"):
    text = SCENARIO.replace("APPS", str(APPS)).replace("BEFORE", before).replace("AFTER", after)
    text = text.replace("stop_grace: 3s", f"stop_grace: {grace}")
    bench.scenario(text=text.replace("SETTINGS", settings) + more, name="rolled.yaml")
    ran = bench.run("rollout", "rolled.yaml", "--json", "out.json", timeout=280)
    assert ran.code in (0, 1, 3), ran.out + ran.err
    assert not bench.leftovers()
    result = bench.json("out.json")
    return ran, {row["metric"]: row for row in result["comparisons"]}, result


def found(result, arm):
    return {each["kind"] for each in result["findings"] if each["evidence"].get("arm") == arm} - {"rollout_warm_up"}


def test_a_reload_of_gunicorn_loses_nothing_where_an_end_and_a_start_refuse_requests(bench):
    text = SCENARIO.replace("APPS", str(APPS)).replace("BEFORE", GUNICORN).replace("AFTER", GUNICORN)
    budget = "budgets: {failed_requests: 0}\n"
    bench.scenario(text=text.replace("SETTINGS", "restart: SIGHUP, times: 1") + budget, name="rolled.yaml")
    kept = bench.run(
        "rollout", "rolled.yaml", "--arm", "candidate", "--json", "kept.json", "-o", "kept.md", "-o", "kept.html"
    )
    assert kept.code == 0, kept.out + kept.err
    levels = {each["metric"]: each["value"] for each in bench.json("kept.json")["levels"]}
    assert (levels["failed_requests"], levels["in_flight_finished"]) == (0, 1)
    assert levels["drain_time"] > 0
    assert "requests failed in a rollout" in (bench.folder / "kept.md").read_text()
    assert "requests failed in a rollout" in (bench.folder / "kept.html").read_text()
    broken = bench.run(
        *("rollout", "rolled.yaml", "--arm", "candidate", "--restart", "SIGTERM", "--json", "broken.json"),
    )
    assert broken.code == 1, broken.out + broken.err
    assert "Budget broken" in broken.out
    result = bench.json("broken.json")
    levels = {each["metric"]: each["value"] for each in result["levels"]}
    assert levels["refused_requests"] > 3
    assert levels["time_without_service"] > 100
    assert levels["in_flight_finished"] == 1
    assert json.loads(bench.run("show", "last", "--json", "-").out) == result
    assert not bench.leftovers()


def test_requests_under_way_that_are_dropped_are_found_and_the_mended_twin_is_not_accused(bench):
    ran, rows, result = roll(
        bench, PLANTED + "drop", PLANTED, "order: start_first, times: 2", "budgets: {failed_requests: 0}\n"
    )
    assert ran.code == 0, ran.out + ran.err
    assert rows["failed_requests"]["verdict"] == rows["in_flight_finished"]["verdict"] == "improved"
    assert rows["lost_requests"]["baseline"] > 0
    assert (rows["failed_requests"]["candidate"], rows["in_flight_finished"]["candidate"]) == (0, 1)
    assert {"rollout_failed_requests", "rollout_in_flight_dropped"} <= found(result, "baseline")
    assert found(result, "candidate") == set()


def test_a_service_that_says_ready_too_early_is_found_and_its_twin_is_not(bench):
    _, rows, result = roll(bench, PLANTED + "early", PLANTED + "warming", "times: 1, alive: /alive")
    assert rows["untrue_health"]["verdict"] == "improved"
    assert (rows["untrue_health"]["baseline"] > 10, rows["untrue_health"]["candidate"]) == (True, 0)
    assert "rollout_ready_untrue" in found(result, "baseline")
    assert found(result, "candidate") == {"rollout_failed_requests"}  # nobody listens while it is started anew
    assert rows["startup_time"]["candidate"] > 1000 > rows["startup_time"]["baseline"]


def test_liveness_that_fails_while_it_warms_up_is_found(bench):
    _, rows, result = roll(bench, PLANTED + "warming", PLANTED + "dying", "times: 1, alive: /alive")
    assert rows["untrue_health"]["verdict"] == "regressed"
    assert "rollout_alive_untrue" in found(result, "candidate")
    assert "rollout_alive_untrue" not in found(result, "baseline")


def test_kept_connections_that_are_reset_are_found(bench):
    _, rows, result = roll(bench, PLANTED + "reset", PLANTED, "order: start_first, times: 1")
    assert (rows["keep_alive_closed"]["verdict"], rows["keep_alive_closed"]["candidate"]) == ("improved", 1)
    assert "rollout_keep_alive" in found(result, "baseline")
    assert found(result, "candidate") == set()


def test_a_service_that_does_not_end_is_found(bench):
    _, rows, result = roll(bench, PLANTED, PLANTED + "hang", "order: start_first, times: 1, limit: 20", grace="1500ms")
    assert "rollout_killed" in found(result, "candidate")
    assert found(result, "baseline") == set()
    assert rows["drain_time"]["candidate"] > 1400 > rows["drain_time"]["baseline"]


def test_workers_of_a_node_cluster_that_are_killed_lose_requests_and_those_that_are_let_go_do_not(bench):
    _, rows, result = roll(bench, "node cluster.js {port} drop", "node cluster.js {port}", "restart: SIGHUP, times: 1")
    assert rows["failed_requests"]["verdict"] == "improved"
    assert rows["in_flight_finished"]["baseline"] < 1
    assert (rows["failed_requests"]["candidate"], found(result, "candidate")) == (0, set())


def test_nginx_before_two_instances_loses_nothing_when_they_are_replaced_one_by_one(bench):
    ran, rows, result = roll(
        bench, FRONTED + "both", FRONTED, "restart: SIGHUP, times: 1", "goals: {failed_requests: 50%}\n"
    )
    assert ran.code == 0, ran.out + ran.err
    assert rows["failed_requests"]["verdict"] == "met"
    assert rows["failed_requests"]["baseline"] > 10
    statuses = next(each for each in result["findings"] if each["kind"] == "rollout_failed_requests")["evidence"]
    assert "502" in statuses["statuses"] or "503" in statuses["statuses"]
    assert found(result, "candidate") == set()


def test_uvicorn_finishes_what_is_under_way_and_refuses_until_it_is_started_anew(bench):
    _, rows, result = roll(bench, UVICORN, UVICORN, "times: 1")
    for side in ("baseline", "candidate"):
        assert rows["in_flight_finished"][side] == 1
        assert rows["refused_requests"][side] > 0
        assert found(result, side) == {"rollout_failed_requests"}
    assert rows["failed_requests"]["verdict"] != "invalid"


def test_a_command_deploys_and_what_cannot_be_restarted_is_told(bench):
    deploy = 'restart: command, command: "kill -HUP {pid}", times: 1'
    _, rows, _ = roll(bench, GUNICORN, GUNICORN, deploy)
    assert rows["failed_requests"]["candidate"] == 0
    assert rows["in_flight_finished"]["candidate"] is None
    refused = bench.run("rollout", "rolled.yaml", "--restart", "SIGKILL")
    assert (refused.code, "no way to restart" in refused.err) == (2, True)
    failing = (bench.folder / "rolled.yaml").read_text().replace("kill -HUP", "false")
    (bench.folder / "failing.yaml").write_text(failing + "budgets: {failed_requests: 0}\n")
    ran = bench.run("rollout", "failing.yaml", "--arm", "candidate", "--json", "failed.json")
    assert ran.code == 3, ran.out + ran.err
    assert "rollout_failed" in {each["kind"] for each in bench.json("failed.json")["findings"]}
    assert "the rollout's command exited with code 1" in bench.details()
    assert not bench.leftovers()
