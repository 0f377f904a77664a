"""Security from the command line to the report: an injection that only the database sees, a limit, nothing written."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path

import psycopg
import pytest

import checks_corpus as corpus
from counting import Server, counting_server

__all__ = ["counting_server"]
pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

SHOP = """\
name: shop
service:
  directory: SHOPS
  prepare: "{python} seed.py FOLDER/shop-{arm}.db"
  reset: "{python} seed.py FOLDER/shop-{arm}.db"
  health: /health
  database: sqlite
arms:
  baseline: {command: "{python} shop_flask.py {port} FOLDER/shop-baseline.db BEFORE"}
  candidate: {command: "{python} shop_flask.py {port} FOLDER/shop-candidate.db AFTER"}
requests:
  - {name: find, get: "/find?name={name}", values: {name: [product 7]}}
  - {name: search, get: "/search?q=product"}
  - {name: orders, get: /orders, headers: {Authorization: "Bearer let-me-in"}}
  - {name: limited, get: /limited, headers: {Authorization: "Bearer let-me-in"}}
why: off
"""


def written(bench, before="", after="", more="", name="shop.yaml"):
    text = SHOP.replace("SHOPS", str(corpus.SHOPS)).replace("FOLDER", str(bench.folder))
    return str(bench.scenario(text=text.replace("BEFORE", before).replace("AFTER", after) + more, name=name))


def rows(result):
    return {row["metric"]: row for row in result["comparisons"]}


def content(bench):
    found = {}
    for arm in ("baseline", "candidate"):
        database = sqlite3.connect(bench.folder / f"shop-{arm}.db")
        found[arm] = list(database.iterdump())
        database.close()
    return found


def test_an_injection_that_no_answer_shows_is_proven_at_the_database_and_held_against_a_budget(bench):
    budget = "budgets: {sql_injection: 0}\n"
    path = written(bench, before="blind_sql", more=budget)
    mended = bench.run("checks", path, "--json", "out.json", "-o", "page.html", "-o", "page.md")
    assert mended.code == 0, mended.out + mended.err
    result = bench.json("out.json")
    row = rows(result)["sql_injection"]
    assert (row["verdict"], row["baseline"], row["candidate"]) == ("improved", 1.0, 0.0)
    (told,) = [each for each in result["findings"] if each["kind"] == "sql_injection"]
    assert "count(*) from products where note = ? || ?" in told["evidence"]["all"][0]
    assert "penetration test" in (bench.folder / "page.html").read_text()
    stored = gzip.decompress((bench.runs[-1] / "checks.json.gz").read_bytes()).decode()
    assert "let-me-in" not in stored
    assert not bench.leftovers()
    back = written(bench, after="blind_sql", more=budget, name="back.yaml")
    broke = bench.run("checks", back, "--json", "back.json")
    assert broke.code == 1, broke.out + broke.err
    assert "Budget broken" in broke.out
    assert rows(bench.json("back.json"))["sql_injection"]["verdict"] == "regressed"
    # Without a database that counts it cannot be seen, and the row says that it looked from outside only.
    blind = Path(back).read_text().replace("  database: sqlite\n", "")
    bench.scenario(text=blind, name="blind.yaml")
    unseen = bench.run("checks", "blind.yaml", "--json", "blind.json")
    row = rows(bench.json("blind.json"))["sql_injection"]
    assert (unseen.code, row["candidate"]) == (0, 0.0)
    assert "seen from outside only" in " ".join(row["notes"])


def test_no_row_changes_and_what_is_off_or_unknown_stays_open(bench):
    more = "checks: {security: true}\nbudgets: {csrf: 0, rate_limited: 100%, tls_faults: 0, authorisation: 100%}\n"
    more += "setup: [{name: welcome, get: /welcome}]\n"
    path = written(bench, after="any_token bare_cookie", more=more)
    for arm in ("baseline", "candidate"):
        corpus.seed(bench.folder / f"shop-{arm}.db")
    before = content(bench)
    ran = bench.run("checks", path, "--json", "out.json")
    assert ran.code == 1, ran.out + ran.err
    assert content(bench) == before
    budgets = {each["metric"]: each for each in bench.json("out.json")["budgets"]}
    assert budgets["authorisation"]["broken"]
    cookies = rows(bench.json("out.json"))["cookie_flags"]  # which nothing but the set-up was given
    assert (cookies["baseline"], cookies["candidate"], cookies["verdict"]) == (1.0, 0.0, "regressed")
    for metric, fix in (("csrf", "writes: true"), ("rate_limited", "rate_limit"), ("tls_faults", "plain HTTP")):
        assert (budgets[metric]["value"], budgets[metric]["broken"]) == (None, False)
        assert fix in budgets[metric]["why"]
    writing = bench.run("checks", path, "--writes", "--json", "writing.json")
    assert writing.code == 1, writing.out + writing.err
    assert content(bench) == before


def test_it_is_made_only_where_it_is_named(bench):
    path = written(bench, more="checks: all\n")
    text = Path(path).read_text()  # one that sends no span is waited for
    Path(path).write_text(text.replace("  database: sqlite\n", '  database: sqlite\n  environment: {TELLS: "1"}\n'))
    ran = bench.run("checks", path, "--arm", "candidate", "--json", "out.json")
    assert ran.code in (0, 3), ran.out + ran.err
    made = {each["metric"] for each in bench.json("out.json")["levels"]}
    assert "error_contract" in made
    assert "sql_injection" not in made
    named = bench.run("checks", path, "--arm", "candidate", "--check", "security", "--json", "named.json")
    assert named.code in (0, 3), named.out + named.err
    assert {each["metric"] for each in bench.json("named.json")["levels"]} >= {"sql_injection", "security_headers"}


def test_a_limit_is_found_with_its_window_and_a_version_without_one_is_a_regression(bench):
    more = (
        "checks: {security: {rate_limit: {request: limited, most: 40, window: 5},"
        " second: {headers: {Authorization: Bearer let-me-in-too}}}}\nbudgets: {rate_limited: 100%}\n"
    )
    path = written(bench, after="no_limit", more=more)
    ran = bench.run("checks", path, "--json", "out.json")
    assert ran.code == 1, ran.out + ran.err
    row = rows(bench.json("out.json"))["rate_limited"]
    assert (row["verdict"], row["baseline"], row["candidate"]) == ("regressed", 1.0, 0.0)
    good = written(bench, more=more, name="good.yaml")
    kept = bench.run("checks", good, "--json", "good.json")
    assert kept.code == 0, kept.out + kept.err
    found = rows(bench.json("good.json"))
    assert found["rate_limit"]["candidate"] == 10.0
    assert 1900 < found["rate_window"]["candidate"] < 4000
    told = [each["summary"] for each in bench.json("good.json")["findings"] if each["kind"] == "rate_limit_found"]
    assert len(told) == 2
    assert all("the limit is per user" in each for each in told)
    stored = gzip.decompress((bench.runs[-1] / "checks.json.gz").read_bytes()).decode()
    assert "let-me-in" not in stored


FINDER = """\
name: finder
service:
  command: "{python} -I DIRECTORY/finder.py {port}"
  database: "WATCHED"
  environment: {DATABASE_URL: "ADDRESS"}
arms:
  baseline: {environment: {UNSAFE: "1"}}
  candidate: {environment: {UNSAFE: "0"}}
requests:
  - {name: find, get: "/find?name={name}", values: {name: [item 7]}}
budgets: {sql_injection: 0}
why: off
"""


@pytest.mark.database
def test_postgresql_itself_tells_what_a_service_swallows_and_its_rows_are_as_they_were(bench, counting_server: Server):
    url = counting_server.new_database(extension=True)

    def table():
        with psycopg.connect(url, autocommit=True) as connection:
            return connection.execute("select * from stock order by id").fetchall()

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table stock (id int primary key, title varchar(40))")
        connection.execute("insert into stock select n, 'item ' || n from generate_series(1, 100) n")
    role = counting_server.new_role(url, "pg_read_all_data")
    before = table()
    bench.scenario(("WATCHED", url), ("ADDRESS", role), text=FINDER, name="finder.yaml")
    ran = bench.run("checks", "finder.yaml", "--json", "out.json")
    assert ran.code == 0, ran.out + ran.err
    result = bench.json("out.json")
    row = rows(result)["sql_injection"]
    assert (row["baseline"], row["candidate"], row["verdict"]) == (1.0, 0.0, "improved")
    (told,) = [each for each in result["findings"] if each["kind"] == "sql_injection"]
    assert "from stock where title = ? || ? and id > ?" in told["evidence"]["all"][0]
    assert len(before) == 100
    assert table() == before
