"""Checks and rollouts beside everything else a scenario may have: flows, feeds, workers, Locust files."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

DEMO = """\
name: joints
service:
  command: "{python} -m perfproof.demo.serve --port {port}"
  prepare: "{python} -m perfproof.demo.seed"
  environment: {DATABASE_URL: "sqlite:///{work}/shop.db", PROMISES: kept}
  health: /health
  start_timeout: 30s
arms:
  baseline: {environment: {ERRORS: broken}}
  candidate: {environment: {ERRORS: kept}}
setup:
  - {post: /auth/login, json: {email: demo@example.com, password: demo-password}, capture: {token: $.token}}
REQUESTS
checks:
  error_contract: true
  contract: true
  rollout: {restart: SIGHUP, times: 1, before: 1, after: 1, rate: 20}
budgets: {error_shape: 100%, failed_requests: 0}
why: off
"""
HEADERS = 'headers: {Authorization: "Bearer {token}"}'
FLOW = f"""\
requests:
  - name: browse
    steps:
      - {{name: projects, get: /projects?limit=5, {HEADERS}, capture: {{first: "$.items[0].id"}}}}
      - {{name: first project, get: "/projects/{{first}}", {HEADERS}}}
  - {{name: dashboard, get: /dashboard, {HEADERS}}}
"""
FEED = f"""\
feeds: {{ids: {{file: ids.csv, order: shuffled}}}}
requests:
  - {{name: project, get: "/projects/{{ids.id}}", {HEADERS}}}
  - {{name: dashboard, get: /dashboard, {HEADERS}}}
"""
WORKERS = f"""\
load: {{rate: 40/s, workers: 2}}
requests:
  - {{name: project, get: /projects/1, {HEADERS}}}
"""


def written(bench, requests, **changes):
    text = DEMO.replace("REQUESTS\n", requests)
    for old, new in changes.items():
        text = text.replace(old, new)
    (bench.folder / "ids.csv").write_text("id\n1\n2\n3\n")
    return str(bench.scenario(text=text, name="joints.yaml"))


@pytest.mark.parametrize("requests", [FLOW, FEED, WORKERS], ids=["flows", "feeds", "workers"])
def test_errors_contract_and_rollout_are_judged_beside(bench, requests):
    ran = bench.run("checks", written(bench, requests), "--json", "out.json", timeout=200)
    assert ran.code in (0, 1), ran.out + ran.err
    result = bench.json("out.json")
    rows = {row["metric"]: row for row in result["comparisons"]}
    assert (rows["error_shape"]["candidate"], rows["failed_requests"]["candidate"]) == (1.0, 0.0)
    assert rows["error_shape"]["baseline"] < 1
    assert rows["contract"]["candidate"] is not None
    assert not any(each["broken"] or each["value"] is None for each in result["budgets"])
    assert not bench.leftovers()


def test_beside_a_locust_file_the_document_is_asked_and_a_rollout_stays_open_with_its_reason(bench):
    (bench.folder / "load.py").write_text(
        "from locust import FastHttpUser, task\n\n\nclass Reader(FastHttpUser):\n    @task\n    def read(self):\n"
        '        self.client.get("/health")\n'
    )
    path = written(bench, "locustfile: load.py\nload: {users: 1}\n")
    ran = bench.run("checks", path, "--json", "out.json", timeout=200)
    assert ran.code == 3, ran.out + ran.err
    result = bench.json("out.json")
    rows = {row["metric"]: row for row in result["comparisons"]}
    assert rows["error_shape"]["candidate"] == 1.0
    (open_,) = [each for each in result["budgets"] if each["value"] is None]
    assert open_["metric"] == "failed_requests"
    assert "Locust file" in open_["why"]
    assert "requests:" in open_["why"]
