"""Probing from the command line: queries, N+1, responses, budgets, and a service that is untouched while timed."""

from __future__ import annotations

import json
import re

import pytest

pytestmark = pytest.mark.timeout(240)

SHELF = """\
name: shelf
service:
  command: "{python} -m uvicorn shelf:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log"
  directory: DIRECTORY
  start_timeout: 20s
  database: sqlite
arms:
  baseline: {environment: {LAZY: "1"}}
  candidate: {environment: {LAZY: "0"}}
requests:
  - {name: books, get: "/books?limit={limit}", values: {limit: [10]}, scale: {parameter: limit, sizes: [1, 10, 50]}}
load: {model: open, rate: 80/s}
rounds: {count: 2, warmup: 300ms, warmup_requests: 5, blocks: 2, block: 300ms}
why: off
"""


@pytest.mark.server
def test_ab_counts_queries_while_the_service_is_untouched_when_timed(bench):
    bench.without_load()
    ran = bench.run("ab", str(bench.scenario(text=SHELF)), "--json", "out.json", "-o", "page.html")
    assert ran.code == 3, ran.err + ran.out  # each request takes the same on both, as far as two rounds tell
    result = bench.json("out.json")
    rows = {(row["metric"], row["request"]): row for row in result["comparisons"]}
    queries = rows["queries_per_request", "books"]
    assert (queries["baseline"], queries["candidate"]) == (11, 1), "at the size of the load"
    assert "2 → 11 → 51 at 1 → 10 → 50 rows on the baseline" in queries["notes"][0]
    assert [finding["kind"] for finding in result["findings"]].count("n_plus_one") == 1
    changes = {each["change"] for each in result["queries"][0]["statements"]}
    assert changes == {"gone", "new"}
    assert " Queries " in bench.details()
    assert "Queries by rows returned" in (bench.folder / "page.html").read_text()
    (run,) = bench.runs
    probing = json.loads((run / "probe.json").read_text())
    assert probing["format"] == 1
    logs = list(run.glob("rounds/*/*.log"))
    assert len(logs) == 4
    for log in logs:
        assert "agent in the process: False" in log.read_text()
    for file in bench.folder.rglob("*"):
        if file.is_file():
            assert b"zebra-4711" not in file.read_bytes(), f"a literal or a body is in {file}"
    assert "zebra-4711" not in ran.out + ran.err
    assert bench.details().count("N+1 on baseline") == 1, "read back from probe.json"
    assert not bench.leftovers()


def test_a_probe_alone_prints_slope_and_finding_and_fails_only_on_a_budget(bench):
    ran = bench.run("probe", str(bench.scenario(text=SHELF)), "--arm", "baseline", "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    assert "1 → 10 → 50 rows" in ran.out
    assert "2 → 11 → 51 queries" in ran.out
    assert "N+1 on baseline" in ran.out
    assert "shelf.py:" in ran.out, "the calling line"
    assert not bench.runs
    found = bench.json("out.json")
    assert found["kind"] == "probe"
    assert [finding["kind"] for finding in found["findings"]] == ["n_plus_one"]
    path = bench.scenario(("rounds:", "budgets: {queries_per_request: 10}\nrounds:"), text=SHELF)
    broken = bench.run("probe", str(path), "--arm", "baseline")
    assert broken.code == 1, broken.err
    assert "broken" in broken.out.lower()
    assert bench.run("probe", str(path), "--arm", "candidate").code == 0
    assert bench.run("probe", str(path), "--arm", "nobody").code == 2
    assert not bench.leftovers()


@pytest.mark.server
def test_a_statement_that_both_versions_run_alike_is_looked_at_alike(bench):
    """By the sum of all statements, one version would be asked for more sizes, and be alone in what is seen there."""
    path = bench.scenario(("  database: sqlite\n", '  database: sqlite\n  environment: {KINDS: "1"}\n'), text=SHELF)
    ran = bench.run("probe", str(path), "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    found = bench.json("out.json")
    kinds = next(each for each in found["queries"][0]["statements"] if "from kinds" in each["text"])
    assert kinds["change"] == "same"
    accused = {each["summary"].partition(":")[0] for each in found["findings"] if "from kinds" in each["summary"]}
    assert accused == {"N+1 on baseline", "N+1 on candidate"}


@pytest.mark.server
def test_arms_that_answer_differently_are_told_and_under_error_nothing_is_concluded(bench):
    bench.without_load()
    more = ('LAZY: "0"', 'LAZY: "0", EXTRA: "1"')
    ran = bench.run("ab", str(bench.scenario(more, text=SHELF)), "--json", "out.json")
    assert "$.extra: new" in ran.out, ran.err + ran.out
    assert "response_changed" in [finding["kind"] for finding in bench.json("out.json")["findings"]]
    ran = bench.run("ab", str(bench.scenario(more, ("rounds:", "responses: error\nrounds:"), text=SHELF)))
    assert ran.code == 4, ran.err + ran.out
    assert "answer differently" in ran.out
    ignored = ("rounds:", "responses: {policy: error, ignore: [$.extra]}\nrounds:")
    ran = bench.run("probe", str(bench.scenario(more, ignored, text=SHELF)), "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    assert "response_changed" not in ran.out


EXPLODES = (
    ('LAZY: "1"', 'JOIN: "0"'),
    ('LAZY: "0"', 'JOIN: "1"'),
    ("name: books", "name: pages"),
    ("/books?limit={limit}", "/pages?limit={limit}"),
    ("{limit: [10]}", "{limit: [50]}"),
    ("rate: 80/s", "rate: 12/s"),
    ("count: 2", "count: 4"),
    ("blocks: 2, block: 300ms", "blocks: 2, block: 500ms"),
)


@pytest.mark.server
@pytest.mark.quiet
def test_a_join_that_explodes_is_told_with_what_it_costs(bench):
    ran = bench.run("ab", str(bench.scenario(*EXPLODES, text=SHELF)), "--json", "out.json", "-o", "page.html")
    assert ran.code in (0, 1, 3), ran.err + ran.out
    result = bench.json("out.json")
    assert "queries of pages 101 → 1, but " in result["sentence"], result["sentence"]
    assert re.search(r"p50 latency [\d.]+ times slower", result["sentence"]), result["sentence"]
    assert re.search(r"rows fetched of pages 3,050 .*→ 45,000", result["sentence"]), result["sentence"]
    assert result["sentence"] in " ".join(ran.out.split())
    rows = {(row["metric"], row["request"]): row["verdict"] for row in result["comparisons"]}
    assert rows["queries_per_request", "pages"] == "improved"
    assert rows["latency_p50", "all"] == rows["rows_fetched_per_request", "pages"] == "regressed"


@pytest.mark.server
def test_the_probes_of_two_recorded_runs_are_compared(bench):
    bench.without_load()
    for arm, lazy in (("before", "1"), ("after", "0")):
        path = bench.scenario(('LAZY: "1"', f'LAZY: "{lazy}"'), text=SHELF)
        ran = bench.run("run", str(path), "--label", arm)
        assert ran.code == 0, ran.err + ran.out
    ran = bench.run("compare", "before", "after", "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    result = bench.json("out.json")
    rows = {(row["metric"], row["request"]): row for row in result["comparisons"]}
    queries = rows["queries_per_request", "books"]
    assert (queries["baseline"], queries["candidate"], queries["verdict"]) == (11, 1, "improved")
    assert {each["change"] for each in result["queries"][0]["statements"]} == {"gone", "new"}
    assert [each["severity"] for each in result["findings"] if each["kind"] == "n_plus_one"] == ["info"], "it is gone"


def test_a_wrong_status_in_a_probe_stops_the_run_before_the_load(bench):
    ran = bench.run("ab", str(bench.scenario(('LAZY: "0"', 'LAZY: "0", STATUS: "500"'), text=SHELF)))
    assert ran.code == 4, ran.err + ran.out
    assert "candidate answered 'books' at size 1 with status 500, not 2xx" in ran.err
    (run,) = bench.runs
    assert not list((run / "rounds").iterdir())
    assert not bench.leftovers()


@pytest.mark.server
def test_a_database_that_is_down_is_told_and_the_rest_goes_on(bench):
    bench.without_load()
    down = ("database: sqlite", "database: [postgresql://someone:hush-hush-1@127.0.0.1:1/nothing, sqlite]")
    ran = bench.run("run", str(bench.scenario(down, text=SHELF)), "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    result = bench.json("out.json")
    assert any("127.0.0.1:1/nothing" in warning for warning in result["comparability"]["warnings"]), result
    assert result["queries"][0]["statements"], "the agent still counts"
    assert result["rounds"] == 2
    for file in bench.folder.rglob("*"):
        if file.is_file() and file.name != "tiny.yaml":
            assert b"hush-hush-1" not in file.read_bytes(), file


def test_requests_that_write_are_left_out_unless_the_scenario_opts_in(bench):
    write = ("load:", "  - {name: add, post: /books, json: {a: 1}}\nload:")
    ran = bench.run("probe", str(bench.scenario(write, text=SHELF)), "--arm", "candidate")
    assert ran.code == 0, ran.err + ran.out
    assert "add was not probed: it writes" in ran.out


def test_a_table_is_grown_by_reseeding_and_brought_back(bench):
    path = bench.scenario(
        ("  database: sqlite\n", "  database: sqlite\n  shell: true\n  environment: {TABLE: '{work}/rows'}\n"
         "  prepare: echo 7 > {work}/rows\n"),
        ('get: "/books?limit={limit}", values: {limit: [10]}, scale: {parameter: limit, sizes: [1, 10, 50]}',
         "get: /all, scale: {reseed: 'echo {size} > {work}/rows', sizes: [1, 10, 101]}"),
        text=SHELF,
    )  # fmt: skip
    ran = bench.run("probe", str(path), "--arm", "baseline")
    assert ran.code == 0, ran.err + ran.out
    assert "1 → 10 → 100 rows" in ran.out, "the shelf holds a hundred books"
    assert "N+1 on baseline" in ran.out


def test_a_write_is_probed_with_a_reset_before_each_repeat(bench):
    path = bench.scenario(
        ("  database: sqlite\n", "  database: sqlite\n  shell: true\n  reset: echo reset >> RESETS\n"),
        ("load:", "  - {name: add, post: /books, probe: {writes: true, repeat: 2}}\nload:"),
        text=SHELF,
    )  # fmt: skip
    path.write_text(path.read_text().replace("RESETS", str(bench.folder / "resets")))
    ran = bench.run("probe", str(path), "--arm", "candidate", "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    levels = {(v["metric"], v["request"]): v["value"] for v in bench.json("out.json")["levels"]}
    assert levels["queries_per_request", "add"] == 1
    assert (bench.folder / "resets").read_text().count("reset") == 3, "before the start, and before each repeat"
