"""The pass that looks for causes, as a user meets it: after the rounds, and never in the way of the verdict."""

import gzip
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.server
SERVICES = Path(__file__).parents[1] / "services"
WHY = ("why: off", "why: {levers: false, seconds: 1600ms}")


def causes(run):
    return json.loads(gzip.decompress((run / "causes.json.gz").read_bytes()))


def test_ab_profiles_both_arms_after_its_rounds(bench):
    path = bench.scenario(WHY, ("blocks: 4", "blocks: 2"), ("warmup: 300ms", "warmup: 200ms"), uvicorn=True)
    ran = bench.run("ab", str(path), "--quiet", "--rounds", "1")
    assert ran.code in (3, 4), ran.err  # one round has no interval, and a busy machine voids it
    (run,) = (bench.folder / "results").glob("*-tiny-*")
    text = json.dumps(causes(run))
    assert '"agent"' in text
    assert '"burn"' in text
    assert str(bench.folder) not in text  # names of modules and functions, no paths
    out = bench.folder / "x.speedscope.json"
    assert bench.run("report", "last", "-o", str(out)).code == 0
    assert len(json.loads(out.read_text())["profiles"]) == 2


def test_no_why_looks_at_nothing(bench):
    bench.without_load()
    ran = bench.run("ab", str(bench.scenario(WHY, uvicorn=True)), "--quiet", "--no-why", "--rounds", "1")
    assert ran.code == 3, ran.err  # one round of each cannot tell
    (run,) = (bench.folder / "results").glob("*-tiny-*")
    assert not (run / "causes.json.gz").exists()
    told = bench.run("report", "last", "-o", "x.folded")
    assert told.code == 2
    assert "has no profile" in told.err


def test_check_says_what_will_be_looked_at(bench):
    said = bench.run("check", str(bench.scenario(("why: off", "why: {profile: py-spy, seconds: 4s}")))).out
    assert "then the causes: levers and a profile by py-spy of 4 s an arm, every 1 ms" in said
    assert "causes are not looked for" in bench.run("check", str(bench.scenario(name="off.yaml"))).out


def test_ctrl_c_during_the_pass_keeps_the_verdict_and_leaves_nothing_behind(bench):
    slow = ("why: off", "why: {levers: false, seconds: 60s}")
    process = bench.start(
        "ab", str(bench.scenario(slow, ("blocks: 4", "blocks: 2"), uvicorn=True)), "-v", "--rounds", "1"
    )
    bench.until(process, "profiling with agent: slice 1")
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "p50" in out
    assert not bench.leftovers()
    (run,) = (bench.folder / "results").glob("*-tiny-*")
    assert json.loads((run / "run.json").read_text())["status"] == "interrupted" or "interrupted" in err


def test_responses_that_the_kernel_holds_back_are_told_and_named_as_the_cause(bench):
    file = bench.folder / "packets.yaml"
    file.write_text(
        f"""\
name: packets
service: {{command: "{sys.executable} {SERVICES / "packets.py"} {{port}} $MODE", shell: true, health: /}}
arms:
  baseline: {{environment: {{MODE: nagle}}}}
  candidate: {{environment: {{MODE: nodelay}}}}
rounds: {{count: 2, warmup: 200ms, warmup_requests: 5, pairs: 1s, early_stop: false}}
why: {{profile: off}}
requests: [{{name: rows, get: /rows}}]
""",
    )
    ran = bench.run("ab", str(file), "--quiet", "--json", "out.json")
    rows = {(row["metric"], row["request"]): row for row in bench.json("out.json")["comparisons"]}
    # A generator that had to wait for the tests beside this one voids the verdict, not what was seen.
    assert rows["latency_p50", "rows"]["change"] < -0.9, ran.out
    assert rows["latency_p50", "rows"]["ci_high"] < -0.8
    assert re.search(r"p50 rows .* −9\d\.\d % typ\.", ran.out)
    details = " ".join(bench.run("show", "last", "--findings").out.split())
    assert "of responses of baseline ended 40 ms after their first byte (rows)" in details
    assert "of responses of candidate" not in details
    assert "Why: Held responses on rows, −4" in details
