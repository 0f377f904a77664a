"""A load that cannot be sent voids what was timed; more queries fail the run, its gate and its reports all the same."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

HURRIED = """\
name: shelf
service:
  command: "{python} -m uvicorn shelf:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log"
  directory: DIRECTORY
  start_timeout: 20s
  database: sqlite
arms:
  baseline: {environment: {LAZY: "0"}}
  candidate: {environment: {LAZY: "1"}}
requests:
  - {name: books, get: "/books?limit={limit}", values: {limit: [10]}, scale: {parameter: limit, sizes: [1, 10, 50]}}
load: {model: open, rate: 20000/s, connections: 4}
rounds: {count: 1, warmup: 200ms, warmup_requests: 5, blocks: 1, block: 300ms, pairing: block}
why: off
"""


def test_more_queries_fail_the_gate_and_stand_in_every_report(bench):
    bench.scenario(text=HURRIED, name="hurried.yaml")
    outputs = ("-o", "page.html", "-o", "page.md", "-o", "junit.xml", "--json", "out.json")
    ran = bench.without_load().run("gate", "hurried.yaml", *outputs)
    assert ran.code == 1, ran.out + ran.err
    result = bench.json("out.json")["result"]
    assert result["verdict"] == "regressed"
    assert result["sentence"].startswith("Regressed: queries of books 1 → 11")
    assert "what was timed is invalid: " in result["sentence"]
    assert "of requests could not be sent" in result["sentence"]
    verdicts = {row["metric"]: row["verdict"] for row in result["comparisons"]}
    assert verdicts["queries_per_request"] == "regressed"
    assert {verdicts[timed] for timed in ("latency_p50", "cpu_per_request", "memory_peak")} == {"invalid"}
    said = " ".join(ran.out.split())
    assert "queries of books 1 → 11" in said
    failed = [
        case.get("name") for case in ElementTree.parse(bench.folder / "junit.xml").iter("testcase")
        if case.find("failure") is not None
    ]  # fmt: skip
    assert len(failed) == 1
    assert "queries" in str(failed[0])
    page = (bench.folder / "page.html").read_text().replace("<wbr>", "")
    first = page.partition("The verdict in figures")[0]
    assert "Times do not count" in first
    assert "longer" not in first, "times that are void are not told as a change"
    for name in ("page.html", "page.md"):
        text = (bench.folder / name).read_text().replace("<wbr>", "")
        assert "what was timed is invalid" in text, name
    again = bench.run("show", "last")
    assert "what was timed is invalid" in " ".join(again.out.split())


def test_fewer_queries_are_told_and_the_measurement_stays_invalid(bench):
    bench.scenario(
        ('baseline: {environment: {LAZY: "0"}}', 'baseline: {environment: {LAZY: "1"}}'),
        ('candidate: {environment: {LAZY: "1"}}', 'candidate: {environment: {LAZY: "0"}}'),
        text=HURRIED,
        name="hurried.yaml",
    )
    ran = bench.without_load().run("ab", "hurried.yaml")
    assert ran.code == 4, ran.out + ran.err
    assert "Counted all the same: queries of books 11 → 1" in " ".join(ran.out.split())


def test_of_three_versions_the_one_that_asks_more_fails_the_run_though_the_other_could_not_be_measured(bench):
    arms = (
        'baseline: {environment: {LAZY: "0"}}\n  lazy: {environment: {LAZY: "1"}}\n  same: {environment: {LAZY: "0"}}'
    )
    two = 'baseline: {environment: {LAZY: "0"}}\n  candidate: {environment: {LAZY: "1"}}'
    bench.scenario((two, arms), text=HURRIED, name="three.yaml")
    ran = bench.without_load().run("gate", "three.yaml", "--json", "out.json")
    assert ran.code == 1, ran.out + ran.err
    result = bench.json("out.json")["result"]
    assert [each["verdict"] for each in result["candidates"]] == ["regressed", "invalid"]
    assert result["verdict"] == "regressed"
    assert "lazy fails, same is invalid." in " ".join(ran.out.split())
