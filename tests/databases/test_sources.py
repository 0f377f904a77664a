"""Which sources are chosen, and what is said about it."""

import pytest

from perfproof.databases.sources import ServiceFacts, choose
from perfproof.errors import UsageError


def names(choice):
    return [source.name for source in choice.sources]


@pytest.mark.database
def test_pg_stat_statements_is_taken_where_it_works(database, tmp_path):
    choice = choose([database.replace("postgresql://", "postgresql+asyncpg://")], ServiceFacts(tmp_path / "a", True))
    assert names(choice) == ["PostgreSQL (pg_stat_statements)", "agent in the service"]
    assert choice.problems == ()


@pytest.mark.database
def test_the_log_is_taken_where_the_extension_is_missing(counting_server):
    choice = choose([counting_server.new_database(extension=False)], ServiceFacts(python=False))
    assert names(choice) == ["PostgreSQL (server log)"]
    assert "since the extension is missing" in choice.reasons[0]


@pytest.mark.database
def test_mariadb_and_sqlite_together(mariadb, tmp_path):
    choice = choose([mariadb.new_database(), "sqlite"], ServiceFacts(tmp_path / "a"))
    assert names(choice) == ["MariaDB (performance_schema)", "agent in the service"]
    assert "the only view of SQLite" in choice.reasons[1]


def test_sqlite_of_a_service_that_runs_already_cannot_be_counted():
    choice = choose(["sqlite:///shop.db"], ServiceFacts())
    assert choice.sources == ()
    assert "service.command" in choice.problems[0]


def test_a_database_that_is_down_is_a_problem_and_no_error():
    choice = choose(["postgresql://me:hunter2@127.0.0.1:1/x"], ServiceFacts(python=False))
    assert choice.sources == ()
    assert "does not answer" in choice.problems[0]
    assert not any("hunter2" in problem for problem in choice.problems)


@pytest.mark.parametrize("url", ["oracle://x/y", "postgresql://host:port/x"])
def test_an_address_that_cannot_be_read_is_a_mistake_of_the_user(url):
    with pytest.raises(UsageError):
        choose([url], ServiceFacts())
