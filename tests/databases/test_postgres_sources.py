"""pg_stat_statements and the server log on a real PostgreSQL: exact counts, and plain words when they cannot be had."""

import random
import threading
import time

import psycopg
import pytest

import postgres
from perfproof.databases import postgres_log
from perfproof.databases.postgres import PostgresClient
from perfproof.databases.postgres_log import PostgresLog
from perfproof.databases.postgres_statements import PostgresStatements
from perfproof.databases.source import SourceError
from perfproof.databases.urls import parse
from perfproof.why.observed.plans import Explained
from perfproof.why.observed.postgres_plans import PostgresExplainer

pytestmark = pytest.mark.database
SOURCES = [PostgresStatements, PostgresLog]
TABLES = (
    "CREATE TABLE parent (id int PRIMARY KEY)",
    "CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent)",
    "INSERT INTO parent SELECT generate_series(1, 100)",
)


@pytest.fixture
def app(database):
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in TABLES:
            connection.execute(statement)
    return database


@pytest.fixture(params=SOURCES)
def source(request, app):
    made = request.param(parse(app))
    assert made.check() == []
    made.open()
    yield made
    made.close()


def by_text(count):
    assert count.void is None
    return {each.statement.text: each for each in count.statements if not each.nested}


def test_statements_rows_and_transactions_are_counted(source, app):
    with psycopg.connect(app) as connection:
        before = source.snapshot()
        for i in range(7):
            connection.execute("SELECT id FROM parent WHERE id < %s", (i,)).fetchall()
        connection.commit()
        count = source.count_since(before)
    found = by_text(count)
    query = found["select id from parent where id < ?"]
    assert (query.calls, found["begin"].calls, found["commit"].calls) == (7, 1, 1)
    assert count.queries == 7
    assert query.time_ns is not None
    if isinstance(source, PostgresStatements):
        assert query.rows == sum(max(0, i - 1) for i in range(7))
    else:
        assert query.repeated == 0


def test_both_sources_agree_with_what_was_sent_over_some_hundred_requests(app):
    """Random requests of a pooled service; what it sent is known here, and both sources must say the same."""
    statements, log = PostgresStatements(parse(app)), PostgresLog(parse(app))
    statements.open()
    log.open()
    rng = random.Random(1)
    with psycopg.connect(app) as one, psycopg.connect(app) as two:
        for _ in range(80):
            expected = [rng.choice(["SELECT 1", "SELECT id FROM parent WHERE id = %s", "SELECT count(*) FROM child"])]
            expected *= rng.randrange(1, 6)
            first, second = statements.snapshot(), log.snapshot()
            connection = rng.choice([one, two])
            for sql in expected:
                connection.execute(sql, (3,) if "%s" in sql else None)
            connection.commit()
            counts = statements.count_since(first), log.count_since(second)
            for count in counts:
                assert count.queries == len(expected), (count, expected)
                assert by_text(count)["commit"].calls == 1
            shapes = [{(each.statement.key, each.calls) for each in count.statements} for count in counts]
            assert shapes[0] == shapes[1]
    statements.close()
    log.close()


def test_a_late_commit_is_waited_for(source, app):
    with psycopg.connect(app) as connection:
        source.snapshot()
        before = source.snapshot()
        connection.execute("SELECT id FROM parent WHERE id = 1")
        late = threading.Timer(0.3, connection.commit)
        late.start()
        count = source.count_since(before)
        late.join()
        following = source.count_since(source.snapshot())
    assert by_text(count)["commit"].calls == 1
    assert count.queries == 1
    assert following.statements == ()


def test_a_connection_that_stays_in_a_transaction_is_doubted_once_and_then_passed_over(source, app):
    source._client.quiet.timeout = 0.3
    with psycopg.connect(app) as stuck, psycopg.connect(app) as connection:
        stuck.execute("SELECT 1")
        before = source.snapshot()
        connection.execute("SELECT id FROM parent WHERE id = 1")
        connection.commit()
        started = time.monotonic()
        count = source.count_since(before)
        assert time.monotonic() - started < 2
        assert any("inside a transaction" in doubt for doubt in count.doubts)
        assert by_text(count)["select id from parent where id = ?"].calls == 1
        stuck.rollback()


def test_failed_statements(source, app):
    with psycopg.connect(app) as connection:
        before = source.snapshot()
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("SELECT 1 / %s::int", (0,))
        connection.rollback()
        count = source.count_since(before)
    if isinstance(source, PostgresLog):
        assert count.failed == 1
        assert sum(each.failed or 0 for each in count.statements) == 1
    else:
        assert count.failed is None
        assert any("failed" in limit for limit in source.limits)


@pytest.mark.parametrize("same_role", [True, False])
def test_statements_whose_plan_was_asked_for_are_counted_as_before(app, counting_server, same_role):
    """To ask for a plan, it is prepared under a name of ours, and is known to the extension by the same id then.

    It is, where the server finds the type of the parameters itself, as for many drivers: hence the text.
    """
    service = app if same_role else counting_server.new_role(app, "pg_read_all_data")
    ends = [" and id = id" * number for number in range(12)]  # which of both is read last is up to the server
    with psycopg.connect(service, autocommit=True) as connection:
        for _ in range(2):
            source = PostgresStatements(parse(app))
            source.open()
            before = source.snapshot()
            for end in ends:
                connection.execute(f"SELECT id FROM parent WHERE id = %s{end}", ("1",))
            found = by_text(source.count_since(before))
            source.close()
            plans = PostgresExplainer(PostgresClient(parse(app)))
            for end in ends:
                text = f"select id from parent where id = ?{end}"
                assert found[text].calls == 1
                assert isinstance(plans.explain(text), Explained)
            plans.close()


def test_what_other_databases_do_is_not_counted(source, app, counting_server):
    other = counting_server.new_database()
    with psycopg.connect(other, autocommit=True) as stranger:
        before = source.snapshot()
        stranger.execute("SELECT 'elsewhere'")
        assert source.count_since(before).statements == ()


def test_what_other_roles_do_is_not_counted_when_a_role_is_given(app, counting_server):
    login = counting_server.new_role(app, "pg_read_all_data")
    role = parse(login).user
    for kind in SOURCES:
        source = kind(parse(app), role)
        assert source.check() == []
        source.open()
        with psycopg.connect(login, autocommit=True) as mine, psycopg.connect(app, autocommit=True) as stranger:
            before = source.snapshot()
            mine.execute("SELECT id FROM parent WHERE id = 1")
            stranger.execute("SELECT 'elsewhere'")
            count = source.count_since(before)
        source.close()
        assert list(by_text(count)) == ["select id from parent where id = ?"]


def test_foreign_keys_are_nested(app):
    source = PostgresStatements(parse(app))
    source.open()
    with psycopg.connect(app, autocommit=True) as connection:
        before = source.snapshot()
        connection.execute("INSERT INTO child VALUES (1, 1)")
        count = source.count_since(before)
    source.close()
    assert count.queries == 1
    nested = [each for each in count.statements if each.nested]
    assert len(nested) == 1
    assert "for key share" in nested[0].statement.text


def test_a_reset_voids_the_count(app):
    source = PostgresStatements(parse(app))
    source.open()
    before = source.snapshot()
    with psycopg.connect(app, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_statements_reset()")
    assert "reset" in (source.count_since(before).void or "")
    source.close()


def test_dropped_statements_void_the_count(app):
    source = PostgresStatements(parse(app))
    source.open()
    before = source.snapshot()
    with psycopg.connect(app, autocommit=True) as connection:
        for i in range(1200):  # pg_stat_statements.max is 1000
            connection.execute(f"SELECT {', '.join('1' * (i + 1))}")
    count = source.count_since(before)
    assert "pg_stat_statements.max" in (count.void or "")
    source.close()


def test_settings_are_restored(app):
    source = PostgresLog(parse(app))
    with psycopg.connect(app, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {parse(app).database} SET log_statement TO ddl")
    source.open()
    assert psycopg.connect(app).execute("SHOW log_statement").fetchone() == ("all",)
    source.close()
    source.close()
    assert psycopg.connect(app).execute("SHOW log_statement").fetchone() == ("ddl",)
    assert psycopg.connect(app).execute("SHOW log_duration").fetchone() == ("off",)


def test_connections_older_than_the_log_settings_are_doubted(app):
    source = PostgresLog(parse(app))
    with psycopg.connect(app, autocommit=True):
        source.open()
        count = source.count_since(source.snapshot())
    source.close()
    assert any("older than the log settings" in doubt for doubt in count.doubts)


def test_a_role_without_privileges_is_told_what_to_grant(app, counting_server):
    login = counting_server.new_role(app)
    user = parse(login).user
    with psycopg.connect(app, autocommit=True):
        (problem,) = PostgresStatements(parse(login)).check()
        assert f"GRANT pg_read_all_stats TO {user}" in problem
        problems = PostgresLog(parse(login)).check()
        with pytest.raises(SourceError, match="cannot be used"):
            PostgresStatements(parse(login)).open()
    assert any("GRANT pg_monitor" in each and user in each for each in problems)
    assert any("ALTER DATABASE" in each for each in problems)


def test_a_service_that_connects_later_as_a_hidden_role_is_not_counted_as_silent(app, counting_server):
    source = PostgresStatements(parse(counting_server.new_role(app)))
    source.open()
    with psycopg.connect(app, autocommit=True), pytest.raises(SourceError, match="hidden"):
        source.snapshot()
    source.close()


def test_connections_that_are_being_opened_are_not_taken_for_hidden(app, counting_server):
    client = PostgresClient(parse(app))
    with postgres.others_connecting(app):
        seen = [len(client.quiet.look().mark) for _ in range(1500)]
    client.close()
    assert max(seen) > 0


def test_a_role_that_sees_only_itself_is_enough_for_its_own_statements(app, counting_server):
    login = counting_server.new_role(app, "pg_read_all_data")
    source = PostgresStatements(parse(login))
    assert source.check() == []
    source.open()
    with psycopg.connect(login, autocommit=True) as connection:
        before = source.snapshot()
        connection.execute("SELECT id FROM parent WHERE id = 1")
        count = source.count_since(before)
    source.close()
    assert list(by_text(count)) == ["select id from parent where id = ?"]


def test_a_missing_extension_is_told(counting_server):
    problems = PostgresStatements(parse(counting_server.new_database(extension=False))).check()
    assert len(problems) == 1
    assert "CREATE EXTENSION pg_stat_statements" in problems[0]


def test_a_log_file_that_cannot_be_read_is_told(app, tmp_path):
    problems = PostgresLog(parse(app), file=tmp_path / "no.log").check()
    assert any("no.log cannot be read" in each for each in problems)


def test_a_log_file_of_another_server_is_told(app, tmp_path, monkeypatch):
    monkeypatch.setattr(postgres_log, "MARKER_TIMEOUT_S", 0.5)
    (tmp_path / "other.log").write_text("nothing\n")
    source = PostgresLog(parse(app), file=tmp_path / "other.log")
    source.open()
    try:
        with pytest.raises(SourceError, match="does not show what the server"):
            source.snapshot()
    finally:
        source.close()


def test_a_password_never_shows():
    source = PostgresStatements(parse("postgresql://me:hunter2secret@127.0.0.1:1/x"))
    (problem,) = source.check()
    assert "hunter2secret" not in problem
    assert "does not answer" in problem
    assert "hunter2secret" not in repr(parse("postgresql://me:hunter2secret@127.0.0.1:1/x"))


def test_a_database_that_goes_down_in_mid_probe_is_an_error_and_the_source_recovers():
    binaries, user = postgres.find_binaries(), postgres.unprivileged_user()
    if binaries is None or user is None:
        postgres.missing("PostgreSQL is not installed, or there is no user it could run as")
    settings = {"shared_preload_libraries": "pg_stat_statements"}
    with postgres.running_server(binaries, user, settings) as address:
        url = f"postgresql://{address}/postgres"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        source = PostgresStatements(parse(url))
        source.open()
        before = source.snapshot()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'perfproof'"
            )
        with pytest.raises(SourceError, match="does not answer"):
            source.count_since(before)
        assert source.count_since(source.snapshot()).void is None  # connected again
    with pytest.raises(SourceError, match="does not answer"):
        source.snapshot()
    source.close()
