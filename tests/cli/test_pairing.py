"""Paired rounds through the command line, beside the features they meet."""

from __future__ import annotations

import re
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

PAIRED = """\
name: paired
service:
  command: "{python} -m uvicorn tiny:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log"
  directory: DIRECTORY
  health: /health
  start_timeout: 20s
arms:
  baseline: {environment: {WORK_US: "3000"}}
  candidate: {environment: {WORK_US: "1500"}}
requests:
  - {name: item, get: "/items/{n}", values: {n: [1, 2, 3]}}
  - {name: other, get: "/others"}
rounds: {count: 3, warmup: 200ms, warmup_requests: 5, pairs: 1s}
why: off
"""


def settings(bench):
    return bench.json(f"{bench.runs[-1].relative_to(bench.folder)}/run.json")


def facts(result):
    return {fact["name"]: fact["candidate"] for fact in result["comparability"]["facts"]}


@pytest.mark.quiet
def test_without_a_load_every_request_goes_to_both_versions_in_turn(bench):
    path = bench.scenario(text=PAIRED)
    ran = bench.run("ab", str(path), "--json", "out.json", "-o", "page.html", "-o", "page.md")
    assert ran.code == 0, ran.err + ran.out
    result = bench.json("out.json")
    rows = {(row["metric"], row["request"]): row for row in result["comparisons"]}
    assert result["verdict"] == "improved"
    assert rows["latency_p50", "all"]["ci_high"] < -0.2, "half the work in each request"
    assert rows["cpu_per_request", "all"]["candidate"] == pytest.approx(
        rows["cpu_per_request", "all"]["baseline"] - 1.5, abs=0.4
    )
    assert "throughput" not in {metric for metric, _ in rows}, "the arms share the time"
    asked = "in pairs: the figures say what one request costs; no load is asked for"
    assert facts(result)["asked"] == asked
    assert f"Asked {asked}." in bench.details()
    for page in ("page.html", "page.md"):
        assert f"Asked {asked}." in (bench.folder / page).read_text()
    (run,) = bench.runs
    for folder in sorted((run / "rounds").iterdir()):
        samples = pq.read_table(folder / "samples.parquet").to_pydict()
        order = np.argsort(samples["sent_ns"])
        arms = np.array(samples["arm"])[order].reshape(-1, 2)
        assert (arms.sum(axis=1) == 1).all(), "pairs of one request to each"
    assert not bench.leftovers()


def test_a_run_of_pairs_is_shown_exported_and_imported_as_it_was(bench, tmp_path):
    bench.without_load()
    path = bench.scenario(("count: 3", "count: 2"), text=PAIRED)
    ran = bench.run("ab", str(path), "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    assert bench.run("export", "last", "-o", "kept.perfproof").code == 0
    elsewhere = tmp_path / "elsewhere"
    assert bench.run("import", "kept.perfproof", "--results", str(elsewhere)).code == 0
    shown = bench.run("show", "last", "--json", "again.json", "--results", str(elsewhere))
    assert shown.code == ran.code, shown.err
    before, after = bench.json("out.json"), bench.json("again.json")
    assert after["comparisons"] == before["comparisons"]


@pytest.mark.quiet
def test_a_busy_rate_is_answered_in_pairs_and_under_load_each_with_its_own_goal(bench):
    path = bench.scenario(
        ("rounds:", "load: {rate: 120/s}\ngoals: {latency_under_load_p50: {improve: 10%, requests: [all]}}\nrounds:"),
        text=PAIRED,
    )
    ran = bench.run("ab", str(path), "--json", "out.json")
    assert ran.code in (0, 3), ran.err + ran.out
    result = bench.json("out.json")
    rows = {(row["metric"], row["request"]): row for row in result["comparisons"]}
    assert "in pairs (what one request costs) and in blocks (what users wait under load)" in facts(result)["asked"]
    assert rows["latency_under_load_p50", "all"]["goal"]["improve"] == 0.1
    assert rows["latency_under_load_p50", "all"]["change"] < 0, ran.out
    assert rows["latency_p50", "all"]["ci_high"] < 0


@pytest.mark.quiet
def test_flows_with_values_feeds_and_captures_are_paired_step_by_step(bench):
    (bench.folder / "items.csv").write_text("n\n1\n2\n3\n4\n")
    path = bench.scenario(
        (
            '  - {name: other, get: "/others"}\n',
            "  - name: buy\n    values: {size: [1, 2]}\n    steps:\n"
            '      - {name: look, get: "/look/{size}", capture: {pid: $.pid}}\n'
            '      - {name: pay, get: "/pay/{pid}/{items.n}", think_time: 2ms}\n'
            "feeds: {items: items.csv}\n",
        ),
        ("count: 3", "count: 2"),
        text=PAIRED,
    )
    ran = bench.run("ab", str(path), "--json", "out.json")
    assert ran.code in (0, 3), ran.err + ran.out
    result = bench.json("out.json")
    rows = {(row["metric"], row["request"]): row for row in result["comparisons"]}
    for name in ("item", "look", "pay"):
        assert rows["latency_p50", name]["change"] < -0.1, name
    samples = pq.read_table(bench.runs[0] / "rounds" / "001" / "samples.parquet").to_pandas()
    counted = samples.groupby(["arm", "request"]).size().unstack()
    assert (counted.loc[0] == counted.loc[1]).all()
    assert (counted[1] == counted[2]).all(), "every look was paid"


def test_a_rate_beyond_what_a_version_carries_is_told_within_seconds_with_the_rate_it_does(bench):
    path = bench.scenario(("rounds:", "load: {rate: 2000/s}\nrounds:"), text=PAIRED)
    began = time.monotonic()
    ran = bench.run("ab", str(path))
    assert ran.code == 4, ran.out
    assert "the load is 2,000/s and" in ran.err
    assert "carries about" in ran.err
    assert "leave `load:` out" in ran.err
    assert time.monotonic() - began < 120


def test_a_service_that_hangs_is_told_after_one_timeout(bench):
    path = bench.scenario(
        ('get: "/others"}', 'get: "/others", timeout: 1s}'),
        ('WORK_US: "1500"', 'WORK_US: "30000000"'),  # nothing else is answered meanwhile, and no signal heeded
        ("start_timeout: 20s", "start_timeout: 20s\n  stop_grace: 500ms"),
        ("values: {n: [1, 2, 3]}}", "values: {n: [1, 2, 3]}, timeout: 1s}"),
        ("why: off", "why: off\nresponses: off"),
        text=PAIRED,
    )
    began = time.monotonic()
    ran = bench.run("ab", str(path))
    assert ran.code == 4, ran.out
    assert "candidate did not answer" in ran.err
    assert time.monotonic() - began < 120
    assert not bench.leftovers()


@pytest.mark.quiet
def test_the_time_is_that_of_the_whole_command(bench):
    path = bench.scenario(("count: 3, ", ""), (", pairs: 1s", ""), text=PAIRED)
    began = time.monotonic()
    ran = bench.run("ab", str(path), "--time", "25s", "--no-early-stop", "--json", "out.json")
    took = time.monotonic() - began
    assert ran.code in (0, 1, 3), ran.err
    rounds = bench.json("out.json")["rounds"]
    assert rounds >= 2
    assert took < 25 * 1.25 or rounds == 2, f"{took:.0f} s for {rounds} rounds"


def test_slow_requests_get_pairs_and_few_starts_say_so(bench):
    bench.without_load()
    path = bench.scenario(
        ('WORK_US: "3000"', 'WORK_US: "0", SLEEP_MS: "200"'),
        ('WORK_US: "1500"', 'WORK_US: "0", SLEEP_MS: "100"'),
        ('  - {name: other, get: "/others"}\n', ""),
        (", pairs: 1s", ""),
        ("count: 3", "count: 2"),
        ("rounds:", "goals: {latency_p50: {improve: 20%}}\nrounds:"),
        text=PAIRED,
    )
    ran = bench.run("ab", str(path), "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    result = bench.json("out.json")
    assert (result["verdict"], result["rounds"]) == ("met", 2)


@pytest.mark.parametrize("way", ["workers: 2", "samples: histogram", "stages: [{for: 1s, to: 50/s}]"])
def test_pairs_that_cannot_be_are_refused_before_anything_starts(bench, way):
    path = bench.scenario(
        ("rounds: {count: 3,", f"load: {{rate: 50/s, {way}}}\nrounds: {{pairing: request, count: 3,"), text=PAIRED
    )
    ran = bench.run("check", str(path))
    assert ran.code == 2
    assert "rounds.pairing: stands beside" in ran.err


def test_check_tells_how_versions_will_be_asked_and_how_long_that_takes(bench):
    ran = bench.run("check", str(bench.scenario(text=PAIRED)))
    assert ran.code == 0, ran.err
    assert "asked in pairs: the figures say what one request costs; no load is asked for" in ran.out
    assert re.search(r"takes about \d+ s if it starts in 1\.5 s .*; each second more to start adds \d+ s", ran.out)
    assert not bench.runs
    timed = bench.scenario(("count: 3, ", ""), (", pairs: 1s", ", time: 60s"), text=PAIRED)
    assert "takes 1 min at most: about " in bench.run("check", str(timed)).out
