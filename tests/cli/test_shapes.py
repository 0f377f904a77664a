"""Statements of every shape on PostgreSQL, probed from the command line against what is true of each."""

from __future__ import annotations

import psycopg
import pytest

from counting import Server, counting_server

__all__ = ["counting_server"]
pytestmark = [pytest.mark.server, pytest.mark.database, pytest.mark.timeout(240)]

SHAPES = """\
name: shapes
service:
  command: "{python} -m uvicorn shapes:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log"
  directory: DIRECTORY
  start_timeout: 20s
  database: "ADDRESS"
  environment: {DATABASE_URL: "ADDRESS", ARM: "{arm}"}
arms: {baseline: {}, candidate: {}}
requests:
REQUESTS
rounds: {count: 1, warmup: 200ms, warmup_requests: 5, blocks: 2, block: 200ms}
responses: "off"
budgets: {queries_per_request: {limit: 5, requests: [temptable]}}
"""
REQUEST = '  - {name: NAME, get: "/NAME?limit={limit}", values: {limit: [20]}, rows: $.items,\n'
REQUEST += "     scale: {parameter: limit, sizes: [1, 10, 50]}}\n"
SEED = """
CREATE TABLE author(id int primary key, name text); INSERT INTO author SELECT g, 'a' || g FROM generate_series(0, 4) g;
CREATE TABLE item(id int primary key, name text, author_id int);
INSERT INTO item SELECT g, 'n' || g, g % 5 FROM generate_series(1, 200) g;
CREATE TABLE tag(item_id int, tag text); INSERT INTO tag SELECT g, 'a' FROM generate_series(1, 200) g;
CREATE TABLE "user"("desc" text, "order" int); INSERT INTO "user" SELECT 'd', g FROM generate_series(1, 200) g;
DO $$ BEGIN FOR i IN 0..59 LOOP EXECUTE
format('CREATE TABLE tag_%s AS SELECT * FROM tag WHERE item_id %% 60 = %s', i, i); END LOOP; END $$;
"""
# The rows are 1, 10, 20 (the load's own) and 50.
TRUE = {
    "inlist": ([2, 2, 2, 2], {}),
    "savepoint": ([2, 11, 21, 51], {"n_plus_one": "update item set name = name where id = ?"}),
    "cursor": ([2, 3, 4, 7], {"batched": "fetch forward ? from ?"}),
    "temptable": ([5, 5, 5, 5], {"constant_queries": ""}),
    "tenants": ([2, 11, 21, 51], {"n_plus_one": "select tag from tag_# where item_id = ?"}),
    "twice": ([6, 6, 6, 6], {"constant_queries": "", "duplicate_queries": "select count(*) from author"}),
    "identity": ([2, 6, 6, 6], {"n_plus_one": "select name from author where id = ?"}),
    "orchain": ([2, 2, 2, 2], {}),
    "unionall": ([2, 2, 2, 2], {}),
    "casewhen": ([2, 2, 2, 2], {}),
}


@pytest.fixture
def seeded(counting_server: Server) -> str:
    url = counting_server.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SEED.encode())
    return url


def scenario(bench, url, names):
    requests = "".join(REQUEST.replace("NAME", name) for name in names)
    return str(bench.scenario(("ADDRESS", url), ("REQUESTS\n", requests), text=SHAPES))


def test_every_shape_is_counted_and_named_as_it_is(bench, seeded):
    path = scenario(bench, seeded, TRUE)
    ran = bench.run("probe", path, "--arm", "candidate", "--json", "out.json")
    assert ran.code == 0, ran.out + ran.err
    document = bench.json("out.json")
    for name, (counts, findings) in TRUE.items():
        (detail,) = [each for each in document["queries"] if each["request"] == name]
        counted = {size["size"]: size["queries"] for size in detail["arms"]["candidate"]}
        assert [counted[size] for size in (1, 10, 20, 50)] == counts, name
        found = {f["kind"]: f["evidence"].get("statement", "") for f in document["findings"] if f["request"] == name}
        assert found == findings, name
        assert not any("→ 0 →" in note for note in detail["notes"])
    assert [budget["value"] for budget in document["budgets"]] == [5]


def test_an_in_list_of_one_element_is_no_other_statement_and_keeps_its_calling_line(bench, seeded):
    ran = bench.run("probe", scenario(bench, seeded, ["tags", "temptable"]), "--json", "out.json")
    assert ran.code == 0, ran.out + ran.err
    document = bench.json("out.json")
    statements = {each["text"]: each for each in document["queries"][0]["statements"]}
    one, several = (
        statements["select tag from tag where item_id = ?"],
        statements["select tag from tag where item_id in (?)"],
    )
    assert (one["change"], one["baseline"], one["candidate"]) == ("gone", [1, 10, 20, 50], [])
    assert (several["change"], several["baseline"], several["candidate"]) == ("new", [], [1, 1, 1, 1])
    assert "shapes.py:" in one["caller"]
    assert "shapes.py:" in several["caller"]
    kinds = [(f["kind"], f["severity"]) for f in document["findings"] if f["request"] == "tags"]
    assert kinds == [("n_plus_one", "info")], "the baseline's alone, and no `batched` of the fix"


def test_a_join_that_multiplies_rows_is_named_with_its_rows(bench, seeded):
    ran = bench.run(
        "probe", scenario(bench, seeded, ["report", "temptable"]), "--arm", "candidate", "--json", "out.json"
    )
    (found,) = [each for each in bench.json("out.json")["findings"] if each["kind"] == "many_rows"]
    assert found["evidence"]["fetched"] == 40_000
    assert "tag a, tag b" in found["evidence"]["statement"]
    assert "40,000 rows for" in found["summary"]
    assert "shapes.py:" in found["summary"]
    assert ran.code == 0, ran.out + ran.err
