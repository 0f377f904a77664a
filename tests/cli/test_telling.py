"""The check of telemetry from the command line to the report: shops with known faults, and real OpenTelemetry."""

from __future__ import annotations

import gzip
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import pytest

import checks_corpus as corpus
import releases

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

SHOP = """\
name: shop
service:
  directory: SHOPS
  prepare: "{python} seed.py FOLDER/shop-{arm}.db"
  reset: "{python} seed.py FOLDER/shop-{arm}.db"
  health: /health
  environment: {TELLS: "1"}
arms:
  baseline: {command: "{python} shop_stdlib.py {port} FOLDER/shop-baseline.db BEFORE"}
  candidate: {command: "{python} shop_stdlib.py {port} FOLDER/shop-candidate.db AFTER"}
requests:
  - {name: products, get: /products}
  - {name: orders, get: /orders, headers: {Authorization: "Bearer let-me-in"}}
checks: {telemetry: {repeats: 1, wait: 3}}
rounds: {count: 2, warmup: 200ms, pairs: 300ms}
why: off
"""
TRACED = """\
name: traced
service:
  command: "{python} traced.py {port}"
  directory: DIRECTORY
  health: /health
  database: sqlite
  environment: {PYTHONPATH: "OPENTELEMETRY"}
  collect: {prometheus: /metrics, metrics: [http_request_duration_seconds]}
arms:
  baseline: {environment: {TRACED: "0", TOLD: "0"}}
  candidate: {environment: {ROWS: "3"}}
requests:
  - {name: items, get: /items}
  - {name: item, get: "/items/{n}", values: {n: [1, 2]}}
checks: {telemetry: {repeats: 2, wait: 3}}
goals: {traces: 50%, structured_logs: 50%}
budgets: {traces: 100%, structured_logs: 100%, log_request_ids: 100%, metrics_endpoint: 100%, traced_statements: 100%}
rounds: {count: 2, warmup: 200ms, pairs: 300ms}
why: off
"""


def written(bench, before="", after="", more=""):
    text = SHOP.replace("SHOPS", str(corpus.SHOPS)).replace("FOLDER", str(bench.folder))
    return str(bench.scenario(text=text.replace("BEFORE", before).replace("AFTER", after) + more, name="shop.yaml"))


def traced(bench, *changes, text=TRACED):
    folder = releases.folder_of(releases.TRACING["opentelemetry"][0])
    return bench.scenario(("OPENTELEMETRY", str(folder)), *changes, text=text, name="traced.yaml")


def rows(result):
    return {row["metric"]: row for row in result["comparisons"]}


def kinds(result, arm):
    return {each["kind"] for each in result["findings"] if each["evidence"].get("arm") == arm}


def test_real_opentelemetry_is_followed_to_the_database_and_held_against_budgets(bench):
    traced(bench)
    ran = bench.run("checks", "traced.yaml", "--json", "out.json", "-o", "page.html", "-o", "page.md")
    result = bench.json("out.json")
    assert ran.code == 0, ran.out + ran.err
    found = rows(result)
    for metric in ("traces", "structured_logs", "metrics_endpoint"):
        assert (found[metric]["baseline"], found[metric]["candidate"]) == (0.0, 1.0), metric
    assert found["traces"]["verdict"] == "met"
    assert found["traced_statements"]["candidate"] == 1.0
    assert found["metrics_counts"]["candidate"] == 1.0
    # A list sends one query and three more, a single item one: with the server's own, 5 and 2 spans.
    assert found["spans_per_request"]["candidate"] == pytest.approx(3.5)
    assert 0 < found["span_time_database"]["candidate"] < 50
    assert not any(each["broken"] or each["value"] is None for each in result["budgets"])
    assert {"traces_missing", "log_unstructured", "metrics_missing"} <= kinds(result, "baseline")
    told = next(each for each in result["findings"] if each["kind"] == "span_times")
    assert "items" in told["summary"]
    assert "database" in told["summary"]
    for page in ("page.html", "page.md"):
        assert "requests traced" in (bench.folder / page).read_text()
    stored = gzip.decompress((bench.runs[-1] / "checks.json.gz").read_bytes()).decode()
    assert "select" not in stored
    assert json.loads(bench.run("show", "last", "--json", "-").out) == result
    assert not bench.leftovers()


def test_telemetry_is_checked_beside_timed_rounds_and_collected_metrics(bench):
    text = TRACED.split("goals:")[0] + TRACED[TRACED.index("rounds:") :]
    text = text.replace("repeats: 2", "repeats: 1").replace("count: 2", "count: 1")
    change = ('TRACED: "0", TOLD: "0"', 'TRACED: "0"'), ('ROWS: "3"', 'ROWS: "3", UNSEEN: "1"')
    traced(bench, *change, text=text)
    ran = bench.run("ab", "traced.yaml", "--json", "out.json")
    assert ran.code in (0, 1, 3), ran.out + ran.err
    found = rows(bench.json("out.json"))
    assert found["prometheus:http_request_duration_seconds"]["unit"] == "ms"
    assert found["prometheus:http_request_duration_seconds"]["candidate"] > 0
    assert (found["traces"]["baseline"], found["traces"]["candidate"], found["traces"]["role"]) == (0.0, 1.0, "shown")
    # The database knows of statements that no span tells of.
    assert (found["traced_statements"]["baseline"], found["traced_statements"]["candidate"]) == (None, 0.0)
    assert "statements_untraced" in kinds(bench.json("out.json"), "candidate")
    assert found["latency_p50"]


def test_faults_of_one_version_are_told_and_break_budgets(bench):
    more = "budgets: {structured_logs: 100%, errors_logged_once: 100%, metrics_counts: 100%, traces: 100%}\n"
    path = written(bench, after="logged_twice counts_twice own_trace_ids logs_token", more=more)
    ran = bench.run("checks", path, "--json", "out.json")
    assert ran.code == 1, ran.out + ran.err
    result = bench.json("out.json")
    assert {"error_logged_twice", "metrics_miscount", "traces_begun_anew", "log_secret"} <= kinds(result, "candidate")
    assert not kinds(result, "baseline") - {"span_times"}
    broken = {each["metric"] for each in result["budgets"] if each["broken"]}
    assert broken == {"errors_logged_once", "metrics_counts", "traces"}
    facts = gzip.decompress((bench.runs[-1] / "checks.json.gz").read_bytes()).decode()
    assert "let-me-in" not in facts
    history = bench.run("history", path, "--metric", "traces")
    assert history.code == 0, history.err


@pytest.mark.parametrize("counts", ["1", "late"])
def test_what_was_not_started_here_is_open_with_reason_and_fix(counts, bench, tmp_path):
    with corpus.shop("stdlib", tmp_path, environment={"TELLS": counts}) as (origin, _):
        text = f"name: there\nservice: {{url: '{origin}', health: /health}}\n"
        text += "requests: [{name: products, get: /products}]\n"
        text += "checks: telemetry\nbudgets: {traces: 100%, structured_logs: 100%, metrics_counts: 100%}\n"
        bench.scenario(text=text, name="there.yaml")
        ran = bench.run("checks", "there.yaml", "--json", "out.json")
    assert ran.code == 3, ran.out + ran.err
    held = {each["metric"]: each for each in bench.json("out.json")["budgets"]}
    assert held["metrics_counts"]["value"] == 1.0
    for metric in ("traces", "structured_logs"):
        assert (held[metric]["value"], held[metric]["broken"]) == (None, False)
        assert "was not started here" in held[metric]["why"]


class Collector(BaseHTTPRequestHandler):
    taken: ClassVar[list] = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.append((self.path, self.headers["Content-Type"], self.headers.get("X-Token"), json.loads(body)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


def test_figures_and_verdicts_go_out_as_prometheus_text_and_otlp(bench):
    path = written(bench, before="own_trace_ids", more="goals: {traces: 100%}\nbudgets: {traces: 100%}\n")
    ran = bench.run("checks", path, "-o", "run.prom")
    assert ran.code == 0, ran.out + ran.err
    text = (bench.folder / "run.prom").read_text()
    assert 'perfproof_value{scenario="shop",metric="traces",request="all",arm="candidate",unit="ratio"} 1\n' in text
    assert 'perfproof_verdict{scenario="shop",verdict="met"} 1\n' in text
    assert bench.run("report", "last", "-o", "again.prom").code == 0
    assert (bench.folder / "again.prom").read_text() == text
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    Collector.taken.clear()
    pushed = bench.run("push", "--otlp", address, "--header", "X-Token: let-me")
    bench.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = address
    again = bench.run("push", "last")
    server.shutdown()
    assert (pushed.code, again.code) == (0, 0), pushed.err + again.err
    (where, media, token, body), second = Collector.taken
    assert (where, media, token) == ("/v1/metrics", "application/json", "let-me")
    assert second[3] == body
    metrics = body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    assert {each["name"] for each in metrics} == {line.split()[2] for line in text.splitlines() if "# TYPE" in line}
    assert "points sent to 127.0.0.1" in pushed.err + pushed.out
    nobody = bench.run("push", "--otlp", "http://127.0.0.1:9")
    assert nobody.code == 2
    assert "did not take" in nobody.err
    away = bench.run("push", "--otlp", "http://192.0.2.7:4318")
    assert away.code == 2
    assert "--allow 192.0.2.7" in away.err
