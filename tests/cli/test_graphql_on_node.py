"""GraphQL on Node and PostgreSQL, from the command line: nothing runs in the service, the database alone counts."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import psycopg
import pytest

import postgres
from counting import Server, counting_server

__all__ = ["counting_server"]
pytestmark = [pytest.mark.server, pytest.mark.database, pytest.mark.timeout(240)]

BOOKS = 40
OPERATIONS = """\
query Books($first: Int!) { books(first: $first) { title reviews { text author { name } } } }
query Lent { loan(id: 7) }
query Titles($first: Int!) { books(first: $first) { id title } }
mutation Rename { rename(id: 1, title: "renamed") }
"""
SCENARIO = """\
name: books on node
service:
  command: "node DIRECTORY/graph_node.js {port}"
  health: /health
  start_timeout: 30s
  database: "WATCHED"
  environment: {DATABASE_URL: "ADDRESS", NODE_PATH: "MODULES"}
arms:
  baseline: {environment: {LAZY: "1"}}
  candidate: {environment: {LAZY: "0"}}
requests:
  - post: /graphql
    graphql: {file: books.graphql, operation: OPERATION, variables: VARIABLES}
    values: {first: [10]}
SCALE
load: {rate: 30/s}
rounds: {count: 2, warmup: 200ms, warmup_requests: 4, blocks: 2, block: 300ms}
budgets: {queries_per_request: 5}
why: off
"""
BY_ROWS = "    scale: {parameter: first, sizes: [1, 5, 20]}"
BY_DEPTH = "    scale: {depth: [1, 2, 3]}"
TABLES = (
    "CREATE TABLE books (id int PRIMARY KEY, title text)",
    "CREATE TABLE reviews (id int PRIMARY KEY, book int, author int, text text)",
    "CREATE TABLE authors (id int PRIMARY KEY, name text, friend int)",
    f"INSERT INTO books SELECT n, 'book ' || n FROM generate_series(1, {BOOKS}) n",
    "INSERT INTO reviews SELECT 3 * n + k, n, (3 * n + k) % 200 + 1, 'review ' || k || ' of ' || n"
    f" FROM generate_series(1, {BOOKS}) n, generate_series(0, 2) k",
    "INSERT INTO authors SELECT n, 'author ' || n, n % 200 + 1 FROM generate_series(1, 200) n",
)


@pytest.fixture
def shop(bench, counting_server: Server):
    """Lend a way to write a scenario, and one to read all rows."""
    modules = os.environ.get("NODE_PATH", "")
    wanted = ("graphql", "graphql-http", "dataloader", "pg")
    if not shutil.which("node") or not all(Path(modules or "/nowhere", each).is_dir() for each in wanted):
        postgres.missing(f"needs node, and NODE_PATH with the packages {', '.join(wanted)}")
    url = counting_server.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in TABLES:
            connection.execute(statement.encode())
    role = counting_server.new_role(url, "pg_read_all_data, pg_write_all_data")
    (bench.folder / "books.graphql").write_text(OPERATIONS)

    def scenario(scale="", operation="Books", *changes):
        places = (("WATCHED", url), ("ADDRESS", role), ("MODULES", modules), ("SCALE", scale))
        variables = "{}" if operation in ("Lent", "Rename") else '{first: "{first}"}'
        text = SCENARIO.replace("VARIABLES", variables)
        if variables == "{}":
            text = text.replace("    values: {first: [10]}\n", "")
        return str(bench.scenario(*places, ("OPERATION", operation), *changes, text=text))

    def content():
        with psycopg.connect(url) as connection:
            names = ("books", "reviews", "authors")
            return [connection.execute(f"SELECT * FROM {name} ORDER BY id".encode()).fetchall() for name in names]

    bench.shop, bench.content = scenario, content
    return bench


def of_kind(result, kind):
    return [each for each in result["findings"] if each["kind"] == kind]


def test_each_resolver_that_asks_one_by_one_is_proven_at_the_database_and_loaders_are_not_accused(shop):
    shop.without_load()
    before = shop.content()
    ran = shop.run("ab", shop.shop(BY_ROWS), "--json", "out.json", "-o", "page.html")
    assert ran.code in (0, 3), ran.err + ran.out
    result = shop.json("out.json")
    accused = of_kind(result, "n_plus_one")
    assert {each["evidence"]["field"] for each in accused} == {"books.reviews", "books.reviews.author"}
    assert {each["evidence"]["arm"] for each in accused} == {"baseline"}, "loaders ask once for all"
    rows = {(row["metric"], row["request"]): row for row in result["comparisons"]}
    queries = rows["queries_per_request", "Books"]
    assert (queries["baseline"], queries["candidate"], queries["verdict"]) == (41, 3, "improved")
    (budget,) = result["budgets"]
    assert (budget["metric"], budget["broken"], budget["value"]) == ("queries_per_request", False, 3)
    (run,) = shop.runs
    probing = json.loads((run / "probe.json").read_text())
    sources = {s["source"] for arm in probing["arms"] for request in arm["requests"] for s in request["sizes"]}
    assert all(each.startswith("pg_") or "postgres" in each.lower() for each in sources), sources
    assert "reviews of books" in (shop.folder / "page.html").read_text()
    assert shop.content() == before
    assert not shop.leftovers()


def test_statements_multiply_with_depth_one_by_one_and_add_up_with_loaders(shop):
    ran = shop.run("probe", shop.shop(BY_DEPTH), "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    result = shop.json("out.json")
    (detail,) = result["queries"]
    assert detail["sizes"] == [1, 2, 3]
    figures = {arm: [each["queries"] for each in sizes] for arm, sizes in detail["arms"].items()}
    assert figures == {"baseline": [1, 11, 41], "candidate": [1, 2, 3]}
    assert not of_kind(result, "response_changed"), "both answer alike at every depth"


def test_errors_of_an_operation_are_failures_and_a_mutation_is_sent_only_where_it_may_be(shop):
    ran = shop.run("run", shop.shop("", "Lent"), "--json", "out.json")
    assert ran.code == 4, ran.err + ran.out
    assert "GraphQL errors" in ran.err + ran.out
    before = shop.content()
    ran = shop.run("probe", shop.shop("", "Rename"), "--arm", "candidate", "--json", "out.json")
    assert shop.content() == before, "nothing that writes is probed unless it is allowed"
    (shop.folder / "schema.graphql").write_text("type Query { books(first: Int): [Book] }\ntype Book { id: Int }\n")
    named = ("variables:", "schema: schema.graphql, variables:")
    ran = shop.run("check", shop.shop("", "Titles", named))
    assert ran.code == 2, ran.out
    assert "Cannot query field 'title' on type 'Book'" in " ".join(ran.err.split())
