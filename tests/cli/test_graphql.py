"""GraphQL from the command line: on Strawberry with a data loader and without, by list size, by depth, by field."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

BOOKS = """\
name: bookshop
service:
  command: "{python} -m uvicorn bookshop:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log"
  directory: DIRECTORY
  health: /health
  start_timeout: 30s
  database: sqlite
arms:
  baseline: {environment: {LAZY: "1"}}
  candidate: {environment: {LAZY: "0"}}
requests:
  - post: /graphql/
    graphql:
      query: |
        query books($first: Int!) {
          books(first: $first) { title reviews { text author { name } } }
        }
      variables: {first: "{first}"}
    values: {first: [10]}
SCALE
load: {rate: 30/s}
rounds: {count: 2, warmup: 200ms, warmup_requests: 4, blocks: 2, block: 300ms}
why: off
"""
BY_ROWS = "    scale: {parameter: first, sizes: [1, 5, 20]}"
BY_DEPTH = "    scale: {depth: [1, 2, 3]}"


def scenario(bench, scale, *changes):
    return str(bench.scenario(("SCALE", scale), *changes, text=BOOKS))


def findings(result, kind):
    return [each for each in result["findings"] if each["kind"] == kind]


def test_n_plus_one_is_told_by_its_resolver_in_ab_and_the_loader_is_not_accused(bench):
    bench.without_load()
    ran = bench.run("ab", scenario(bench, BY_ROWS), "--json", "out.json", "-o", "page.html")
    assert ran.code in (0, 3), ran.err + ran.out
    result = bench.json("out.json")
    accused = findings(result, "n_plus_one")
    assert {each["evidence"]["field"] for each in accused} == {"books.reviews", "books.reviews.author"}
    assert {each["evidence"]["arm"] for each in accused} == {"baseline"}, "the loader asks once for all"
    assert "for the field reviews of books" in " ".join(each["summary"] for each in accused)
    rows = {(row["metric"], row["request"]): row for row in result["comparisons"]}
    queries = rows["queries_per_request", "books"]
    assert (queries["baseline"], queries["candidate"], queries["verdict"]) == (41, 3, "improved")
    costs = {each["evidence"]["arm"]: each["summary"] for each in findings(result, "field_cost")}
    assert "author of reviews 60 for 60 objects, reviews of books 20 for 20 objects" in costs["baseline"]
    assert "reviews of books 1 for 20 objects" in costs["candidate"]
    assert "reviews of books" in (bench.folder / "page.html").read_text()
    assert "reviews of books" in bench.details()
    assert not bench.leftovers()


def test_statements_grow_with_depth_and_without_any_scale_the_field_is_told_as_well(bench):
    ran = bench.run("probe", scenario(bench, BY_DEPTH), "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    result = bench.json("out.json")
    figures = {arm: [each["queries"] for each in sizes] for arm, sizes in result["queries"][0]["arms"].items()}
    assert figures == {"baseline": [1, 11, 41], "candidate": [1, 2, 3]}
    assert result["queries"][0]["sizes"] == [1, 2, 3]
    assert {each["evidence"]["field"] for each in findings(result, "n_plus_one")} == {
        "books.reviews",
        "books.reviews.author",
    }
    assert not findings(result, "not_enough_data")
    assert not findings(result, "response_changed"), "both answer alike at every depth"
    one = ('LAZY: "0"', 'LAZY: "0", AUTHORS: plain')
    ran = bench.run("probe", scenario(bench, "", one), "--arm", "candidate", "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    (accused,) = findings(bench.json("out.json"), "n_plus_one")
    assert accused["evidence"]["field"] == "books.reviews.author"
    assert "N+1 on candidate: the field author of reviews runs" in " ".join(ran.out.split())


def test_a_fragment_that_names_itself_is_asked_as_deep_as_the_scale_says(bench):
    query = "          books(first: $first) { title reviews { text author { name } } }\n        }\n"
    deep = (
        "          books(first: $first) { reviews { author { ...Person } } }\n        }\n"
        "        fragment Person on Author { name friend { ...Person } }\n"
    )
    path = scenario(bench, "    scale: {depth: [3, 4, 6]}", (query, deep))
    ran = bench.run("probe", path, "--arm", "candidate", "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    (detail,) = bench.json("out.json")["queries"]
    assert [each["queries"] for each in detail["arms"]["candidate"]] == [3, 4, 6], "one more for each level"
    ran = bench.run("check", scenario(bench, "", (query, deep)))
    assert ran.code == 2, ran.out
    assert "fragment Person names itself" in ran.err
    assert "scale: {depth: [1, 2, 3]}" in ran.err


def test_mistakes_are_told_with_their_place_before_anything_is_started(bench):
    (bench.folder / "schema.graphql").write_text(
        "type Query { books(first: Int): [Book] }\ntype Book { title: String }\n"
    )
    named = ("      variables:", "      schema: schema.graphql\n      variables:")
    ran = bench.run("check", scenario(bench, "", named))
    assert ran.code == 2, ran.out
    assert "line 2, column 32 of it: Cannot query field 'reviews' on type 'Book'" in " ".join(ran.err.split())
    assert "requests[0].graphql.query" in ran.err
    ran = bench.run("check", scenario(bench, "", ("{ text author { name } }", "{ text author { name }")))
    assert ran.code == 2, ran.out
    assert "column" in ran.err
    ran = bench.run("check", scenario(bench, BY_ROWS))
    assert ran.code == 0, ran.err


def test_budgets_goals_workers_feeds_and_a_mutation_go_with_it(bench):
    (bench.folder / "sizes.csv").write_text("first\n3\n4\n")
    feed = (
        (
            '      variables: {first: "{first}"}\n    values: {first: [10]}\n',
            '      variables: {first: "{sizes.first}"}\n',
        ),
        ("requests:\n", "feeds: {sizes: sizes.csv}\nrequests:\n"),
        # Users wait for their answers: nothing is late where the machine is busy with other tests.
        ("load: {rate: 30/s}", "load: {model: closed, users: 2, think_time: 30ms, workers: 2}"),
        ("why: off", "why: off\nbudgets: {queries_per_request: 20, error_rate: 0%}"),
    )
    # The feed's column is text, and GraphQL wants a whole number: the service refuses, and that is a failure.
    ran = bench.run("run", scenario(bench, "", *feed), "--json", "out.json")
    assert ran.code == 4, ran.err + ran.out
    assert "GraphQL errors" in ran.err
    (bench.folder / "sizes.jsonl").write_text('{"first": 3}\n{"first": 4}\n')
    feed = (*feed[:1], ("requests:\n", "feeds: {sizes: sizes.jsonl}\nrequests:\n"), *feed[2:])
    ran = bench.run("run", scenario(bench, "", *feed), "--json", "out.json")
    result = bench.json("out.json")
    assert ran.code == 0, ran.err + ran.out
    assert {each["metric"]: each["broken"] for each in result["budgets"]} == {
        "queries_per_request": False,
        "error_rate": False,
    }
