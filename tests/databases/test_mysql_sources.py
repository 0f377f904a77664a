"""performance_schema and the general log on a real MariaDB: exact counts, and plain words when they cannot be had."""

import random
import shutil
import subprocess
import threading
from pathlib import Path

import pymysql
import pytest

import mariadb as mariadb_server
from perfproof.databases.mysql_log import MysqlLog
from perfproof.databases.mysql_schema import MysqlSchema
from perfproof.databases.source import SourceError
from perfproof.databases.urls import parse
from postgres import missing

pytestmark = pytest.mark.database
SOURCES = [MysqlSchema, MysqlLog]


def connect(url, **more):
    address = parse(url)
    names = {"host": address.host, "port": address.port, "user": address.user, "password": address.password}
    return pymysql.connect(**names, database=address.database, **more)


def run(connection, sql, values=()):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


@pytest.fixture
def app(mariadb):
    url = mariadb.new_database()
    connection = connect(url, autocommit=True)
    run(connection, "CREATE TABLE parent (id int PRIMARY KEY, name varchar(20))")
    run(connection, "CREATE TABLE audit (id int)")
    run(connection, "CREATE TRIGGER noted AFTER INSERT ON parent FOR EACH ROW INSERT INTO audit VALUES (new.id)")
    connection.close()
    return url


@pytest.fixture(params=SOURCES)
def source(request, app):
    made = request.param(parse(app))
    assert made.check() == []
    made.open()
    yield made
    made.close()


def by_text(count):
    assert count.void is None, count.void
    return {each.statement.text: each for each in count.statements if not each.nested}


def test_statements_and_transactions_are_counted(source, app):
    connection = connect(app)
    before = source.snapshot()
    run(connection, "INSERT INTO parent VALUES (%s, %s), (%s, %s)", (1, "s3cret", 2, "b"))
    for i in range(4):
        run(connection, "SELECT name FROM parent WHERE id = %s", (i % 3,))
    with pytest.raises(pymysql.err.ProgrammingError):
        run(connection, "SELECT nothing FROM nowhere")
    connection.commit()
    count = source.count_since(before)
    connection.close()
    found = by_text(count)
    query = found["select name from parent where id = ?"]
    assert (query.calls, query.repeated, found["commit"].calls) == (4, 1, 1)
    assert found["insert into parent values (?)"].calls == 1
    assert "s3cret" not in repr(count)
    if isinstance(source, MysqlSchema):
        assert (query.rows, found["insert into parent values (?)"].rows, count.failed) == (2, 2, 1)
        assert [each.calls for each in count.statements if each.nested] == [2]


def test_long_statements_that_differ_in_their_values_are_no_repetition(source, app):
    """The server keeps the first 1,024 bytes, and of what is longer its digest, which has no values at all."""
    connection = connect(app, autocommit=True)
    long = "SELECT id, name, " + ", ".join(f"concat(name, id) AS a_name_that_takes_room_{n}" for n in range(30))
    before = source.snapshot()
    for i in range(4):
        run(connection, f"{long} FROM parent WHERE id = {i}")
    count = source.count_since(before)
    connection.close()
    (found,) = [each for text, each in by_text(count).items() if text.startswith("select id, name")]
    assert (found.calls, found.repeated or 0) == (4, 0)


def test_both_sources_agree_with_what_was_sent_over_many_requests(app):
    sources = [kind(parse(app)) for kind in SOURCES]
    for each in sources:
        each.open()
    rng = random.Random(1)
    connections = [connect(app), connect(app)]
    for _ in range(40):
        sent = [rng.choice(["SELECT 1", "SELECT name FROM parent WHERE id = 3", "SELECT count(*) FROM audit"])]
        sent *= rng.randrange(1, 6)
        before = [each.snapshot() for each in sources]
        connection = rng.choice(connections)
        for sql in sent:
            run(connection, sql)
        connection.commit()
        counts = [each.count_since(snapshot) for each, snapshot in zip(sources, before, strict=True)]
        shapes = [{(each.statement.key, each.calls) for each in count.statements} for count in counts]
        assert [count.queries for count in counts] == [len(sent)] * 2
        assert shapes[0] == shapes[1]
    for each in sources:
        each.close()


def test_more_statements_than_the_history_holds_are_counted_by_their_digests(app):
    source = MysqlSchema(parse(app))
    source.open()
    connection = connect(app, autocommit=True)
    before = source.snapshot()
    for i in range(1300):
        run(connection, "SELECT name FROM parent WHERE id = %s", (i,))
    count = source.count_since(before)
    source.close()
    assert by_text(count)["select name from parent where id = ?"].calls == 1300


def test_a_late_commit_is_waited_for(source, app):
    connection = connect(app)
    before = source.snapshot()
    run(connection, "UPDATE parent SET name = 'x'")
    run(connection, "INSERT INTO audit VALUES (1)")
    late = threading.Timer(0.4, connection.commit)
    late.start()
    count = source.count_since(before)
    late.join()
    assert by_text(count)["commit"].calls == 1
    assert source.count_since(source.snapshot()).statements == ()


def test_other_databases_are_not_counted(source, app, mariadb):
    stranger = connect(mariadb.new_database(), autocommit=True)
    before = source.snapshot()
    run(stranger, "SELECT 'elsewhere'")
    assert source.count_since(before).statements == ()


def test_prepared_statements_of_a_service_in_node_are_counted(source, app, node_modules):
    script = """
    const mysql = require('mysql2/promise');
    process.stdin.once('data', async () => {
      const c = await mysql.createConnection(process.argv[1]);
      for (let i = 0; i < 5; i++) await c.execute('SELECT name FROM parent WHERE id = ?', [i]);
      await c.query('SELECT 7');
      console.log('done');
      process.stdin.once('data', () => c.end().then(() => process.exit()));
    });
    """
    command = ["node", "-e", script, app]
    with subprocess.Popen(command, cwd=node_modules, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
        before = source.snapshot()
        node.stdin.write("go\n")
        node.stdin.flush()
        assert node.stdout.readline() == "done\n"
        count = source.count_since(before)
        node.stdin.write("end\n")
        node.stdin.close()
        node.wait(10)
    found = by_text(count)
    assert found["select name from parent where id = ?"].calls == 5
    assert found["select ?"].calls == 1


def test_settings_are_restored(app):
    for kind in SOURCES:
        source = kind(parse(app))
        source.open()
        source.close()
        source.close()
    connection = connect(app)
    assert run(connection, "SELECT @@general_log, @@log_output") == ((0, "FILE"),)
    enabled = run(connection, "SELECT name FROM performance_schema.setup_consumers WHERE enabled = 'YES'")
    assert ("events_statements_history_long",) not in enabled


def test_a_user_without_privileges_is_told_what_to_grant(app, mariadb):
    login = mariadb.new_user(app)
    user = parse(login).user
    (problem,) = MysqlSchema(parse(login)).check()
    assert f"GRANT SELECT ON performance_schema.* TO {user}" in problem
    problems = MysqlLog(parse(login)).check()
    assert any("GRANT SELECT, DROP ON mysql.general_log" in each for each in problems)
    assert any("GRANT SUPER" in each for each in problems)
    with pytest.raises(SourceError, match="cannot be used"):
        MysqlSchema(parse(login)).open()


def test_a_user_who_may_only_read_gets_digests_and_is_told_the_limits(app, mariadb):
    login = mariadb.new_user(app, "SELECT ON performance_schema.*")
    source = MysqlSchema(parse(login))
    source.open()
    connection = connect(login, autocommit=True)
    before = source.snapshot()
    for _ in range(3):
        run(connection, "SELECT name FROM parent")
    count = source.count_since(before)
    source.close()
    assert by_text(count)["select name from parent"].calls == 3
    assert any("GRANT UPDATE ON performance_schema.setup_consumers" in each for each in source.limits)
    assert any("GRANT PROCESS" in each for each in source.limits)


def test_a_server_without_performance_schema_is_told_what_to_set_and_loses_its_answer_when_it_goes_down():
    with mariadb_server.running_server({"performance-schema": "OFF"}) as server:
        url = server.new_database()
        (problem,) = MysqlSchema(parse(url)).check()
        assert "performance_schema=ON" in problem
        source = MysqlLog(parse(url))
        assert source.check() == []
        source.open()
        before = source.snapshot()
    with pytest.raises(SourceError, match="does not answer"):
        source.count_since(before)


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory) -> Path:
    """A folder with the Node packages of the tests."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        missing("Node is not installed")
    folder = tmp_path_factory.mktemp("node")
    done = subprocess.run(
        ["npm", "install", "--silent", "--no-fund", "--no-audit", "mysql2@3"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        missing("npm cannot install mysql2: " + done.stderr[-300:])
    return folder
