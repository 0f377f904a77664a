"""Counting instructions: real services under Valgrind, from the command line to the report.

What is marked ``quiet`` counts at full length; what else is told of a count is the same after tenths of a second.
"""

from __future__ import annotations

import errno
import json
import platform
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from browsing import wanted
from go_programs import built
from short_counts import short_counts

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
    (told,) = json.loads(bench_history(bench, "summing"))["trends"]
    (stretch,) = told["stretches"]
    assert stretch["counted_on"]["compiler or interpreter"] == f"Python {platform.python_version()}"
    assert stretch["counted_on"]["instructions counted by"] == "Valgrind's callgrind"
    assert stretch["counted_on"]["CPU features"] != "not known"


def bench_history(bench, scenario):
    """Return the history of the metric as JSON, from a store that is made anew of the run directories."""
    (bench.folder / "results" / "perfproof.db").unlink()
    done = bench.run("history", scenario, "--metric", COUNTED, "-o", "history.json")
    assert done.code == 0, done.err
    return (bench.folder / "history.json").read_text()


def test_a_compiled_service_has_its_injected_function_named_with_its_instructions(bench):
    build(bench, "before")
    build(bench, "after", "-DINJECTED=3000")
    text = """\
name: compiled
service: {command: "./before {port}", health: /health}
arms: {baseline: {}, candidate: {command: "./after {port}"}}
requests: [{name: rows, get: /rows}]
count: {by: callgrind, starts: 2}
"""
    ran = short_counts(bench).run(
        "count", str(bench.scenario(text=text)), "--json", "out.json", "-o", "page.html", timeout=350
    )
    assert ran.code == 1, ran.out + ran.err
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


def test_a_rust_service_has_its_injected_function_named_as_its_author_knows_it(bench):
    if shutil.which("rustc") is None:
        wanted("rustc")
    for name, flags in (("before", []), ("after", ["--cfg", "injected"])):
        line = ["rustc", "-O", "-g", *flags, "--crate-name", "rows", "-o", str(bench.folder / name)]
        subprocess.run([*line, str(SERVICES / "rows.rs")], check=True, timeout=120)
    text = ROWS.replace("./rows", "./before").replace("candidate: {}", 'candidate: {command: "./after {port}"}')
    ran = short_counts(bench).run("count", str(bench.scenario(text=text)), "--json", "out.json", timeout=350)
    assert ran.code == 1, ran.out + ran.err
    result = bench.json("out.json")
    (cause,) = result["why"]["causes"]
    mechanism = cause["mechanisms"][0]
    assert (mechanism["name"], mechanism["unit"]) == ("rows::audit", "instructions")
    row = next(row for row in result["comparisons"] if row["request"] == "rows")
    assert row["candidate"] - row["baseline"] == pytest.approx(mechanism["candidate"], rel=0.05)
    assert facts(result)["compiler or interpreter"].startswith("rustc ")
    assert not (bench.runs[-1] / "load.log").exists(), "none but those that count were started"
    assert not left(bench)


@pytest.mark.parametrize("mode", ["exe", "pie"])
def test_a_go_service_without_symbols_has_its_injected_function_named(bench, mode):
    for name, link in (("before", "-s -w"), ("after", "-s -w -X main.injected=yes")):
        shutil.copy(built("rows.go", mode, link), bench.folder / name)
    text = ROWS.replace("./rows", "./before").replace("candidate: {}", 'candidate: {command: "./after {port}"}')
    # More processors of Go than one look for work in vain while there is none, as often as time allows: by that alone
    # two starts differ by some percent, and of two nothing that is decided may depend on it.
    text = text.replace("health: /health", 'health: /health, environment: {GOMAXPROCS: "1"}')
    ran = short_counts(bench).run("count", str(bench.scenario(text=text)), "--json", "out.json", timeout=350)
    assert ran.code == 1, ran.out + ran.err
    result = bench.json("out.json")
    assert "without a name" not in json.dumps(result)
    mechanism = result["why"]["causes"][0]["mechanisms"][0]
    assert (mechanism["name"], mechanism["unit"]) == ("main.(*ledger).audit", "instructions")
    assert mechanism["candidate"] > 36_000
    assert "main.(*ledger).audit" in bench.details()
    assert not left(bench)


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


REFUSING = """\
#!/bin/sh
case "$LD_PRELOAD" in *vgpreload*) echo "this service does not run under Valgrind" >&2; exit 1;; esac
exec ./rows "$@"
"""


def test_a_service_that_dies_under_valgrind_loses_nothing_of_what_was_measured(bench):
    build(bench)
    refusing = bench.folder / "refusing"
    refusing.write_text(REFUSING)
    refusing.chmod(0o755)
    changes = (
        ("candidate: {}", 'candidate: {command: "./refusing {port}"}'),
        ("count: {by: callgrind, starts: 2}\n", "count: callgrind\nwhy: off\n"),
    )
    more = "rounds: {count: 2, warmup: 300ms, blocks: 4, block: 300ms}\n"
    more += "budgets: {instructions_per_request: {limit: 10M, requests: [rows]}}\n"
    path = bench.scenario(*changes, text=ROWS + more)
    ran = short_counts(bench, load=False).run("ab", str(path), "--json", "out.json", timeout=200)
    result = bench.json("out.json")
    told = [text for text in result["comparability"]["warnings"] if "Instructions were not counted" in text]
    assert "did not get through being counted under Valgrind" in told[0]
    assert "this service does not run under Valgrind" in told[0]  # the last that it said
    assert {row["metric"] for row in result["comparisons"]} >= {"latency_p50", "cpu_per_request"}
    assert ran.code == 3, ran.out + ran.err  # the budget is open, whatever the rounds said
    assert not bench.leftovers()


def test_without_valgrind_it_is_said_what_to_install(bench):
    bench.environ["PATH"] = str(Path(sys.executable).parent)
    assert shutil.which("valgrind", path=bench.environ["PATH"]) is None
    path = bench.scenario(text=SUMMING, name="summing.yaml")
    ran = bench.without_load().run("count", str(path), "--by", "callgrind", timeout=100)
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
    short_counts(bench, load=False)
    ran = bench.run("ab", str(bench.scenario(text=text)), *arguments, "--json", "out.json", timeout=100)
    assert ran.code in (1, 3), ran.out + ran.err  # of a single round nothing is sure, of what is counted much
    result = bench.json("out.json")
    told = any("Instructions were not counted" in each for each in result["comparability"]["warnings"])
    counted = [row for row in result["comparisons"] if row["metric"] == COUNTED and row["baseline"] is not None]
    assert (told or bool(counted)) is expected, (result["comparability"]["warnings"], counted)


ROWS = """\
name: rows
service: {command: "./rows {port}", health: /health}
arms: {baseline: {}, candidate: {}}
requests: [{name: rows, get: /rows}]
count: {by: callgrind, starts: 2}
"""


@cache
def binary(*flags):
    """Return a folder that goes when the interpreter does, with the service in it: built once with the same flags."""
    folder = TemporaryDirectory()
    built = ["g++", "-O2", "-g", *flags, "-o", f"{folder.name}/rows", str(SERVICES / "rows.cpp")]
    subprocess.run(built, check=True, timeout=120)
    return folder


def build(bench, name="rows", *flags):
    shutil.copy(f"{binary(*flags).name}/rows", bench.folder / name)


def left(bench):
    """Return files of Valgrind that are still there, and processes."""
    made = [path for path in bench.folder.rglob("*") if re.match(r"out\.\d|vgdb|vgcore", path.name)]
    return [*made, *bench.leftovers()]


def facts(result):
    return {fact["name"]: fact["candidate"] for fact in result["comparability"]["facts"]}


@pytest.mark.parametrize("named", [True, False])
def test_a_gate_counts_by_itself_where_its_policy_names_the_metric_and_not_otherwise(bench, named):
    build(bench, "rows")
    build(bench, "after", "-DINJECTED=3000")
    rule, allowed = (COUNTED, "1%") if named else ("memory_peak", "20%")
    (bench.folder / "perfproof.toml").write_text(f'[[gate.rules]]\nmetric = "{rule}"\nregression = "{allowed}"\n')
    text = ROWS.replace("by: callgrind, ", "").replace("candidate: {}", 'candidate: {command: "./after {port}"}')
    text += "rounds: {count: 1, warmup: 100ms, blocks: 2, block: 200ms}\nwhy: off\n"
    short_counts(bench, load=False)
    ran = bench.run("gate", str(bench.scenario(text=text)), "--json", "gate.json", timeout=200)
    gate = bench.json("gate.json")
    counted = {row["request"]: row for row in gate["result"]["comparisons"] if row["metric"] == COUNTED}
    (run,) = bench.runs
    assert (run / "instructions.json.gz").is_file() is named
    if named:
        assert ran.code == 1, ran.out + ran.err
        assert counted["all"]["verdict"] == "regressed"
        assert counted["rows"]["change"] > 0.02
        assert "instructions per request" in ran.out
    else:
        assert counted == {}
        assert "nstructions" not in ran.out + ran.err
    assert not left(bench)


RULE = ("kernel.perf_event_paranoid is", "sudo sysctl kernel.perf_event_paranoid=2", "--cap-add PERFMON")


@pytest.mark.parametrize(
    ("answer", "arguments", "said"),
    [
        (errno.EACCES, ("--by", "counters"), ("the kernel does not lend the processor's counters", *RULE)),
        (errno.EPERM, (), ("the kernel does not lend the processor's counters, and valgrind is not installed",)),
    ],
    ids=["by counters", "nor is there Valgrind"],
)
def test_counters_that_the_kernel_forbids_are_told_with_what_to_set(bench, answer, arguments, said):
    """The kernel's answer is stood in for in perfproof's own process; what it then says and does is real."""
    library = bench.folder / "forbidding.so"
    built = ["gcc", "-shared", "-fPIC", "-o", str(library), str(SERVICES / "forbidding.c"), "-ldl"]
    subprocess.run(built, check=True, timeout=60)
    bench.environ |= {"LD_PRELOAD": str(library), "FORBID_WITH": str(answer)}
    if not arguments:
        bench.environ["PATH"] = str(Path(sys.executable).parent)  # no Valgrind either: both are told
    ran = bench.run("count", str(bench.scenario(text=SUMMING, name="summing.yaml")), *arguments, timeout=100)
    told = " ".join(ran.out.split())
    assert ran.code == 4, ran.out + ran.err
    for each in said:
        assert each in told
    assert not left(bench)


@pytest.mark.parametrize("doing", ["", "reexec"])
def test_a_static_binary_and_one_that_executes_itself_again_are_counted(bench, doing):
    build(bench, "rows", *(["-static"] if not doing else []))
    text = ROWS.replace("health: /health", f'health: /health, environment: {{ROWS_DO: "{doing}"}}')
    ran = short_counts(bench).run("count", str(bench.scenario(text=text)), "--json", "out.json", timeout=200)
    result = bench.json("out.json")
    row = next(row for row in result["comparisons"] if row["request"] == "rows")
    assert ran.code == 0, ran.out + ran.err
    assert row["verdict"] == "equivalent"
    assert row["baseline"] > 20_000  # 60 checksums of some 300 characters
    maker = facts(result)["compiler or interpreter"]
    assert maker.startswith("GCC ")
    assert maker.endswith(", static") == (not doing)
    assert not left(bench)


def test_children_that_are_forked_are_counted_with_a_doubt_and_programs_that_are_executed_are_told(bench):
    build(bench)
    doing = "{plain: {}, forking: {environment: {ROWS_DO: fork}}, executing: {environment: {ROWS_DO: exec}}}"
    path = str(bench.scenario(text=ROWS.replace("{baseline: {}, candidate: {}}", doing)))
    ran = short_counts(bench).run("count", path, "--json", "out.json", timeout=200)
    assert ran.code == 1, ran.out + ran.err  # forking is more work
    result = bench.json("out.json")
    levels = {level["arm"]: level["value"] for level in result["levels"] if level["request"] == "rows"}
    # The child's work is counted, and part of its parent's once more.
    assert levels["plain"] < levels["forking"], levels
    assert levels["plain"] < levels["executing"] < 1.5 * levels["plain"], levels  # forking is; what is executed is not
    executed, forked = result["comparability"]["warnings"][:2]
    assert "Requests to executing execute other programs" in executed
    assert "under callgrind these are not counted" in executed
    assert "forking forks processes while it is asked" in forked
    told = " ".join(result["comparability"]["warnings"])
    assert (told.count("execute other programs"), told.count("forks processes")) == (1, 1), told  # of no other
    assert not left(bench)


def test_a_service_that_dies_while_it_is_counted_is_told_with_its_last_line(bench):
    build(bench)
    text = ROWS.replace("health: /health", 'health: /health, environment: {ROWS_DO: "die"}')
    ran = short_counts(bench).run("count", str(bench.scenario(text=text)), timeout=200)
    said = " ".join(ran.out.split())
    assert ran.code == 4, ran.out + ran.err
    assert "did not get through being counted under Valgrind" in said
    assert "out of luck" in said
    assert "valgrind --tool=callgrind" in said
    assert not left(bench)
