"""Metrics that a service pushes over OTLP, from its SDK to the report, beside pairs, blocks, flows and workers."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

import releases

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

PUSHING = """\
name: pushing
service:
  command: "{python} -m uvicorn pushing:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log"
  directory: DIRECTORY
  health: /health
  environment: {PYTHONPATH: "OPENTELEMETRY"}
  collect:
    otlp: 200ms
    metrics:
      - db.client.connection.wait_time
      - http.server.requests
      - cache.requests{result=hit}/cache.requests:higher
      - cache.evictions
      - app.hoard:bytes:max
      - otlp:db.client.connection.max
      - http.server.requests:per_second:higher
arms:
  baseline: {environment: {WAIT_MS: "20", MISSES: "3", HOARDS: "2000000"}}
  candidate: {environment: {WAIT_MS: "1", MISSES: "1", EVICTS: "1"}}
requests:
  - {name: item, get: /item}
rounds: {count: 3, warmup: 200ms, warmup_requests: 5, pairs: 500ms}
why: off
"""
BLOCKS = ("pairs: 500ms", "blocks: 3, block: 300ms")
WAIT = "otlp:db.client.connection.wait_time"
HITS = "otlp:cache.requests{result=hit}/cache.requests:higher"


def pushing(bench, *changes, more="", text=PUSHING, name="pushing.yaml"):
    folder = releases.folder_of(releases.TRACING["opentelemetry"][0])
    return str(bench.scenario(("OPENTELEMETRY", str(folder)), *changes, text=text + more, name=name))


def rows(result):
    return {row["metric"]: row for row in result["comparisons"]}


def budgets(result):
    return {each["metric"]: each for each in result["budgets"]}


def test_what_a_service_pushes_is_shown_and_judged_with_the_round_as_unit(bench):
    more = f"goals: {{'{WAIT}': 50%, '{HITS}': 100%}}\n"
    more += f"budgets: {{'{WAIT}': 10ms, 'otlp:db.client.connection.max': 4}}\n"
    scenario = pushing(bench, more=more)
    ran = bench.measure("ab", scenario, "--json", "out.json", "-o", "page.html", "-o", "page.md", "-o", "run.prom")
    assert ran.code == 1, ran.out + ran.err  # five connections are more than four
    result = bench.json("out.json")
    found = rows(result)
    wait = found[WAIT]
    assert (wait["unit"], wait["verdict"], wait["role"], wait["rounds"]) == ("ms", "met", "goal", 3)
    assert 20 <= wait["baseline"] < 40
    assert 1 <= wait["candidate"] < 10
    assert wait["ci_low"] < wait["change"] < wait["ci_high"] < -0.5
    share = found[HITS]
    assert (share["unit"], share["verdict"]) == ("ratio", "met")
    assert (share["baseline"], share["candidate"]) == (pytest.approx(0.25), pytest.approx(0.75))
    # A request is one request, whenever exports are made.
    assert found["otlp:http.server.requests"]["baseline"] == pytest.approx(1.0)
    assert found["otlp:http.server.requests"]["candidate"] == pytest.approx(1.0)
    # An instrument that was never used is not exported: what it would say is not known.
    evicted = found["otlp:cache.evictions"]
    assert (evicted["baseline"], evicted["verdict"]) == (None, "inconclusive")
    assert evicted["candidate"] == pytest.approx(1.0)
    assert "add 0 to it at start" in evicted["notes"][0]
    assert found["otlp:db.client.connection.max"]["candidate"] == pytest.approx(5.0)
    assert budgets(result)["otlp:db.client.connection.max"]["broken"]
    assert not budgets(result)[WAIT]["broken"]
    # Gauges are what exports said under load: some of them met a request that held something.
    hoard = found["otlp:app.hoard:bytes:max"]
    assert hoard["unit"] == "bytes"
    assert 0 < hoard["baseline"] <= 2_000_000
    assert hoard["candidate"] == 0.0
    rate = found["otlp:http.server.requests:per_second:higher"]
    assert rate["unit"] == "1/s"
    assert rate["baseline"] > 5
    for page in ("page.html", "page.md", "run.prom"):
        assert "db.client.connection.wait_time" in (bench.folder / page).read_text()
    assert json.loads(bench.run("show", "last", "--json", "-").out) == result
    history = bench.run("history", "pushing.yaml", "--metric", WAIT)
    assert history.code == 0, history.err
    assert not bench.leftovers()


def test_flows_workers_and_three_versions_push_too_and_a_delta_says_the_same(bench):
    flow = "  - {name: visit, steps: [{get: /first}, {get: /second}]}\n"
    text = PUSHING.replace("rounds: {count: 3", "rounds: {count: 1").replace(*BLOCKS)
    text = text.replace("  - {name: item, get: /item}\n", "  - {name: item, get: /item}\n" + flow)
    text = text.replace("arms:\n  baseline", "arms:\n  first").replace("  candidate:", "  second:")
    third = '  third: {environment: {WAIT_MS: "8", TEMPORALITY: delta, EVICTS: "1"}}\nrequests:\n'
    text = text.replace("requests:\n  -", third + "  -")
    ran = bench.measure(
        "ab", pushing(bench, text=text, more="load: {model: closed, users: 2, workers: 2}\n"), "--json", "out.json"
    )
    assert ran.code in (0, 1, 3), ran.out + ran.err
    found = {part["arms"][-1]: rows(part) for part in bench.json("out.json")["candidates"]}
    assert 1 <= found["second"][WAIT]["candidate"] < 8 <= found["third"][WAIT]["candidate"] < 16
    for arm in ("second", "third"):
        assert found[arm]["otlp:http.server.requests"]["baseline"] == pytest.approx(1.0)
        assert found[arm]["otlp:http.server.requests"]["candidate"] == pytest.approx(1.0)
    assert found["third"]["otlp:cache.evictions"]["candidate"] == pytest.approx(1.0)
    assert not bench.leftovers()


def test_what_is_not_pushed_is_open_with_reason_and_fix(bench):
    more = f"budgets: {{'{WAIT}': 3ms, 'otlp:nowhere': 1, 'otlp:app.hoard': 5}}\n"
    others = {"silent": "SILENT", "seldom": "OWN_INTERVAL", "unitless": "UNITLESS"}
    values = {"OWN_INTERVAL": "60000"}
    arms = [
        f'  {arm}: {{environment: {{{each}: "{values.get(each, 1)}", WAIT_MS: "1"}}}}\n' for arm, each in others.items()
    ]
    text = PUSHING[: PUSHING.index("  candidate:")] + "".join(arms) + PUSHING[PUSHING.index("requests:\n") :]
    ran = bench.measure("ab", pushing(bench, ("count: 3", "count: 1"), text=text, more=more), "--json", "out.json")
    assert ran.code == 3, ran.out + ran.err
    found = {part["arms"][-1]: part for part in bench.json("out.json")["candidates"]}
    held = budgets(found["silent"])
    assert (held[WAIT]["value"], held[WAIT]["broken"]) == (None, False)
    assert "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" in held[WAIT]["why"]
    row = rows(found["silent"])[WAIT]
    assert (row["candidate"], row["verdict"]) == (None, "inconclusive")
    assert row["baseline"] >= 20
    assert "is not collected" in ran.err + ran.out
    assert "OTEL_METRIC_EXPORT_INTERVAL" in budgets(found["seldom"])[WAIT]["why"]
    held = budgets(found["unitless"])
    assert "give its instrument a unit" in held[WAIT]["why"]
    assert "told nothing of nowhere" in held["otlp:nowhere"]["why"]
    assert "write otlp:app.hoard:bytes" in held["otlp:app.hoard"]["why"]
    assert not bench.leftovers()


def test_mistakes_are_told_before_anything_starts(bench):
    for change, told in (
        (("    otlp: 200ms\n", ""), "does not say how the service tells its metrics"),
        (("    otlp: 200ms\n", "    otlp: 20ms\n"), "from 100ms to 5s"),
        (("    otlp: 200ms\n", "    prometheus: /metrics\n"), "is told"),
        (("      - http.server.requests\n", "      - http.server.requests:p95\n"), "`p95` is not understood"),
    ):
        refused = bench.run("check", pushing(bench, change))
        assert refused.code == 2, refused.out
        assert told in refused.err, (told, refused.err)
        assert "pushing.yaml:" in refused.err
    text = PUSHING.replace("    otlp: 200ms\n", "    prometheus: /metrics\n").replace("otlp:db", "db")
    text = text[: text.index("    metrics:")] + text[text.index("arms:") :]
    lacking = bench.run("check", pushing(bench, text=text, more=f"budgets: {{'{WAIT}': 3ms}}\n"))
    assert lacking.code == 2
    assert "does not say that it pushes its metrics" in lacking.err
    assert "otlp: true" in lacking.err


def test_the_doctor_says_what_is_pushed_and_what_is_not_known_yet(bench):
    ran = bench.run("doctor", pushing(bench), "--no-noise")
    said = " ".join(ran.out.split())
    assert "that the scenario names are told" in said, ran.out + ran.err
    assert "told once requests bring them up, if at all: baseline: otlp:cache.evictions" in said
    assert ran.code == 0, ran.out + ran.err


def test_a_node_service_pushes_as_json_and_is_measured_alike(bench):
    exporter = "require('@opentelemetry/sdk-metrics'); require('@opentelemetry/exporter-metrics-otlp-http')"
    if not shutil.which("node") or subprocess.run(["node", "-e", exporter], capture_output=True).returncode:
        pytest.skip("node with @opentelemetry/sdk-metrics and exporter-metrics-otlp-http in NODE_PATH")
    text = PUSHING[: PUSHING.index("service:")] + (
        "service:\n"
        '  command: "node pushing.js {port}"\n'
        "  directory: DIRECTORY\n"
        "  health: /health\n"
        "  collect: {otlp: 200ms, metrics: [http.server.requests, 'nodejs.eventloop.delay:max']}\n"
        "arms:\n"
        '  baseline: {environment: {WAIT_MS: "20"}}\n'
        '  candidate: {environment: {WAIT_MS: "1"}}\n'
    )
    text += PUSHING[PUSHING.index("requests:\n") :].replace("count: 3", "count: 1")
    ran = bench.measure("ab", str(bench.scenario(text=text + f"goals: {{'{WAIT}': 50%}}\n")), "--json", "out.json")
    assert ran.code in (0, 3), ran.out + ran.err
    found = rows(bench.json("out.json"))
    assert 19.5 <= found[WAIT]["baseline"] < 40
    assert found[WAIT]["candidate"] < found[WAIT]["baseline"]
    assert found["otlp:http.server.requests"]["candidate"] == pytest.approx(1.0)
    assert found["otlp:nodejs.eventloop.delay:max"]["unit"] == "ms"
    assert not bench.leftovers()
