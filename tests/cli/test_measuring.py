"""The whole way: scenario, fresh starts, load, verdict, store, reports."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pyarrow.parquet as pq
import pytest

from perfproof.model import formatting

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

METRICS = {
    "latency_p50", "latency_mean", "latency_p95", "latency_p99", "cpu_per_request", "memory_peak", "memory_steady",
    "memory_growth", "throughput", "error_rate", "response_bytes",
}  # fmt: skip


@pytest.mark.quiet
def test_a_faster_candidate_is_improved_and_everything_is_recorded(bench):
    ran = bench.run("ab", str(bench.scenario(("count: 2", "count: 4"))), "--json", "out.json", "-o", "page.html")
    assert ran.code == 0, ran.err + ran.out
    result = bench.json("out.json")
    assert result["schema_version"] == 1
    assert result["verdict"] == "improved"
    assert result["exit_code"] == 0
    assert result["rounds"] == 4
    assert result["sentence"] in ran.out.replace("\n", " ") or result["sentence"][:40] in ran.out
    rows = {(row["metric"], row["request"]): row for row in result["comparisons"]}
    assert {metric for metric, _ in rows} <= METRICS
    p50 = rows["latency_p50", "all"]
    assert p50["change"] == pytest.approx(p50["candidate"] / p50["baseline"] - 1, abs=1e-6)
    assert p50["ci_low"] < p50["change"] < p50["ci_high"] < 0
    assert p50["change"] < -0.3
    cpu = rows["cpu_per_request", "all"]
    assert cpu["candidate"] == pytest.approx(cpu["baseline"] - 2.0, abs=0.6), "2 ms less work per request"
    assert rows["error_rate", "all"]["candidate"] == 0
    assert rows["memory_peak", "all"]["baseline"] > 5e6
    (run,) = bench.runs
    assert len(list((run / "rounds").iterdir())) == 4
    for file in ("samples.parquet", "processes.parquet", "round.json", "baseline.log", "candidate.log"):
        assert (run / "rounds" / "001" / file).is_file()
    assert "<svg" in (bench.folder / "page.html").read_text()
    assert (run / "report.html").is_file()
    assert not bench.leftovers()
    listed = bench.run("list")
    assert run.name in listed.out
    assert "improved" in listed.out
    shown = bench.run("show", "last")
    assert shown.code == 0
    assert result["sentence"][:40] in shown.out


@pytest.mark.quiet
def test_a_goal_out_of_reach_and_a_broken_budget_fail_with_1(bench):
    path = bench.scenario(
        ("count: 2", "count: 4"),
        ("rounds:", "goals: {cpu_per_request: {improve: 90%}}\nbudgets: {latency_p50: 1us}\nrounds:"),
    )
    ran = bench.run("ab", str(path), "--json", "out.json", "--quiet")
    assert ran.code == 1, ran.err + ran.out
    result = bench.json("out.json")
    assert [row["verdict"] for row in result["comparisons"] if row["goal"]] == ["short"]
    assert result["exit_code"] == 1
    assert ran.err == ""


@pytest.mark.quiet
def test_users_of_a_faster_service_are_served_as_much_more_often_and_a_goal_out_of_reach_ends_the_run(bench):
    """160 ms become 100: a true +60 %, of which the drain of the blocks once hid a third."""
    path = bench.scenario(
        ("load: {model: open, rate: 80/s}", "load: {model: closed, users: 4}"),
        ('WORK_US: "3000"', 'SLEEP_MS: "160"'),
        ('WORK_US: "1000"', 'SLEEP_MS: "100"'),
        ("rounds: {count: 2, warmup: 300ms, warmup_requests: 5, blocks: 4, block: 300ms}",
         "rounds: {count: 6, warmup: 0s, warmup_requests: 8, blocks: 2, block: 500ms}\n"
         "goals: {throughput: 300%}\nbudgets: {throughput: 1/s}"),
    )  # fmt: skip
    ran = bench.run("ab", str(path), "--json", "out.json", timeout=150)
    assert ran.code == 1, ran.err + ran.out
    result = bench.json("out.json")
    rows = {(row["metric"], row["request"]): row for row in result["comparisons"]}
    row = rows["throughput", "all"]
    assert row["candidate"] == pytest.approx(40, rel=0.1)
    assert row["change"] == pytest.approx(0.6, abs=0.09)
    assert (row["verdict"], result["verdict"]) == ("short", "short")
    assert result["rounds"] < 6, "what is sure need not be measured further"
    assert "Goal missed" in result["sentence"]
    assert bench.run("report", "last", "-o", "x_stats.csv").code == 0
    told = (bench.folder / "x_stats.csv").read_text().splitlines()
    column = told[0].split(",").index("Requests/s")
    rate = float(next(line for line in told if "candidate" in line).split(",")[column])
    assert rate == pytest.approx(row["candidate"], rel=0.02), "one report, one figure"


def test_percentiles_of_all_requests_are_those_of_the_samples_in_every_export(bench):
    """Half of the requests are health checks: a mean of percentiles would be nobody's figure."""
    bench.without_load()
    path = bench.scenario(
        ("values: {n: [1, 2, 3]}}", "values: {n: [1, 2, 3]}, weight: 2}\n  - {name: up, get: /health}"),
        ("load: {model: open, rate: 80/s}", "load: {model: closed, users: 1}"),
        ("why: off", "why: off\nbudgets: {latency_p95: 10s}"),
    )
    outputs = [part for name in ("page.html", "page.md", "rows.csv") for part in ("-o", name)]
    ran = bench.run("ab", str(path), "--json", "out.json", *outputs)
    assert ran.code == 0, ran.err + ran.out
    result = bench.json("out.json")
    times = [[], []]
    for folder in sorted((bench.runs[0] / "rounds").iterdir()):
        samples = pq.read_table(folder / "samples.parquet").to_pandas()
        blocks = {
            (b["arm"], b["pair"]): b["started_ns"] for b in json.loads((folder / "round.json").read_text())["blocks"]
        }
        started = [blocks[key] for key in zip(samples["arm"], samples["pair"], strict=True)]
        good = samples[(samples["outcome"] == 0) & (samples["intended_ns"] >= np.array(started) + 50_000_000)]
        for arm in (0, 1):
            mine = good[good["arm"] == arm]
            times[arm] += ((mine["done_ns"] - mine["intended_ns"]) / 1e6).tolist()
    written = list(csv.DictReader((bench.folder / "rows.csv").open()))
    pages = [(bench.folder / name).read_text() for name in ("page.html", "page.md")]
    for metric, quantile in (("latency_p50", 50), ("latency_p95", 95)):
        row = next(r for r in result["comparisons"] if (r["metric"], r["request"]) == (metric, "all"))
        assert row["typical"]
        assert [row["baseline"], row["candidate"]] == pytest.approx(
            [np.percentile(each, quantile) for each in times], rel=0.12
        )
        found = next(r for r in written if (r["metric"], r["request"]) == (metric, "all"))
        assert (float(found["baseline"]), float(found["candidate"])) == (row["baseline"], row["candidate"])
        for page in [*pages, ran.out]:
            assert formatting.value(row["baseline"], "ms") in page.replace("\N{NO-BREAK SPACE}", " ")
            assert "typ." in page
    assert "p50 latency typically" in result["sentence"]


def test_a_budget_that_one_round_cannot_judge_is_open_and_the_same_everywhere(bench):
    """A point beside its limit would be kept today and broken tomorrow."""
    bench.without_load()
    path = bench.scenario(
        ('WORK_US: "3000"', 'SLEEP_MS: "50"'),
        ("load: {model: open, rate: 80/s}", "load: {model: closed, users: 1}"),
        ("rounds: {count: 2,", "budgets: {latency_p50: 60ms, latency_p95: 10s, error_rate: 1%}\nrounds: {count: 1,"),
    )
    ran = bench.run("run", str(path), "--arm", "baseline", "--json", "out.json", "-o", "page.html", "-o", "page.md")
    assert ran.code == 3, ran.err + ran.out
    result = bench.json("out.json")
    assert (result["verdict"], result["exit_code"]) == ("inconclusive", 3)
    assert result["sentence"].startswith("Budget open: p50 latency of item 5")
    answers = {each["metric"]: (each["broken"], bool(each["why"])) for each in result["budgets"]}
    assert answers == {"latency_p50": (False, True), "latency_p95": (False, False), "error_rate": (False, False)}
    assert "BUDGET OPEN" in ran.out.upper()
    for page in ("page.html", "page.md"):
        text = (bench.folder / page).read_text()
        assert "? open" in text
        assert "with the limit in between" in text
    gated = bench.run("gate", "last", "--inconclusive", "fail")
    assert gated.code == 3, gated.err + gated.out
    assert "so its budget is open" in " ".join(gated.out.split())


@pytest.mark.quiet
def test_two_recorded_runs_are_compared(bench):
    path = bench.scenario(("count: 2", "count: 3"))
    for arm, label in (("baseline", "before"), ("candidate", "after")):
        ran = bench.run("run", str(path), "--arm", arm, "--label", label)
        assert ran.code == 0, ran.err
    ran = bench.run("compare", "before", "after", "--json", "out.json")
    assert ran.code in (0, 3), ran.err + ran.out
    result = bench.json("out.json")
    rows = {(row["metric"], row["request"]): row for row in result["comparisons"]}
    assert rows["cpu_per_request", "all"]["ci_high"] < 0
    assert rows["latency_p50", "all"]["change"] < -0.2
    assert result["verdict"] in ("improved", "inconclusive"), (
        "three rounds on a busy machine may not settle the latency"
    )
    for ending in ("html", "md", "json", "csv", "parquet"):
        written = bench.run("report", "before", "after", "-o", f"x.{ending}")
        assert written.code == 0, written.err
        assert (bench.folder / f"x.{ending}").stat().st_size > 200


@pytest.mark.quiet
def test_noise_tells_what_this_machine_can_see(bench):
    ran = bench.run("noise", str(bench.scenario(("count: 2", "count: 4"))), "--json", "out.json")
    assert ran.code in (0, 3), ran.err + ran.out
    assert bench.json("out.json")["verdict"] != "regressed"
    assert re.search(r"\d", ran.out)


def test_a_second_measurement_of_the_same_says_that_it_is_attempt_2(bench):
    bench.without_load()
    short = (("count: 2", "count: 1"), ("blocks: 4", "blocks: 2"), ("why: off", "why: off\nresponses: off"))
    path = bench.scenario(*short)
    first = bench.run("ab", str(path), "-o", "first.md", "-q")
    again = bench.run("ab", str(path), "-o", "again.md", "-q")
    other = bench.run("ab", str(bench.scenario(*short, ('"1000"', '"900"'))), "-o", "other.md", "-q")
    assert (bench.folder / "again.md").exists(), first.err + again.err + other.err
    said = {name: "attempt" in (bench.folder / f"{name}.md").read_text() for name in ("first", "again", "other")}
    assert said == {"first": False, "again": True, "other": False}
    assert "attempt 2 at the same measurement" in (bench.folder / "again.md").read_text()


def test_json_to_stdout_is_json_and_nothing_else(bench):
    bench.without_load()
    ran = bench.run("ab", str(bench.scenario(("why: off", "why: off\nresponses: off"))), "--json", "-")
    result = json.loads(ran.out)
    assert result["rounds"] == 2
    assert "round" in ran.err


def test_secrets_reach_the_service_but_no_artefact(bench):
    bench.without_load()
    secret = "hunter2-s3cr3t-value"
    bench.environ["TINY_SECRET"] = secret
    path = bench.scenario(
        ("DIRECTORY", 'DIRECTORY\n  environment: {SECRET: "${TINY_SECRET}"}'),
        ("\nrequests:\n", "\nsetup:\n  - post: /login\n    json: {password: '${TINY_SECRET}'}\n"
         "    capture: {token: $.token}\nrequests:\n"),
        ('get: "/items/{n}"', 'get: "/items/{n}", headers: {Authorization: "Bearer {token}"}'),
    )  # fmt: skip
    ran = bench.run("ab", str(path), "--json", "out.json", "-o", "page.html")
    assert ran.code == 0, ran.err + ran.out
    logs = "".join(file.read_text() for file in bench.folder.rglob("baseline.log"))
    assert "tiny is up; secret is ***" in logs
    for file in bench.folder.rglob("*"):
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file
    assert secret not in ran.out + ran.err


@pytest.mark.quiet
def test_a_time_budget_plans_the_rounds_and_says_what_they_can_see(bench):
    ran = bench.run("ab", str(bench.scenario()), "--time", "25s", "--no-early-stop", "--json", "out.json")
    assert ran.code in (0, 3), ran.err + ran.out
    assert re.search(r"\d+ rounds in about \d+ s see p50 changes from [\d.]+ %", ran.err), ran.err
    assert 2 <= bench.json("out.json")["rounds"] <= 8


def test_an_unexpected_failure_shows_no_traceback_and_no_values(bench):
    bench.environ["PYTHONPATH"] = str(bench.folder)
    (bench.folder / "yaml.py").write_text("raise RuntimeError('hunter2')\n")
    ran = bench.run("check", str(bench.scenario()))
    assert ran.code == 4
    assert "perfproof itself failed: RuntimeError in yaml.py:1" in ran.err
    assert "hunter2" not in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.database
def test_a_postgresql_store_remembers_runs_by_url(bench, postgresql):
    bench.without_load()
    bench.environ["PERFPROOF_STORE"] = postgresql()
    ran = bench.run("run", str(bench.scenario(("count: 2", "count: 1"))), "--label", "shared")
    assert ran.code == 0, ran.err
    assert not (bench.folder / "results" / "perfproof.db").exists()
    assert "shared" in bench.run("list").out
    shown = bench.run("show", "shared")
    assert shown.code == 0
    assert "p50 latency" in shown.out
