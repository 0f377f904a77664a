"""Counting instructions: real services under Valgrind, from the command line to the report."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SERVICES = Path(__file__).parent.parent / "services"

pytestmark = [pytest.mark.server, pytest.mark.timeout(400)]

COUNTED = "instructions_per_request"
SUMMING = """\
name: summing
service: {command: "{python} summing.py {port}", directory: DIRECTORY, health: /health}
arms:
  baseline: {environment: {N: "3000"}}
  candidate: {environment: {N: "3100"}}
requests:
  - {name: sum, get: "/sum/{n}", values: {n: [1, 2]}, weight: 3}
  - {name: nothing, get: /health}
goals: {latency_p50: 20%}
budgets: {instructions_per_request: {limit: 10M, requests: [sum]}}
count: {starts: 3}
"""


@pytest.mark.quiet
def test_two_percent_more_work_is_counted_named_and_judged_again_from_the_evidence(bench):
    path = bench.scenario(text=SUMMING, name="summing.yaml")
    ran = bench.run("count", str(path), "--by", "callgrind", "--json", "out.json", "-o", "page.html", timeout=350)
    result = bench.json("out.json")
    rows = {row["request"]: row for row in result["comparisons"]}
    assert ran.code == 1, ran.out + ran.err  # more instructions for every request: regressed
    assert result["kind"] == "count"
    assert "REGRESSED" in ran.out
    assert rows["sum"]["verdict"] == "regressed"
    assert 0 < rows["sum"]["ci_low"] < rows["sum"]["change"] < rows["sum"]["ci_high"]
    assert rows["sum"]["change"] == pytest.approx(0.029, abs=0.008)  # 100 of 3,000 squares, without HTTP
    assert rows["nothing"]["verdict"] == "equivalent"
    assert abs(rows["nothing"]["change"]) < 0.005
    # Three of four requests add up squares, the others do next to nothing.
    one, two = (rows[name]["baseline"] for name in ("sum", "nothing"))
    assert rows["all"]["baseline"] == pytest.approx((3 * one + two) / 4, rel=1e-6)
    assert [(check["request"], check["broken"]) for check in result["budgets"]] == [("sum", False)]
    assert "misses and the processor's clock are not among them" in bench.details()
    assert "hash seed" in (bench.folder / "page.html").read_text()
    assert not bench.leftovers()
    shown = bench.run("show", "last", "--json", "-")
    assert json.loads(shown.out) == result
    for allowed, code in (("2%", 1), ("4%", 0)):
        policy = bench.folder / "policy.toml"
        policy.write_text(f'[[gate.rules]]\nmetric = "instructions_per_request"\nregression = "{allowed}"\n')
        gated = bench.run("gate", "last", "--policy", str(policy))
        assert gated.code == code, gated.out
    assert "instructions per request" in gated.out
    history = bench.run("history", "summing", "--metric", "instructions_per_request", "--request", "sum")
    assert history.code == 0, history.err


def test_a_compiled_service_has_its_injected_function_named_with_its_instructions(bench):
    for name, flags in (("before", []), ("after", ["-DINJECTED=3000"])):
        built = ["g++", "-O2", "-g", *flags, "-o", str(bench.folder / name), str(SERVICES / "rows.cpp")]
        subprocess.run(built, check=True, timeout=120)
    text = """\
name: compiled
service: {command: "./before {port}", health: /health}
arms: {baseline: {}, candidate: {command: "./after {port}"}}
requests: [{name: rows, get: /rows}]
count: {by: callgrind, starts: 2}
"""
    bench.run("count", str(bench.scenario(text=text)), "--json", "out.json", "-o", "page.html", timeout=350)
    result = bench.json("out.json")
    (cause,) = result["why"]["causes"]
    assert cause["lever"] == "hot path"
    mechanism = cause["mechanisms"][0]
    assert (mechanism["name"], mechanism["unit"]) == ("audit(std::string const&)", "instructions")
    assert mechanism["baseline"] == 0
    assert mechanism["candidate"] == pytest.approx(36_000, rel=0.3)  # 3000 rounds of a dozen instructions
    row = next(row for row in result["comparisons"] if row["request"] == "rows")
    assert row["candidate"] - row["baseline"] == pytest.approx(mechanism["candidate"], rel=0.02)
    changed = {each["function"]: each for each in result["why"]["profiles"][0]["functions"] if each["sure"]}
    assert set(changed) == {"audit(std::string const&)"}, "nothing else changed"
    assert "audit(std::string const&)" in bench.details()
    page = (bench.folder / "page.html").read_text()
    assert "Instructions per request by function" in page


@pytest.mark.quiet
def test_workers_that_a_server_forks_are_counted_and_identical_arms_differ_in_nothing(bench):
    text = """\
name: forking
service:
  command: "{python} -m gunicorn -w 2 -b 127.0.0.1:{port} --no-control-socket forking:app"
  directory: DIRECTORY
arms: {baseline: {}, candidate: {}}
requests: [{name: squares, get: /}]
count: {by: callgrind, starts: 3}
"""
    ran = bench.run("count", str(bench.scenario(text=text)), "--json", "out.json", timeout=350)
    result = bench.json("out.json")
    row = next(row for row in result["comparisons"] if row["request"] == "all")
    assert ran.code == 0, ran.out + ran.err
    assert row["verdict"] == "equivalent"
    assert abs(row["change"]) < 0.01
    assert row["baseline"] > 1e6  # the workers' work is in it: the parent only waits
    assert not bench.leftovers()


def test_a_service_that_dies_under_valgrind_loses_nothing_of_what_was_measured(bench):
    changes = (
        ('{N: "3100"}', '{REFUSE: "1"}'),
        ("goals: {latency_p50: 20%}\n", "rounds: {count: 2, warmup: 300ms, blocks: 4, block: 300ms}\nwhy: off\n"),
        ("count: {starts: 3}", "count: callgrind"),
    )
    path = bench.scenario(*changes, text=SUMMING, name="summing.yaml")
    ran = bench.run("ab", str(path), "--json", "out.json", timeout=200)
    result = bench.json("out.json")
    told = [text for text in result["comparability"]["warnings"] if "Instructions were not counted" in text]
    assert "did not get through being counted under Valgrind" in told[0]
    assert "this service does not run under Valgrind" in told[0]  # the last that it said
    assert {row["metric"] for row in result["comparisons"]} >= {"latency_p50", "cpu_per_request"}
    assert ran.code in (0, 1, 3), ran.err  # what the rounds said
    assert not bench.leftovers()


def test_without_valgrind_it_is_said_what_to_install(bench):
    bench.environ["PATH"] = str(Path(sys.executable).parent)
    assert shutil.which("valgrind", path=bench.environ["PATH"]) is None
    path = bench.scenario(text=SUMMING, name="summing.yaml")
    ran = bench.run("count", str(path), "--by", "callgrind", timeout=100)
    assert ran.code == 4
    assert "Valgrind is not installed: install your system's package valgrind" in ran.out
    assert not bench.leftovers()


@pytest.mark.parametrize(
    ("arguments", "demands", "expected"),
    [(("--count",), "", True), ((), "goals", True), (("--no-count",), "goals", False)],
)
def test_a_run_counts_where_it_is_asked_to_or_a_demand_names_it(bench, arguments, demands, expected):
    """Without Valgrind what was to be counted is told of at once; by the processor's counters it is counted."""
    bench.environ["PATH"] = str(Path(sys.executable).parent)
    text = SUMMING.replace("goals: {latency_p50: 20%}\n", "").replace("count: {starts: 3}\n", "")
    demand = "goals: {instructions_per_request: 2%}\n" if demands else ""
    begin = text.index("budgets:")
    text = text[:begin] + demand + "rounds: {count: 1, warmup: 100ms, blocks: 2, block: 200ms}\nwhy: off\n"
    ran = bench.run("ab", str(bench.scenario(text=text)), *arguments, "--json", "out.json", timeout=100)
    assert ran.code in (1, 3, 4), ran.err
    result = bench.json("out.json")
    told = any("Instructions were not counted" in each for each in result["comparability"]["warnings"])
    counted = [row for row in result["comparisons"] if row["metric"] == COUNTED and row["baseline"] is not None]
    assert (told or bool(counted)) is expected, (result["comparability"]["warnings"], counted)
