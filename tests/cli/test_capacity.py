"""The search for the capacity: a real service of known capacity, from the command line to the report."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

SLOTS = """\
name: slots
service:
  command: "{python} slots.py {port}"
  directory: DIRECTORY
  health: /health
arms:
  baseline: {environment: {SERVICE_MS: "10"}}
  candidate: {environment: {SERVICE_MS: "5"}}
requests:
  - {name: item, get: /items/1}
load: {arrivals: constant}
rounds: {warmup: 300ms, warmup_requests: 5}
capacity: {budgets: {latency_p95: 100ms}, from: 60/s, hold: 1s, starts: 2}
"""


@pytest.mark.quiet
def test_a_known_capacity_is_found_for_both_arms_and_judged_again_from_the_evidence(bench):
    path = bench.scenario(text=SLOTS, name="slots.yaml")
    ran = bench.run("capacity", str(path), "--json", "out.json", "-o", "page.html", timeout=200)
    result = bench.json("out.json")
    assert result["kind"] == "capacity"
    knees = {knee["arm"]: knee for knee in result["capacity"]["knees"]}
    assert all(knee["bound"] == "" for knee in knees.values()), ran.out
    # One worker with a fixed time and even arrivals: the knee is 1 / time. A step a few percent above it grows a queue
    # that is seen within the second, so the search is off by its resolution (5 %) at most, on each side.
    assert knees["baseline"]["estimate"]["value"] == pytest.approx(100, rel=0.06)
    assert knees["candidate"]["estimate"]["value"] == pytest.approx(200, rel=0.06)
    (row,) = result["comparisons"]
    assert row["change"] == pytest.approx(1.0, abs=0.12)
    assert len(knees["baseline"]["starts"]) == 2
    page = (bench.folder / "page.html").read_text()
    assert "Capacity" in page
    assert "<svg" in page
    (run,) = bench.runs
    assert sorted(each.name for each in (run / "rounds" / "001").iterdir()) == [
        "baseline.log", "candidate.log", "processes.parquet", "round.json", "samples.parquet",
    ]  # fmt: skip
    assert not bench.leftovers()
    shown = bench.run("show", "last", "--json", "-")
    assert shown.code == ran.code
    assert __import__("json").loads(shown.out) == result


def test_what_is_missing_for_a_search_is_said_before_anything_is_started(bench):
    path = bench.scenario(("budgets: {latency_p95: 100ms}, ", ""), text=SLOTS, name="slots.yaml")
    ran = bench.run("capacity", str(path))
    assert ran.code == 2
    assert "no budget says how slow the service may become" in ran.err
    assert "latency_p95: 100ms" in ran.err
    assert bench.run("capacity", str(path), "--hold", "5").code == 2
    assert bench.run("capacity", str(path), "--arm", "other").code == 2
    assert not bench.runs
