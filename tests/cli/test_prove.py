"""``perfproof prove`` from the command line to the report: every claim measured in one go, with a line for each."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
import yaml

import checks_corpus as corpus
from perfproof.dashboard.views import trends_page
from perfproof.store.repository import Store
from serving import served

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

SHOP = """\
name: shop
service:
  directory: SHOPS
  prepare: "{python} seed.py FOLDER/shop-{arm}.db"
  reset: "{python} seed.py FOLDER/shop-{arm}.db"
  health: /health
arms:
  baseline: {command: "{python} shop_stdlib.py {port} FOLDER/shop-baseline.db BEFORE"}
  candidate: {command: "{python} shop_stdlib.py {port} FOLDER/shop-candidate.db AFTER"}
requests:
  - {name: products, get: /products}
  - {name: orders, get: /orders, headers: {Authorization: "Bearer let-me-in"}}
rounds: {count: 4, warmup: 200ms, pairs: 300ms}
why: off
"""
CLAIMS = """\
claims:
  - {claim: Errors have one format, metric: error_shape, target: 100%}
  - {claim: Errors are told to people, metric: error_messages, target: 100%}
"""
TINY_CLAIMS = """\
claims:
  - {claim: Items come 20–30 % faster, metric: latency_p50, target: 20-30%}
  - {claim: No item takes longer than half a second, metric: latency_p95, target: 500ms}
  - {claim: The code is 10 % smaller, metric: lines_of_code, target: 10%}
checks: {build: {lines_of_code: {run: "{python} -c 'import os; print(os.environ[\\"LINES\\"])'", match: '(\\d+)'}}}
"""


def shop(bench, before="", after="", more=CLAIMS):
    text = SHOP.replace("SHOPS", str(corpus.SHOPS)).replace("FOLDER", str(bench.folder))
    return str(bench.scenario(text=text.replace("BEFORE", before).replace("AFTER", after) + more, name="shop.yaml"))


def tiny(bench, before="3000", after="1000", lines=(100, 80), more=TINY_CLAIMS):
    path = bench.scenario(
        bench.quick,
        ('{WORK_US: "3000"}', f'{{WORK_US: "{before}", LINES: "{lines[0]}"}}'),
        ('{WORK_US: "1000"}', f'{{WORK_US: "{after}", LINES: "{lines[1]}"}}'),
        ("count: 2,", "count: 4,"),
    )
    path.write_text(path.read_text() + more)
    return str(path)


def states(result):
    return {each["claim"]: each["state"] for each in result["claims"]}


def test_claims_about_rounds_and_builds_are_proven_in_one_run_that_every_command_knows(bench):
    path = tiny(bench.without_load())
    ran = bench.run("prove", path, "--json", "out.json", "-o", "a.html", "-o", "a.md", "-o", "a.xml", "-o", "a.pdf")
    assert ran.code == 0, ran.out + ran.err
    assert "PROVEN" in ran.out
    assert "All 3 claims proven." in ran.out
    assert re.search(r"✓ The code is 10 % smaller +100 → 80 +counted +proven", ran.out)
    result = bench.json("out.json")
    assert set(states(result).values()) == {"proven"}
    assert [each["measured_by"] for each in result["claims"]] == ["rounds", "rounds", "build"]
    assert (result["kind"], result["verdict"], result["exit_code"]) == ("ab", "met", 0)
    assert json.loads(bench.run("show", "last", "--json", "-").out)["claims"] == result["claims"]
    assert "All 3 claims proven" in bench.run("list").out
    assert "asked: 20–30 % shorter; by timed rounds" in bench.details()
    for page in ("a.html", "a.md", "a.xml"):
        text = (bench.folder / page).read_text().replace("\N{NO-BREAK SPACE}", " ")
        assert "The code is 10 % smaller" in text
    gate = bench.run("gate", "last", "--format", "github", "--format", "gitlab", "--out", "ci", "--json", "gate.json")
    assert gate.code == 0, gate.out + gate.err
    assert [row.get("claim") for row in bench.json("gate.json")["checks"]][:3] == list(states(result))
    cases = [case.get("name") for case in ElementTree.parse(bench.folder / "ci/junit.xml").iter("testcase")]
    assert cases[:3] == list(states(result))
    assert "Items come 20–30 % faster" in (bench.folder / "ci/comment.md").read_text()
    assert not bench.leftovers()


def test_a_refuted_claim_fails_an_open_one_is_not_decided_and_both_are_named(bench):
    path = tiny(bench.without_load(), after="2900", lines=(100, 95))
    ran = bench.run("prove", path, "--json", "out.json")
    assert ran.code == 1, ran.out + ran.err
    assert states(bench.json("out.json")) == {
        "Items come 20–30 % faster": "refuted",
        "No item takes longer than half a second": "proven",
        "The code is 10 % smaller": "refuted",
    }
    assert "1 of 3 claims proven; refuted: “Items come 20–30 % faster” (p50 latency" in ran.out
    gate = bench.run("gate", "last")
    assert gate.code == 1
    assert "✗ Items come 20–30 % faster: refuted" in gate.out
    silent = tiny(bench, more=TINY_CLAIMS.replace("'(\\d+)'", "'nothing (\\d+)'"))
    ran = bench.run("prove", silent, "--json", "out.json")
    assert ran.code == 3, ran.out + ran.err
    found = bench.json("out.json")["claims"]
    assert [each["state"] for each in found] == ["proven", "proven", "open"]
    assert found[2]["why"]
    assert "open: “The code is 10 % smaller”" in ran.out


def test_claims_about_checks_alone_need_no_rounds_and_end_as_soon_as_they_are_made(bench):
    ran = bench.run("prove", shop(bench, before="html_not_found stack_trace"), "--json", "out.json")
    assert ran.code == 0, ran.out + ran.err
    result = bench.json("out.json")
    assert (result["kind"], result["rounds"]) == ("checks", 0)
    assert set(states(result).values()) == {"proven"}
    back = bench.run("prove", shop(bench, after="html_not_found stack_trace"), "--json", "out.json")
    assert back.code == 1, back.out + back.err
    assert set(states(bench.json("out.json")).values()) == {"refuted"}
    alone = bench.run("checks", shop(bench), "--arm", "candidate", "--json", "out.json")
    assert alone.code == 0, alone.out + alone.err
    assert set(states(bench.json("out.json")).values()) == {"proven"}
    other = bench.run("checks", shop(bench), "--check", "contract", "--json", "out.json")
    assert other.code == 0, other.out + other.err
    assert "claims" not in bench.json("out.json"), "they are about a check that was not asked for"


def test_what_nobody_claimed_and_got_worse_fails_and_is_told(bench):
    more = TINY_CLAIMS.replace("latency_p50, target: 20-30%", "latency_p50, target: 900ms").splitlines(keepends=True)
    path = tiny(bench.without_load(), before="1000", after="3000", more="".join(more[:3]))
    ran = bench.run("prove", path, "--json", "out.json")
    assert ran.code == 1, ran.out + ran.err
    assert set(states(bench.json("out.json")).values()) == {"proven"}
    assert "NOT PASSED" in ran.out
    assert "not claimed, but worse: p50 latency" in ran.out


def test_without_claims_or_with_one_version_it_says_what_to_add(bench):
    path = bench.scenario()
    ran = bench.run("prove", str(path))
    assert ran.code == 2
    assert "the scenario claims nothing" in ran.err
    assert "add e.g. claims: [{claim:" in ran.err
    alone = path.read_text()
    path.write_text(alone[: alone.index("arms:")] + alone[alone.index("requests:") :] + TINY_CLAIMS)
    ran = bench.run("prove", str(path))
    assert ran.code == 2
    assert "--baseline-ref main" in ran.err


def test_check_and_dry_run_say_what_decides_each_claim_and_what_is_wrong_with_one(bench):
    path = tiny(bench)
    for ran in (bench.run("check", path), bench.run("prove", path, "--dry-run")):
        assert ran.code == 0, ran.err
        assert "3 claims:" in ran.out
        assert "Items come 20–30 % faster: p50 latency 20–30 % shorter, by timed rounds" in ran.out
        assert "The code is 10 % smaller: lines of code 10 % less, by build check" in ran.out
    wrong = tiny(bench, more=TINY_CLAIMS.replace("lines_of_code, target: 10%", "lines_of_cod, target: 10%"))
    for command in ("check", "prove"):
        ran = bench.run(command, wrong)
        assert ran.code == 2
        line = (
            Path(wrong)
            .read_text()
            .splitlines()
            .index(next(x for x in Path(wrong).read_text().splitlines() if "lines_of_cod," in x))
            + 1
        )
        assert f"tiny.yaml:{line}:" in ran.err
        assert "`lines_of_cod` is not a metric (did you mean lines_of_code?)" in ran.err


def test_ab_judges_claims_too_and_run_those_with_a_limit(bench):
    path = tiny(bench.without_load())
    ran = bench.run("ab", path, "--json", "out.json")
    assert ran.code == 0, ran.out + ran.err
    assert set(states(bench.json("out.json")).values()) == {"proven"}
    for arm in ("baseline", "candidate"):
        ran = bench.run("run", path, "--arm", arm, "--label", arm, "--json", "run.json")
        assert ran.code == 0, ran.out + ran.err
        assert states(bench.json("run.json")) == {"No item takes longer than half a second": "proven"}
    ran = bench.run("compare", "baseline", "candidate", "--json", "two.json")
    assert ran.code == 0, ran.out + ran.err
    assert len(states(bench.json("two.json"))) == 3


def test_rounds_end_early_once_their_claims_are_decided_and_checks_come_first_where_time_is_given(bench):
    path = tiny(bench.without_load())
    text = Path(path).read_text()
    Path(path).write_text(text.replace("count: 4,", "count: 12,"))
    ran = bench.run("prove", path, "--json", "out.json")
    assert ran.code == 0, ran.out + ran.err
    assert bench.json("out.json")["rounds"] == 4, "the first look settles it: the code is counted afterwards anyway"
    text = re.sub(r"count: 4, ", "", text)
    Path(path).write_text(text)
    ran = bench.run("prove", path, "--time", "15s", "--json", "out.json", "-v")
    assert ran.code == 0, ran.out + ran.err
    assert ran.err.index("build") < ran.err.index("round 1")


def test_the_phase_of_the_demo_claims_what_docs_promise(bench):
    file = Path(__file__).parents[2] / "scenarios/phase.yaml"
    claims = yaml.safe_load(file.read_text())["claims"]
    ran = bench.run("check", str(file))
    assert ran.code == 0, ran.err
    assert f"{len(claims)} claims:" in ran.out
    docs = (Path(__file__).parents[2] / "docs/prove.md").read_text()
    assert f"proves {len(claims)} claims" in docs


THREE = """\
name: three
service:
  directory: SHOPS
  prepare: "{python} seed.py FOLDER/shop-{arm}.db"
  reset: "{python} seed.py FOLDER/shop-{arm}.db"
  health: /health
arms:
  main: {command: "{python} shop_stdlib.py {port} FOLDER/shop-main.db html_not_found stack_trace"}
  shape: {command: "{python} shop_stdlib.py {port} FOLDER/shop-shape.db stack_trace"}
  both: {command: "{python} shop_stdlib.py {port} FOLDER/shop-both.db"}
requests:
  - {name: products, get: /products}
  - {name: orders, get: /orders, headers: {Authorization: "Bearer let-me-in"}}
rounds: {count: 2, warmup: 200ms, pairs: 300ms}
why: off
claims:
  - {claim: Errors have one format, metric: error_shape, target: 100%}
  - {claim: Errors are told to people, metric: error_messages, target: 100%}
"""


def test_each_of_several_versions_is_held_against_each_claim_by_checks_alone_and_beside_rounds(bench):
    text = THREE.replace("SHOPS", str(corpus.SHOPS)).replace("FOLDER", str(bench.folder))
    path = str(bench.scenario(text=text, name="three.yaml"))
    ran = bench.run("prove", path, "--json", "out.json", "-o", "a.html", "-o", "a.md", "-o", "a.xml")
    assert ran.code == 1, ran.out + ran.err
    result = bench.json("out.json")
    assert (result["kind"], result["arms"]) == ("checks", ["main", "shape", "both"])
    came = {(each["arm"], each["claim"]): each["state"] for each in result["claims"]}
    assert came == {
        ("shape", "Errors have one format"): "proven",
        ("shape", "Errors are told to people"): "refuted",
        ("both", "Errors have one format"): "proven",
        ("both", "Errors are told to people"): "proven",
    }
    assert re.search(r"✗ shape: Errors are told to people .*refuted", ran.out)
    assert re.search(r"✓ both: Errors are told to people .*proven", ran.out)
    assert [part["exit_code"] for part in result["candidates"]] == [1, 0]
    assert result["ranking"] is None, "limits rank nothing"
    page = (bench.folder / "a.html").read_text()
    assert "Each claim, held against each candidate" in page
    assert "| Errors are told to people |" in (bench.folder / "a.md").read_text()
    # The faults of the one are not told of the other.
    leaks = [each["summary"] for each in result["findings"] if "stack" in each["summary"].lower()]
    assert [(each.split(":")[0], each.endswith("on candidate none")) for each in leaks] == [
        ("shape", False),
        ("shape", False),
        ("both", True),
    ]
    assert json.loads(bench.run("show", "last", "--json", "-").out)["claims"] == result["claims"]
    one = bench.run("show", "last", "--arm", "both", "--json", "one.json")
    assert "All 2 claims proven" in one.out, one.out
    assert bench.run("report", "last", "--arm", "both", "-o", "slide.pdf").code == 0
    gate = bench.run("gate", "last", "--format", "junit", "--out", "ci")
    assert gate.code == 1
    cases = [case.get("name") for case in ElementTree.parse(bench.folder / "ci/junit.xml").iter("testcase")]
    assert len([name for name in cases if "Errors are told to people" in name]) == 2, cases

    path = bench.scenario(text=text + "budgets: {latency_p95: 5s}\n", name="three.yaml")
    ran = bench.without_load().run("ab", str(path), "--json", "out.json")
    assert ran.code == 1, ran.out + ran.err
    result = bench.json("out.json")
    assert result["kind"] == "ab"
    came = {(each["arm"], each["claim"]): each["state"] for each in result["claims"]}
    assert len(came) == 4
    assert came["both", "Errors are told to people"] == "proven"
    assert came["shape", "Errors are told to people"] == "refuted"
    assert not bench.leftovers()


def test_a_build_of_three_versions_takes_turns_and_each_is_held_against_the_first(bench):
    lines = '{environment: {LINES: "%d"}}'
    path = bench.without_load().scenario(
        bench.quick,
        ('  baseline: {environment: {WORK_US: "3000"}}\n', f"  old: {lines % 100}\n"),
        ('  candidate: {environment: {WORK_US: "1000"}}\n', f"  some: {lines % 95}\n  much: {lines % 80}\n"),
    )
    path.write_text(
        path.read_text()
        + "".join(TINY_CLAIMS.splitlines(keepends=True)[::3])
        + TINY_CLAIMS[TINY_CLAIMS.index("checks:") :]
    )
    ran = bench.run("prove", str(path), "--json", "out.json")
    assert ran.code == 1, ran.out + ran.err
    came = {(each["arm"], each["claim"]): each["state"] for each in bench.json("out.json")["claims"]}
    assert came == {("some", "The code is 10 % smaller"): "refuted", ("much", "The code is 10 % smaller"): "proven"}
    assert bench.json("out.json")["ranking"]["best"] == ["much"]
    assert not bench.leftovers()


def test_history_shows_what_came_of_each_claim_in_each_run_and_so_does_the_dashboard(bench):
    bench.without_load()
    assert bench.run("prove", tiny(bench, after="2900", lines=(100, 95))).code == 1
    assert bench.run("prove", tiny(bench)).code == 0
    assert bench.run("prove", tiny(bench, more="".join(TINY_CLAIMS.splitlines(keepends=True)[:3]))).code == 0
    ran = bench.run("history", "tiny", "--claims", "-o", "claims.html")
    assert ran.code == 0, ran.err
    assert re.search(r"✓ Items come 20–30 % faster +✗✓✓ +proven since 20", ran.out), ran.out
    assert re.search(r"✓ No item takes longer .* ✓✓✓ +always proven", ran.out)
    assert re.search(r"✓ The code is 10 % smaller +✗✓· +proven, not claimed since", ran.out)
    page = (bench.folder / "claims.html").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "The code is 10 % smaller" in page
    assert bench.run("history", "tiny", "--claims", "-o", "claims.json", "--quiet").code == 0
    found = bench.json("claims.json")
    assert found["claims"][0]["states"] == ["refuted", "proven", "proven"]
    assert bench.run("history", "tiny", "--claims", "-o", "claims.csv", "--quiet").code == 0
    assert len((bench.folder / "claims.csv").read_text().splitlines()) == 1 + 3 + 3 + 2
    with Store.open(f"sqlite:///{bench.folder}/results/perfproof.db", results=bench.folder / "results") as store:
        shown = trends_page(store, "tiny", "all", "", 25)
        rows = {row["claim"]: [cell["sign"] for cell in row["cells"]] for row in shown["claims"]["rows"]}
        assert rows["The code is 10 % smaller"] == ["✗", "✓", "·"]
        with served(store) as address, httpx.Client(base_url=address, timeout=30) as client:
            text = client.get("/trends?scenario=tiny").text
    assert "What came of each claim in each run" in text
    assert "The code is 10 % smaller" in text.replace("\N{NO-BREAK SPACE}", " ")
    nothing = bench.run("ab", str(bench.scenario(bench.quick, ("name: tiny", "name: plain"), name="plain.yaml")))
    assert nothing.code in (0, 1, 3)
    refused = bench.run("history", "plain", "--claims")
    assert refused.code == 2
    assert "no run of plain claimed anything" in refused.err
