"""Fields of bodies that write, tried for SQL: what no answer shows is found, nothing stays, nothing without leave."""

from __future__ import annotations

import json
import sqlite3

import pytest

import checks_corpus as corpus

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

SHOP = """\
name: shop
service:
  directory: SHOPS
  prepare: "{python} seed.py FOLDER/shop-{arm}.db"
  reset: "{python} seed.py FOLDER/shop-{arm}.db"
  health: /health
  database: sqlite
arms:
  baseline: {command: "{python} shop_flask.py {port} FOLDER/shop-baseline.db blind_sql_in_body"}
  candidate: {command: "{python} shop_flask.py {port} FOLDER/shop-candidate.db"}
requests:
  - {name: make, post: /products, json: {name: "a new product", price: 3}}
checks: {writes: true, security: {bodies: true}}
budgets: {sql_injection: 0}
why: off
"""


def run(bench, *changes):
    text = SHOP.replace("SHOPS", str(corpus.SHOPS)).replace("FOLDER", str(bench.folder))
    bench.scenario(*changes, text=text, name="shop.yaml")
    ran = bench.run("checks", "shop.yaml", "--json", "out.json")
    return ran, bench.json("out.json")


def names(bench):
    found = set()
    for arm in ("baseline", "candidate"):
        database = sqlite3.connect(bench.folder / f"shop-{arm}.db")
        found |= {name for (name,) in database.execute("select name from products")}
        database.close()
    return found


def test_an_injection_in_a_field_is_proven_at_the_database_and_every_row_is_taken_back(bench):
    ran, result = run(bench)
    assert ran.code == 0, ran.out + ran.err  # the candidate has mended it
    rows = {row["metric"]: row for row in result["comparisons"]}
    row = rows["sql_injection"]
    assert (row["verdict"], row["baseline"], row["candidate"]) == ("improved", 1.0, 0.0)
    (told,) = [each for each in result["findings"] if each["kind"] == "sql_injection"]
    assert told["evidence"]["all"][0].startswith(
        "name (body) of make: the database runs `select id from products where"
    )
    assert not any("a new product" in name for name in names(bench))
    assert len(names(bench)) == 60, "what the seed makes, and nothing else"
    assert not bench.leftovers()


def test_a_text_of_a_multipart_form_is_tried_beside_its_file(bench):
    (bench.folder / "photo.png").write_bytes(b"\x89PNG\r\n\r\n\x00--")
    form = 'multipart: {note: "a text", name: "a new product", picture: {file: photo.png, type: image/png}}'
    ran, result = run(bench, ('json: {name: "a new product", price: 3}', form))
    assert ran.code == 0, ran.out + ran.err
    rows = {row["metric"]: row for row in result["comparisons"]}
    assert (rows["sql_injection"]["baseline"], rows["sql_injection"]["candidate"]) == (1.0, 0.0)
    (told,) = [each for each in result["findings"] if each["kind"] == "sql_injection"]
    assert told["evidence"]["all"][0].startswith("name (body) of make: the database runs")
    assert len(names(bench)) == 60


def test_without_leave_to_write_no_body_is_sent_and_the_report_says_so(bench):
    ran, result = run(bench, ("writes: true, ", ""))
    assert ran.code in (0, 3), ran.out + ran.err
    assert "fields of bodies were not tried: `checks: {writes: true}`" in json.dumps(result, ensure_ascii=False)
    assert len(names(bench)) == 60
