"""Checks and rollouts beside everything else a scenario may have: flows, feeds, workers, Locust files."""

from __future__ import annotations

import httpx
import pytest

import checks_corpus as corpus
from perfproof.store.repository import Store
from serving import served

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

BESIDE = """\
name: beside
service:
  directory: SHOPS
  prepare: "{python} seed.py FOLDER/shop-{arm}.db"
  health: /health
arms:
  baseline: {command: "{python} shop_stdlib.py {port} FOLDER/shop-baseline.db html_not_found"}
  candidate: {command: "{python} shop_stdlib.py {port} FOLDER/shop-candidate.db"}
REQUESTS
checks:
  error_contract: true
  contract: true
  rollout: {times: 1, before: 1, after: 1, rate: 30}
budgets: {error_shape: 100%, startup_time: 20s}
why: off
"""
FLOW = """\
requests:
  - name: browse
    steps:
      - {name: products, get: "/products?limit=5", capture: {first: "$.items[0].id"}}
      - {name: first product, get: "/products/{first}"}
  - {name: prices, get: "/prices?ids=1,2"}
"""
FEED = """\
feeds: {ids: {file: ids.csv, order: shuffled}}
requests:
  - {name: product, get: "/products/{ids.id}"}
  - {name: prices, get: "/prices?ids=1,2"}
"""
WORKERS = """\
load: {rate: 40/s, workers: 2}
requests:
  - {name: product, get: /products/1}
"""


def written(bench, requests):
    text = BESIDE.replace("REQUESTS\n", requests).replace("SHOPS", str(corpus.SHOPS))
    (bench.folder / "ids.csv").write_text("id\n1\n2\n3\n")
    return str(bench.scenario(text=text.replace("FOLDER", str(bench.folder)), name="beside.yaml"))


@pytest.mark.parametrize("requests", [FLOW, FEED, WORKERS], ids=["flows", "feeds", "workers"])
def test_errors_contract_and_rollout_are_judged_beside(bench, requests):
    ran = bench.run("checks", written(bench, requests), "--json", "out.json")
    assert ran.code in (0, 1), ran.out + ran.err
    result = bench.json("out.json")
    rows = {row["metric"]: row for row in result["comparisons"]}
    assert rows["error_shape"]["candidate"] == 1.0
    assert rows["error_shape"]["baseline"] < 1
    assert rows["contract"]["candidate"] == 1.0
    # Nobody listens between the end of the old and the start of the new: what each arm lost is counted.
    assert min(rows["failed_requests"][arm] for arm in ("baseline", "candidate")) > 0
    assert not any(each["broken"] or each["value"] is None for each in result["budgets"])
    assert not bench.leftovers()


def test_beside_a_locust_file_the_document_is_asked_and_a_rollout_stays_open_with_its_reason(bench):
    (bench.folder / "load.py").write_text(
        "from locust import FastHttpUser, task\n\n\nclass Reader(FastHttpUser):\n    @task\n    def read(self):\n"
        '        self.client.get("/products/1")\n'
    )
    ran = bench.run("checks", written(bench, "locustfile: load.py\nload: {users: 1}\n"), "--json", "out.json")
    assert ran.code == 3, ran.out + ran.err
    result = bench.json("out.json")
    rows = {row["metric"]: row for row in result["comparisons"]}
    assert rows["error_shape"]["candidate"] == 1.0
    (open_,) = [each for each in result["budgets"] if each["value"] is None]
    assert open_["metric"] == "startup_time"
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
