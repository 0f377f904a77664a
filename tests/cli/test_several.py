"""Three versions and more through the command line: measured in the same rounds, each judged against the first."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from perfproof.store.repository import Store

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

SEVERAL = """\
name: several
service:
  command: "{python} -m uvicorn tiny:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log"
  directory: DIRECTORY
  health: /health
  start_timeout: 20s
arms:
  main: {environment: {WORK_US: "3000"}}
  same: {environment: {WORK_US: "3000"}}
  fast: {environment: {WORK_US: "1000"}}
  slow: {environment: {WORK_US: "9000"}}
requests:
  - {name: item, get: "/items/{n}", values: {n: [1, 2, 3]}}
responses: {policy: warn, ignore: $.pid}
rounds: {count: 4, warmup: 200ms, warmup_requests: 5, pairs: 1500ms}
why: off
"""


@pytest.mark.quiet
def test_an_equal_a_faster_and_a_slower_version_each_get_their_verdict_and_the_best_is_named(bench):
    ran = bench.run("ab", str(bench.scenario(text=SEVERAL)), "--json", "out.json", "-o", "page.html", "-o", "page.md")
    assert ran.code == 1, ran.err + ran.out
    result = bench.json("out.json")
    assert result["arms"] == ["main", "same", "fast", "slow"]
    verdicts = dict(zip(result["arms"][1:], [each["verdict"] for each in result["candidates"]], strict=True))
    assert verdicts["same"] in ("equivalent", "inconclusive")
    assert (verdicts["fast"], verdicts["slow"]) == ("improved", "regressed")
    assert (result["verdict"], result["exit_code"]) == ("regressed", 1)
    rows = {(row["arm"], row["metric"], row["request"]): row for row in result["comparisons"]}
    for arm, change in (("same", 0.0), ("fast", -0.6), ("slow", 1.8)):
        row = rows[arm, "cpu_per_request", "all"]
        assert row["change"] == pytest.approx(change, abs=0.3), arm
        assert row["confidence"] == pytest.approx(1 - 0.02 / 3)
    assert result["ranking"]["best"] == ["fast"]
    assert "✗ REGRESSED: SLOW" in ran.out
    assert "Best by p50 latency: fast (" in ran.out
    assert len(ran.out.splitlines()) <= 24
    (run,) = bench.runs
    for folder in sorted((run / "rounds").iterdir()):
        samples = pq.read_table(folder / "samples.parquet").to_pydict()
        order = np.argsort(samples["sent_ns"])
        arms = np.array(samples["arm"])[order].reshape(-1, 4)
        assert (np.sort(arms, axis=1) == range(4)).all(), "every request goes to all of them before the next"
        assert len({tuple(each) for each in arms.tolist()}) == 4, "in balanced orders"
        assert {each.name for each in folder.glob("*.log")} == {"main.log", "same.log", "fast.log", "slow.log"}

    # The same run by everything that looks at it later.
    again = bench.run("show", "last", "--json", "again.json")
    assert again.code == 0
    assert bench.json("again.json")["candidates"] == result["candidates"]
    one = bench.run("show", "last", "--arm", "fast", "--json", "one.json")
    assert one.code == 0, one.err
    assert "+ IMPROVED" in one.out
    assert "next: perfproof report last --arm fast -o report.pdf" in one.out
    assert bench.json("one.json")["arms"] == ["main", "fast"]
    refused = bench.run("show", "last", "--arm", "fats")
    assert refused.code == 2
    assert "it has: same, fast, slow" in refused.err
    for kind in ("csv", "parquet", "xml", "hlog", "html", "md"):
        assert bench.run("report", "last", "-o", f"all.{kind}").code == 0, kind
    refused = bench.run("report", "last", "-o", "slide.pdf")
    assert refused.code == 2
    assert "has room for one candidate" in refused.err
    assert bench.run("report", "last", "--arm", "fast", "-o", "slide.pdf").code == 0
    gate = bench.run("gate", "last", "--format", "json", "--format", "junit", "--format", "gitlab")
    assert gate.code == 1, gate.err
    assert "slow fails" in gate.out
    assert {each["arm"] for each in bench.json("perfproof-gate/gate.json")["checks"]} == {"same", "fast", "slow"}
    refused = bench.run("history", "several")
    assert refused.code == 2
    assert "--arm slow (there are fast, main, same, slow)" in refused.err
    followed = bench.run("history", "several", "--arm", "fast")
    assert followed.code == 0, followed.err
    listed = bench.run("list")
    assert listed.code == 0
    assert "regressed" in listed.out
    with Store.open(f"sqlite:///{bench.folder}/results/perfproof.db") as store:
        assert {row.arm for row in store.comparisons(run.name)} == {"same", "fast", "slow"}
    (bench.folder / "results" / "perfproof.db").unlink()
    assert bench.run("list").code == 0
    with Store.open(f"sqlite:///{bench.folder}/results/perfproof.db") as store:
        assert {row.arm for row in store.comparisons(run.name)} == {"same", "fast", "slow"}, "from result.json"
    bench.run("run", "tiny.yaml", "--arm", "main", "--rounds", "1")
    refused = bench.run("compare", run.name, "last")
    assert refused.code == 2
    assert "has 4 versions: which of them to compare is not said" in refused.err
    assert not bench.leftovers()


SHELVES = """\
name: shelves
service:
  command: "{python} -m uvicorn shelf:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log"
  directory: DIRECTORY
  start_timeout: 20s
  database: sqlite
arms:
  lazy: {environment: {LAZY: "1"}}
  eager: {environment: {LAZY: "0"}}
  still-lazy: {environment: {LAZY: "1"}}
feeds: {words: words.csv}
requests:
  - {name: books, get: "/books?limit={limit}", values: {limit: [10]}, scale: {parameter: limit, sizes: [1, 10, 50]}}
  - name: reading
    steps:
      - {name: first, get: "/books?word={words.word}&limit=3"}
      - {name: then, get: "/books?limit=2"}
goals: {queries_per_request: {improve: 50%, requests: [books]}}
rounds: {count: 2, warmup: 200ms, warmup_requests: 5, pairs: 800ms}
why: {profile: off}
"""


@pytest.mark.quiet
def test_probes_flows_feeds_and_goals_hold_for_each_candidate(bench):
    (bench.folder / "words.csv").write_text("word\none\ntwo\nthree\n")
    ran = bench.run("ab", str(bench.scenario(text=SHELVES)), "--json", "out.json", "-o", "page.html")
    assert ran.code in (1, 4), ran.err + ran.out
    result = bench.json("out.json")
    eager, lazy = result["candidates"]
    for part, counts, verdict in ((eager, (11, 1), "met"), (lazy, (11, 11), "equivalent")):
        rows = {(row["metric"], row["request"]): row for row in part["comparisons"]}
        queries = rows["queries_per_request", "books"]
        assert (queries["baseline"], queries["candidate"]) == counts
        if ran.code == 1:
            assert queries["verdict"] in (verdict, "short")
        assert {"first", "then"} <= {row["request"] for row in part["comparisons"]}
        assert part["why"] is not None, "causes were looked for on every version"
    assert [each["kind"] for each in eager["findings"]].count("n_plus_one") == 1
    assert any(each["kind"] == "n_plus_one" for each in lazy["findings"])
    assert set(eager["queries"][0]["arms"]) == {"lazy", "eager"}
    assert set(lazy["queries"][0]["arms"]) == {"lazy", "still-lazy"}
    assert not bench.leftovers()


def test_an_interrupted_run_of_three_goes_on_and_compares_all_of_them(bench):
    bench.without_load()
    fewer = ('  same: {environment: {WORK_US: "3000"}}\n', "")
    short = ("pairs: 1500ms", "pairs: 200ms")
    path = bench.scenario(("count: 4", "count: 3, early_stop: false"), short, fewer, text=SEVERAL)
    process = bench.start("ab", "-v", str(path))
    bench.until(process, "round 2 of 3")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    blocks = json.loads((bench.runs[-1] / "rounds" / "001" / "round.json").read_text())["blocks"]
    ahead = max(block["ended_ns"] for block in blocks) - time.monotonic_ns()
    time.sleep(max(0.0, ahead / 1e9))  # the clock of this engine runs ahead, and no run ends in the future
    shown = bench.run("show", "last", "--json", "part.json")
    assert shown.code == 0, shown.err
    assert [len(each["arms"]) for each in bench.json("part.json")["candidates"]] == [2, 2]
    bench.catch_up()
    ran = bench.run("resume", "--json", "out.json")
    assert ran.code == 1, ran.err + ran.out
    result = bench.json("out.json")
    assert (result["rounds"], result["arms"]) == (3, ["main", "fast", "slow"])
    assert [each["verdict"] for each in result["candidates"]] == ["improved", "regressed"]
    assert "resumed after round 1" in " ".join(result["comparability"]["warnings"])
    info = json.loads((bench.runs[-1] / "run.json").read_text())
    assert (info["status"], info["rules"]["candidates"]) == ("complete", 2)
    assert not bench.leftovers()


@pytest.mark.quiet
def test_under_load_the_versions_take_turns_in_blocks_of_balanced_order(bench):
    load = ("responses:", "load: {rate: 60/s}\nresponses:")
    blocks = ("warmup_requests: 5, pairs: 1500ms", "warmup_requests: 5, blocks: 6, block: 200ms")
    fewer = ('  same: {environment: {WORK_US: "3000"}}\n', "")
    path = bench.scenario(load, blocks, fewer, ("count: 4", "count: 2"), text=SEVERAL)
    ran = bench.run("ab", str(path), "--json", "out.json")
    assert ran.code in (0, 1, 3, 4), ran.err + ran.out
    (run,) = bench.runs
    for number in ("001", "002"):
        blocks_of = json.loads((run / "rounds" / number / "round.json").read_text())["blocks"]
        orders = [tuple(each["arm"] for each in blocks_of if each["pair"] == pair) for pair in range(6)]
        assert sorted(orders) == [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    assert len(bench.json("out.json")["candidates"]) == 2


def test_three_refs_of_a_repository_become_three_versions_and_what_has_room_for_two_says_so(bench):
    bench.without_load()

    def git(*arguments: str) -> None:
        given = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", *given, *arguments], cwd=bench.folder, check=True, capture_output=True)

    source = (Path(bench.services) / "tiny.py").read_text()
    git("init", "-q", "-b", "main", ".")
    (bench.folder / "app").mkdir()
    for branch, work in (("main", "2000"), ("fix/a", "1000"), ("fix/b", "500")):
        if branch != "main":
            git("checkout", "-q", "-b", branch)
        (bench.folder / "app" / "tiny.py").write_text(source.replace('"WORK_US", "500"', f'"WORK_US", "{work}"'))
        git("add", "app")
        git("commit", "-q", "-m", branch)
    arms = SEVERAL[SEVERAL.index("arms:") : SEVERAL.index("requests:")]
    path = bench.scenario((arms, ""), ("DIRECTORY", "app"), ("count: 4", "count: 2"), text=SEVERAL)
    bench.environ["XDG_CACHE_HOME"] = str(bench.folder / "cache")
    refs = ("--baseline-ref", "main", "--candidate-ref", "fix/a", "--candidate-ref", "fix/b")
    ran = bench.run("ab", str(path), *refs, "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    result = bench.json("out.json")
    assert result["arms"] == ["baseline", "fix-a", "fix-b"]
    assert [each["verdict"] for each in result["candidates"]] == ["improved", "improved"]
    info = json.loads((bench.runs[-1] / "run.json").read_text())
    assert [each["ref"] for each in info["arm_details"]] == ["main", "fix/a", "fix/b"]
    assert len({each["commit"] for each in info["arm_details"]}) == 3
    git("checkout", "-q", "main")
    git("commit", "-q", "--allow-empty", "-m", "later")
    ran = bench.run("ab", str(path), *refs, "--json", "later.json")
    lacking = "The baseline holds 1 commit that the candidate lacks: part of the difference may be theirs. "
    doubts = bench.json("later.json")["candidates"][1]["comparability"]["warnings"]
    assert f"{lacking}`--baseline-ref main...` takes the commit where they parted." in doubts

    searched = ("why: off", "capacity: {budgets: {latency_p95: 100ms}}\nwhy: off")
    named = bench.scenario(searched, text=SEVERAL, name="named.yaml")
    for command, told in (
        (("ab", str(named), *refs), "the scenario has 4 versions, and refs are given for 3"),
        (("capacity", str(named)), "`capacity` searches on one or two"),
        (("probe", str(named)), "a probe alone holds two against each other"),
        (("gate", str(named), "--baseline", "usual"), "one is compared with a stored run"),
        (("run", str(named), "--arm", "fats"), "it has: main, same, fast, slow"),
    ):
        refused = bench.run(*command)
        assert refused.code == 2, (command, refused.out, refused.err)
        assert told in refused.err
        assert "fix:" in refused.err
    assert len(bench.runs) == 2, "nothing was measured"
    assert not bench.leftovers()
