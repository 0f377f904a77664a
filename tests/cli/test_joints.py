"""Checks and rollouts beside everything else a scenario may have: flows, feeds, workers, Locust files."""

from __future__ import annotations

import httpx
import pytest

import checks_corpus as corpus
from perfproof.store.repository import Store
from serving import served

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
      - {{name: projects, get: "/projects?limit=5", {HEADERS}, capture: {{first: "$.items[0].id"}}}}
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
    login = DEMO[DEMO.index("setup:") : DEMO.index("REQUESTS")]
    path = written(bench, "locustfile: load.py\nload: {users: 1}\n", **{login: ""})
    ran = bench.run("checks", path, "--json", "out.json", timeout=200)
    assert ran.code == 3, ran.out + ran.err
    result = bench.json("out.json")
    rows = {row["metric"]: row for row in result["comparisons"]}
    assert rows["error_shape"]["candidate"] == 1.0
    (open_,) = [each for each in result["budgets"] if each["value"] is None]
    assert open_["metric"] == "failed_requests"
    assert "Locust file" in open_["why"]
    assert "requests:" in open_["why"]


SHOP = """\
name: shop
service:
  directory: SHOPS
  prepare: "{python} seed.py FOLDER/shop-{arm}.db"
  health: /health
arms:
  baseline: {command: "{python} shop_stdlib.py {port} FOLDER/shop-baseline.db html_not_found"}
  candidate: {command: "{python} shop_stdlib.py {port} FOLDER/shop-candidate.db"}
requests: [{name: products, get: /products}]
claims:
  - {claim: Errors have one format, metric: error_shape, target: 100%}
budgets: {error_messages: 100%}
"""


def test_a_run_of_checks_is_in_the_dashboard_on_github_and_gitlab_and_on_the_slide(bench):
    text = SHOP.replace("SHOPS", str(corpus.SHOPS)).replace("FOLDER", str(bench.folder))
    bench.scenario(text=text, name="shop.yaml")
    ran = bench.run("checks", "shop.yaml", "--label", "before")
    assert ran.code == 0, ran.out + ran.err
    gate = bench.run("gate", "last", "--format", "github", "--format", "gitlab", "--format", "markdown", "--out", "ci")
    assert gate.code == 0, gate.out + gate.err
    comment = (bench.folder / "ci/comment.md").read_text()
    assert "Errors have one format: proven" in comment
    assert "errors with a message for people" in comment
    load = bench.json("ci/load-performance.json")["metrics"]
    assert load["checks"]["fails"] == 0
    assert "http_reqs" not in load, "nothing was timed, and GitLab must not show a rate"
    assert 'metric="error_shape"' in (bench.folder / "ci/metrics.txt").read_text()
    slide = bench.run("report", "last", "-o", "a.png", "-o", "a.pdf")
    assert slide.code == 0, slide.err
    again = bench.run("checks", "shop.yaml", "--label", "after")
    assert again.code == 0, again.out + again.err
    history = bench.run("history", "shop")
    assert history.code == 0, history.err
    assert "error contract" in history.out
    results = bench.folder / "results"
    with Store.open(f"sqlite:///{results / 'perfproof.db'}", results=results) as store, served(store) as address:
        pages = {path: httpx.get(f"{address}{path}", timeout=30) for path in ("/", "/runs", "/trends?scenario=shop")}
        run = bench.runs[-1].name
        pages |= {path: httpx.get(f"{address}{path}", timeout=30) for path in (f"/runs/{run}", f"/runs/{run}/report")}
    assert {path: page.status_code for path, page in pages.items()} == dict.fromkeys(pages, 200)
    assert "Proven." in pages["/"].text
    assert "error contract" in pages[f"/runs/{run}"].text
    assert "Errors have one format" in pages[f"/runs/{run}/report"].text
