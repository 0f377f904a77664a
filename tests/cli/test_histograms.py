"""`samples: histogram` from the command line: what is kept, what is concluded, what can be made of it."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

pytestmark = [pytest.mark.server, pytest.mark.quiet, pytest.mark.timeout(180)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_keeps_histograms_alone_and_is_concluded_from_them(bench, workers):
    path = bench.scenario(("rate: 80/s", f"rate: 80/s, samples: histogram, workers: {workers}"))
    ran = bench.run("ab", str(path), "--json", "out.json", "-o", "page.html")
    assert ran.code in (0, 3), ran.err + ran.out
    result = bench.json("out.json")
    rows = {(row["metric"], row["request"]): row for row in result["comparisons"]}
    assert rows["latency_p50", "all"]["change"] < -0.3
    assert rows["cpu_per_request", "all"]["change"] < -0.2
    (run,) = bench.runs
    folder = run / "rounds" / "001"
    assert not (folder / "samples.parquet").exists()
    table = pq.read_table(folder / "histograms.parquet").to_pandas()
    blocks = json.loads((folder / "round.json").read_text())["blocks"]
    latency = table[table.since == 0]
    assert latency["count"].sum() == sum(block["intended"] for block in blocks)
    for block in blocks:
        mine = latency[(latency.arm == block["arm"]) & (latency.pair == block["pair"])]
        assert mine["count"].sum() == block["intended"]
        assert mine[mine.outcome == 0]["count"].sum() == block["completed"]
    counts = next(each for each in result["requests"] if each["request"] == "item")["counts"]["baseline"]
    assert counts["sent"] == counts["completed"] > 0
    if workers > 1:
        return
    shown = bench.run("show", "last", "--json", "-")
    assert json.loads(shown.out)["comparisons"] == result["comparisons"]
    made = bench.run("report", "last", "-o", "x.hlog", "-o", "x_stats.csv", "-o", "x.html")
    assert made.code == 0, made.err
    assert "Tag=baseline/item" in (bench.folder / "x.hlog").read_text()
    refused = bench.run("report", "last", "-o", "x_stats_history.csv")
    assert refused.code == 2
    assert "this run kept histograms only" in refused.err
    assert "samples: raw" in refused.err


def test_a_flow_with_values_is_kept_as_histograms(bench):
    flow = """requests:
  - name: shop
    values: {user: [a, b, c]}
    steps:
      - {name: list, get: "/items/1?u={user}", capture: {id: $.pid}}
      - {name: item, get: "/items/{id}?u={user}"}
"""
    old = 'requests:\n  - {name: item, get: "/items/{n}", values: {n: [1, 2, 3]}}\n'
    path = bench.scenario((old, flow), ("rate: 80/s", "rate: 20/s, samples: histogram"))
    ran = bench.run("run", str(path), "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    counts = {each["request"]: each["counts"]["baseline"] for each in bench.json("out.json")["requests"]}
    assert counts["list"]["completed"] == counts["item"]["completed"] > 0
