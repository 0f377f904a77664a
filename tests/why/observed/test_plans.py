"""Plans from real databases: their shape, what is scanned, without a literal and without running anything."""

import sqlite3

import psycopg
import pymysql
import pytest

from perfproof.databases.fingerprint import fingerprint
from perfproof.databases.mysql import MysqlClient
from perfproof.databases.postgres import PostgresClient
from perfproof.databases.urls import parse
from perfproof.model.probe import Answer, ProbedArm, ProbedRequest, ProbedSize, Probing, RepeatedCount
from perfproof.model.queries import StatementCount
from perfproof.why.observed.databases import explainers
from perfproof.why.observed.mysql_plans import MysqlExplainer, valued
from perfproof.why.observed.plans import Explained, plans_of, slowest
from perfproof.why.observed.postgres_plans import PostgresExplainer, parameters
from perfproof.why.observed.sqlite_plans import SqliteExplainer

BY_OWNER = "SELECT * FROM orders AS o WHERE o.owner = 7 ORDER BY o.id LIMIT 10"
BY_ID = "SELECT * FROM orders WHERE id = 7"
SMALL = "SELECT * FROM kinds WHERE name = 'x'"


def shape_of(explainer, sql, dialect):
    found = explainer.explain(fingerprint(sql, dialect).text)
    assert isinstance(found, Explained), found
    return found


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "shop with space.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, owner INTEGER, note TEXT)")
    connection.execute("CREATE TABLE kinds (id INTEGER PRIMARY KEY, name TEXT)")
    connection.executemany("INSERT INTO orders (owner) VALUES (?)", [(i % 50,) for i in range(3000)])
    connection.executemany("INSERT INTO kinds (name) VALUES (?)", [("x",), ("y",)])
    connection.commit()
    connection.close()
    return path


def test_sqlite_tells_scans_by_the_tables_name_and_size(file):
    explainer = SqliteExplainer(file)
    scanned = shape_of(explainer, BY_OWNER, "sqlite")
    assert scanned.shape[0].startswith("SCAN o")
    assert scanned.scanned == {"orders": 3000}
    assert shape_of(explainer, BY_ID, "sqlite").scanned == {}
    explainer.close()
    with sqlite3.connect(file) as other:  # a reader in the way of the service's own changes would be a fault
        other.execute("CREATE INDEX by_owner ON orders (owner)")
    explainer = SqliteExplainer(file)
    assert shape_of(explainer, BY_OWNER, "sqlite").shape == ("SEARCH o USING INDEX by_owner (owner=?)",)
    explainer.close()


def test_sqlite_changes_nothing_and_says_why_it_cannot_explain(file):
    explainer = SqliteExplainer(file)
    assert isinstance(explainer.explain("delete from orders where owner = ?"), Explained)
    assert "no such table" in str(explainer.explain("select * from elsewhere"))
    explainer.close()
    assert sqlite3.connect(file).execute("SELECT count(*) FROM orders").fetchone() == (3000,)


def test_the_file_that_knows_the_tables_answers(file, tmp_path):
    other = tmp_path / "other.db"
    sqlite3.connect(other).execute("CREATE TABLE unlike (id INTEGER)").connection.commit()
    found = explainers(["sqlite"], [other, file, tmp_path / "gone.db"])
    wanted = slowest(probing([("list", [(BY_OWNER, 5, 900)])]), "baseline")
    plans, notes = plans_of(wanted, found)
    assert [plan.scanned for plan in plans] == [{"orders": 3000}]
    assert not notes
    for each in found:
        each.close()


def test_small_tables_are_said_to_be_too_small(file):
    explainer = SqliteExplainer(file)
    asked = [(SMALL, 1, 50), (BY_OWNER, 1, 40), ("SELECT * FROM gone", 1, 30)]
    wanted = slowest(probing([("list", asked)]), "baseline")
    plans, notes = plans_of(wanted, [explainer])
    assert [(plan.small, plan.scanned) for plan in plans] == [(True, {"kinds": 2}), (False, {"orders": 3000})]
    assert notes == ("no plan of `select * from gone`: SQLite says: no such table: gone",)
    explainer.close()


def probing(requests, *, other=()):
    def arm(name, given):
        found = []
        for request, statements in given:
            counts = tuple(
                RepeatedCount(StatementCount(fingerprint(sql, "sqlite"), calls, time_ns=ns), calls)
                for sql, calls, ns in statements
            )
            found.append(ProbedRequest(request, (ProbedSize(None, 3, Answer(200, 1, 1, "d"), counts),)))
        return ProbedArm(name, tuple(found))

    return Probing((arm("baseline", requests), *([arm("candidate", other)] if other else [])))


def test_both_arms_explain_what_is_slow_on_either_and_runs_on_theirs():
    quick = [(f"SELECT {name} FROM t", 1, 10) for name in "abcd"]
    before = [("list", [("SELECT x FROM t", 1, 900), ("BEGIN", 1, 5000), ("SELECT y FROM old", 3, 800), *quick])]
    after = [("list", [("SELECT x FROM t", 1, 1), *quick])]
    found = probing(before, other=after)
    assert [one.text for one in slowest(found, "baseline")][:2] == ["select x from t", "select y from old"]
    assert "select x from t" in [one.text for one in slowest(found, "candidate")]
    assert "select y from old" not in [one.text for one in slowest(found, "candidate")]


def test_placeholders_are_numbered_and_operators_are_left_alone():
    assert parameters("select * from t where a = ? and b in (?) and c ?| d") == (
        "select * from t where a = $1 and b in ($2) and c ?| d",
        2,
    )


@pytest.fixture
def shop(database):
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE orders (id serial PRIMARY KEY, owner int, born date, note text)")
        connection.execute("CREATE TABLE kinds (id serial PRIMARY KEY, name text)")
        connection.execute("INSERT INTO orders (owner) SELECT i % 50 FROM generate_series(1, 30000) AS i")
        connection.execute("INSERT INTO kinds (name) VALUES ('x')")
        connection.execute("ANALYZE")
    return database


@pytest.mark.database
def test_postgresql_explains_a_fingerprint_without_its_literals(shop):
    explainer = PostgresExplainer(PostgresClient(parse(shop)))
    before = shape_of(explainer, BY_OWNER, "postgresql")
    assert before.scanned == {} or before.scanned == {"orders": 30000}
    whole = shape_of(explainer, "SELECT sum(id) FROM orders WHERE owner = 3", "postgresql")
    assert whole.shape == ("Aggregate", "  Seq Scan on orders")
    assert whole.scanned == {"orders": 30000}
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute("CREATE INDEX by_owner ON orders (owner)")
    after = shape_of(explainer, "SELECT sum(id) FROM orders WHERE owner = 3", "postgresql")
    assert after.scanned == {}
    assert any("by_owner" in line for line in after.shape)
    assert after.cost is not None
    assert whole.cost is not None
    assert after.cost < whole.cost
    dated = "SELECT * FROM orders WHERE born BETWEEN '2024-01-01' AND '2024-02-01' AND owner IN (1, 2) LIMIT 5 OFFSET 2"
    assert shape_of(explainer, dated, "postgresql").shape[0] == "Limit"
    explainer.close()


@pytest.mark.database
def test_postgresql_runs_nothing_that_it_explains(shop):
    explainer = PostgresExplainer(PostgresClient(parse(shop)))
    shape_of(explainer, "DELETE FROM orders WHERE owner = 1", "postgresql")
    shape_of(explainer, "UPDATE orders SET owner = 2", "postgresql")
    shape_of(explainer, "INSERT INTO kinds (name) VALUES ('y')", "postgresql")
    assert "does not exist" in str(explainer.explain("select * from elsewhere where id = ?"))
    assert isinstance(explainer.explain("select * from kinds"), Explained)  # the connection is still good
    explainer.close()
    with psycopg.connect(shop) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (30000,)
        assert connection.execute("SELECT count(*) FROM kinds").fetchone() == (1,)


@pytest.mark.database
def test_postgresql_says_what_to_grant(shop, counting_server):
    role = counting_server.new_role(shop)
    explainer = PostgresExplainer(PostgresClient(parse(role)))
    told = str(explainer.explain("select * from orders where id = ?"))
    assert "permission denied" in told
    assert f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {parse(role).user}" in told
    explainer.close()
    gone = PostgresExplainer(PostgresClient(parse("postgresql://me:s3cret@127.0.0.1:1/x")))
    assert "does not answer" in str(gone.explain("select 1"))
    assert "s3cret" not in str(gone.explain("select 1"))


RESERVED = "SELECT {0}desc{0}, {0}order{0} FROM {0}user table{0} WHERE {0}desc{0} = 1 ORDER BY {0}order{0} LIMIT 5"


@pytest.mark.database
def test_names_that_are_reserved_words_are_explained_on_postgresql(shop):
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute('CREATE TABLE "user table" ("desc" int, "order" int)')
    explainer = PostgresExplainer(PostgresClient(parse(shop)))
    assert shape_of(explainer, RESERVED.format('"'), "postgresql").shape[0] == "Limit"
    explainer.close()


def test_names_that_are_reserved_words_are_explained_on_sqlite(file):
    connection = sqlite3.connect(file)
    connection.execute('CREATE TABLE "user" ("desc" int, "order" int)')
    connection.commit()
    explainer = SqliteExplainer(file)
    sql = 'SELECT u."desc" FROM "user" u WHERE u."desc" = 1 ORDER BY u."order"'
    assert shape_of(explainer, sql, "sqlite").scanned == {"user": 0}
    explainer.close()


@pytest.mark.database
def test_names_that_are_reserved_words_are_explained_on_mariadb(mariadb):
    address = parse(mariadb.new_database())
    client = MysqlClient(address, None, lambda: 0)
    client.run(f"USE `{address.database}`")
    client.run("CREATE TABLE `user table` (`desc` int, `order` int)")
    explainer = MysqlExplainer(client)
    assert shape_of(explainer, RESERVED.format("`"), "mysql")
    explainer.close()


@pytest.mark.database
def test_a_statement_that_mariadb_did_not_keep_whole_is_told_as_that(mariadb):
    client = MysqlClient(parse(mariadb.new_database()), None, lambda: 0)
    explainer = MysqlExplainer(client)
    cut = "select " + ", ".join(f"some_column_{n}" for n in range(60)) + " from orders where owner ="
    assert "raise max_digest_length" in str(explainer.explain(cut))
    assert "the server says" in str(explainer.explain("select name frm orders"))
    explainer.close()


def test_mysql_texts_get_values_that_no_place_refuses():
    assert valued('select "desc" from "a ""b`" where c = ?') == "select `desc` from `a \"b``` where c = '1'"
    assert valued("select * from t where a = ? limit ? offset ?") == "select * from t where a = '1' limit 1 offset 1"
    assert valued("select * from t where a in (?) limit ?, ?") == "select * from t where a in ('1') limit 1, 1"


@pytest.mark.database
def test_mariadb_explains_and_names_what_it_scans(mariadb):
    url = mariadb.new_database()
    address = parse(url)
    connection = pymysql.connect(
        host="127.0.0.1", port=address.port, user=address.user, password=address.password, database=address.database,
        autocommit=True,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE orders (id int AUTO_INCREMENT PRIMARY KEY, owner int, note varchar(20))")
        cursor.executemany("INSERT INTO orders (owner) VALUES (%s)", [(i % 50,) for i in range(3000)])
        cursor.execute("ANALYZE TABLE orders")
        explainer = MysqlExplainer(MysqlClient(address, None, lambda: 0))
        sql = "SELECT count(note) FROM orders AS o WHERE o.owner = 7 AND o.note LIKE '%x'"
        before = shape_of(explainer, sql, "mysql")
        assert before.scanned == {"orders": 3000}
        assert before.shape[-1] == "ALL on o"
        cursor.execute("CREATE INDEX by_owner ON orders (owner)")
        after = shape_of(explainer, sql, "mysql")
        assert after.scanned == {}
        assert after.shape[-1] == "ref on o using by_owner"
        assert isinstance(shape_of(explainer, "SELECT * FROM orders ORDER BY note LIMIT 3, 4", "mysql"), Explained)
        explainer.explain("delete from orders where owner = ?")
        cursor.execute("SELECT count(*) FROM orders")
        assert cursor.fetchone() == (3000,)
        cursor.execute("CREATE USER blind IDENTIFIED BY 'pw'")
        explainer.close()
        blind = f"mysql://blind:pw@127.0.0.1:{address.port}/{address.database}"
        explainer = MysqlExplainer(MysqlClient(parse(blind), None, lambda: 0))
        assert "GRANT SELECT ON" in str(explainer.explain("select * from orders"))
        explainer.close()
    connection.close()
