"""Every check behind gunicorn's worker with threads, which answers on another thread than it accepts on."""

from __future__ import annotations

import pytest

import checks_corpus as corpus

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

SHOP = """\
name: shop behind threads
service:
  directory: SHOPS
  prepare: "{python} seed.py {work}/shop.db"
  reset: "{python} seed.py {work}/shop.db"
  health: /health
  database: sqlite
  start_timeout: 30s
  environment: {SHOP_DATABASE: "{work}/shop.db", TELLS: "TOLD"}
  command: "{python} -m gunicorn -w 1 -k gthread --threads 2 --no-control-socket -b 127.0.0.1:{port} shop_wsgi:app"
arms:
  baseline: {environment: {SHOP_FAULTS: "BEFORE"}}
  candidate: {environment: {SHOP_FAULTS: ""}}
requests:
  - {name: products, get: /products}
  - {name: find, get: "/find?name={name}", values: {name: [product 7]}}
  - {name: orders, get: /orders, headers: {Authorization: "Bearer let-me-in"}}
checks: {CHECK: SETTINGS}
load: {rate: 40/s}
why: off
"""
CASES = {
    "error_contract": ("html_not_found stack_trace", "true", "error_contract"),
    "contract": ("price_as_text page_overlap", "true", "contract"),
    "security": ("sql_in_name", "{inputs: 40}", "sql_injection"),
    "telemetry": ("no_request_id", "{repeats: 1}", "log_request_ids"),
    "rollout": ("", "{restart: SIGHUP, times: 1, before: 1, after: 2, rate: 40}", "failed_requests"),
}


@pytest.mark.parametrize("check", CASES)
def test_each_check_is_right_behind_one_worker_with_two_threads(bench, check):
    faults, settings, metric = CASES[check]
    text = SHOP.replace("SHOPS", str(corpus.SHOPS)).replace("BEFORE", faults)
    text = text.replace("CHECK: SETTINGS", f"{check}: {settings}")
    text = text.replace("TOLD", "1" if check == "telemetry" else "")
    ran = bench.run("checks", str(bench.scenario(text=text, name="shop.yaml")), "--json", "out.json")
    assert ran.code in (0, 1, 3), ran.out + ran.err
    result = bench.json("out.json")
    row = {each["metric"]: each for each in result["comparisons"]}[metric]
    if check == "rollout":
        assert row["candidate"] == 0, "a reload of gunicorn loses nothing"
    else:
        assert row["verdict"] == "improved", row
    assert not bench.leftovers()
