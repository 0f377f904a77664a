"""The service's own metrics from its /metrics to the report, beside pairs, blocks, flows and workers."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

METERED = """\
name: metered
service:
  command: "{python} -m uvicorn metered:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log"
  directory: DIRECTORY
  health: /health
  collect:
    prometheus: /metrics
    metrics:
      - db_pool_wait_seconds
      - http_requests_total
      - cache_requests_total{result=hit}/cache_requests_total:higher
      - cache_evictions_total
      - db_pool_connections
arms:
  baseline: {environment: {WAIT_MS: "20", MISSES: "3"}}
  candidate: {environment: {WAIT_MS: "1", MISSES: "1"}}
requests:
  - {name: item, get: /item}
rounds: {count: 3, warmup: 200ms, warmup_requests: 5, pairs: 400ms}
why: off
"""
BLOCKS = ("pairs: 400ms", "blocks: 2, block: 300ms")
HITS = "prometheus:cache_requests_total{result=hit}/cache_requests_total:higher"


def rows(result):
    return {row["metric"]: row for row in result["comparisons"]}


def budgets(result):
    return {each["metric"]: each for each in result["budgets"]}


def test_what_a_service_tells_of_itself_is_shown_and_judged_with_the_round_as_unit(bench):
    more = f"goals: {{'prometheus:db_pool_wait_seconds': 50%, '{HITS}': 100%}}\n"
    more += "budgets: {'prometheus:db_pool_wait_seconds': 10ms, 'prometheus:db_pool_connections': 4}\n"
    # Far more than its half: what other tests add to the one millisecond of the candidate decides nothing then.
    bench.scenario(('WAIT_MS: "20"', 'WAIT_MS: "60"'), text=METERED + more, name="metered.yaml")
    ran = bench.measure(
        "ab", "metered.yaml", "--json", "out.json", "-o", "page.html", "-o", "page.md", "-o", "page.csv"
    )
    result = bench.json("out.json")
    found = rows(result)
    assert ran.code == 1, ran.out + ran.err  # five connections are more than four
    wait = found["prometheus:db_pool_wait_seconds"]
    assert (wait["unit"], wait["verdict"], wait["role"], wait["rounds"]) == ("ms", "met", "goal", 3)
    assert 60 <= wait["baseline"] < 90
    assert 1 <= wait["candidate"] < 10
    assert wait["ci_low"] < wait["change"] < wait["ci_high"] < -0.5
    share = found[HITS]
    assert (share["unit"], share["verdict"]) == ("ratio", "met")
    assert (share["baseline"], share["candidate"]) == (pytest.approx(0.25), pytest.approx(0.75))
    # A request is one request: neither scrapes nor health are counted.
    assert found["prometheus:http_requests_total"]["baseline"] == pytest.approx(1.0)
    assert found["prometheus:http_requests_total"]["candidate"] == pytest.approx(1.0)
    none = found["prometheus:cache_evictions_total"]
    assert (none["baseline"], none["candidate"], none["verdict"], none["role"]) == (0.0, 0.0, "equivalent", "shown")
    assert found["prometheus:db_pool_connections"]["candidate"] == pytest.approx(5.0)
    held = budgets(result)
    assert not held["prometheus:db_pool_wait_seconds"]["broken"]
    assert held["prometheus:db_pool_connections"]["broken"]
    for page in ("page.html", "page.md"):
        assert "db_pool_wait_seconds" in (bench.folder / page).read_text()
    assert "db_pool_wait_seconds" in ran.out
    assert json.loads(bench.run("show", "last", "--json", "-").out) == result
    history = bench.run("history", "metered.yaml", "--metric", "prometheus:db_pool_wait_seconds")
    assert history.code == 0, history.err
    bench.run("gate", "last", "--format", "openmetrics")
    told = (bench.folder / "perfproof-gate" / "metrics.txt").read_text()
    assert 'metric="prometheus:db_pool_wait_seconds"' in told
    assert not bench.leftovers()


def test_blocks_are_scraped_around_not_within_and_leave_cpu_alone(bench):
    changes = (
        BLOCKS,
        ("count: 3", "count: 2"),
        ("    metrics:\n", "    metrics:\n      - http_requests_total{path=/metrics}\n"),
    )
    load = "load: {model: open, rate: 20/s}\n"
    bench.scenario(*changes, text=METERED + load, name="metered.yaml")
    ran = bench.measure("ab", "metered.yaml", "--json", "out.json")
    assert ran.code in (0, 1, 3), ran.out + ran.err
    found = rows(bench.json("out.json"))
    assert found["prometheus:db_pool_wait_seconds"]["rounds"] == 2
    assert found["prometheus:http_requests_total"]["candidate"] == pytest.approx(1.0)
    # What a scrape adds is taken off, so no request for metrics is left over.
    assert found["prometheus:http_requests_total{path=/metrics}"]["candidate"] == 0.0
    assert found["throughput" if "throughput" in found else "latency_p50"]


def test_flows_workers_and_three_versions_have_them_too(bench):
    flow = "  - {name: visit, steps: [{get: /first}, {get: /second}]}\n"
    text = METERED.replace("rounds: {count: 3", "rounds: {count: 1").replace(*BLOCKS)
    text = text.replace("  - {name: item, get: /item}\n", "  - {name: item, get: /item}\n" + flow)
    text = text.replace("arms:\n  baseline", "arms:\n  first").replace("  candidate:", "  second:")
    text = text.replace("requests:\n", '  third: {environment: {WAIT_MS: "8", EVICTS: "1"}}\nrequests:\n')
    bench.scenario(text=text + "load: {model: closed, users: 2, workers: 2}\n", name="metered.yaml")
    ran = bench.measure("ab", "metered.yaml", "--json", "out.json")
    assert ran.code in (0, 1, 3), ran.out + ran.err
    result = bench.json("out.json")
    wait = {part["arms"][-1]: rows(part)["prometheus:db_pool_wait_seconds"] for part in result["candidates"]}
    assert 1 <= wait["second"]["candidate"] < 8 <= wait["third"]["candidate"] < 16
    evicted = {part["arms"][-1]: rows(part)["prometheus:cache_evictions_total"] for part in result["candidates"]}
    assert (evicted["third"]["baseline"], evicted["third"]["change"]) == (0.0, None)
    assert evicted["third"]["candidate"] == pytest.approx(1.0)
    assert "no share can be told" in evicted["third"]["notes"][0]


def test_what_is_not_told_is_open_with_reason_and_fix(bench):
    more = "budgets: {'prometheus:db_pool_wait_seconds': 3ms, 'prometheus:nowhere_total': 1}\n"
    # Both versions take the same: it may be seen that the faster one computes less, and nothing would be open.
    alike = (
        'candidate: {environment: {WAIT_MS: "1", MISSES: "1"}}',
        'candidate: {environment: {WAIT_MS: "20", MISSES: "3"}}',
    )
    silent = ('candidate: {environment: {WAIT_MS: "20"', 'candidate: {environment: {SILENT: "1", WAIT_MS: "20"')
    bench.scenario(alike, silent, ("count: 3", "count: 1"), text=METERED + more, name="silent.yaml")
    ran = bench.measure("ab", "silent.yaml", "--json", "out.json")
    assert ran.code == 3, ran.out + ran.err
    result = bench.json("out.json")
    held = budgets(result)
    assert (held["prometheus:db_pool_wait_seconds"]["value"], held["prometheus:db_pool_wait_seconds"]["broken"]) == (
        None,
        False,
    )
    assert "GET /metrics was answered with status 404" in held["prometheus:db_pool_wait_seconds"]["why"]
    assert "collect.prometheus" in held["prometheus:db_pool_wait_seconds"]["why"]
    row = rows(result)["prometheus:db_pool_wait_seconds"]
    assert (row["candidate"], row["verdict"]) == (None, "inconclusive")
    assert row["baseline"] >= 20
    assert "is not collected" in ran.err + ran.out
    alone = (
        ("arms:\n", "x-arms:\n"),
        ("  health:", '  environment: {GARBAGE: "1"}\n  health:'),
        ("count: 3", "count: 1"),
        BLOCKS,
    )
    bench.scenario(*alone, text=METERED + more, name="garbage.yaml")
    garbage = bench.measure("run", "garbage.yaml", "--json", "garbage.json")
    assert "not in Prometheus' text format" in budgets(bench.json("garbage.json"))["prometheus:nowhere_total"]["why"]
    assert garbage.code == 3


def test_a_metric_that_nobody_tells_is_named_with_what_is_alike_and_one_version_alone_has_levels(bench):
    text = METERED.replace("arms:\n", "x-arms:\n").replace("count: 3", "count: 1").replace(*BLOCKS)
    text = text.replace("DIRECTORY\n", 'DIRECTORY\n  environment: {METRICS_PORT: "{port2}", WAIT_MS: "20"}\n')
    text = text.replace("/metrics\n", "http://127.0.0.1:{port2}/metrics\n")
    bench.scenario(text=text + "budgets: {'prometheus:pool_wait_seconds': 3ms}\n", name="alone.yaml")
    ran = bench.measure("run", "alone.yaml", "--json", "out.json")
    assert ran.code == 3, ran.out + ran.err
    result = bench.json("out.json")
    (budget,) = result["budgets"]
    assert "did you mean db_pool_wait_seconds" in budget["why"]
    levels = {level["metric"]: level["value"] for level in result["levels"]}
    assert 20 <= levels["prometheus:db_pool_wait_seconds"] < 40
    assert levels["prometheus:cache_evictions_total"] == 0.0


def test_mistakes_are_told_before_anything_starts(bench):
    text = METERED.replace("  collect:\n", "  x-collect:\n")
    bench.scenario(text=text + "budgets: {'prometheus:pool_wait_seconds': 3ms}\n", name="none.yaml")
    none = bench.run("check", "none.yaml")
    assert none.code == 2
    assert "collect" in none.err
    bench.scenario(("      - db_pool_wait_seconds\n", "      - db pool:p95\n"), text=METERED, name="words.yaml")
    words = bench.run("check", "words.yaml")
    assert words.code == 2
    assert "words.yaml:" in words.err
    away = bench.scenario(
        ("prometheus: /metrics", "prometheus: http://10.0.0.9/metrics"), text=METERED, name="away.yaml"
    )
    refused = bench.run("check", str(away))
    assert refused.code == 2
    assert "not a place on this machine" in refused.err


def test_the_doctor_says_which_metrics_are_told(bench):
    text = METERED.replace("      - db_pool_connections\n", "      - db_pool_connections\n      - nowhere_total\n")
    bench.scenario(text=text, name="metered.yaml")
    ran = bench.run("doctor", "metered.yaml", "--no-noise")
    said = " ".join(ran.out.split())
    assert "10 of 12 that the scenario names are told" in said
    assert "does not tell nowhere_total" in said
    assert ran.code == 0, ran.out + ran.err
