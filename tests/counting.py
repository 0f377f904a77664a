"""A PostgreSQL server that counts and logs statements: its fixtures and what they lend."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

import postgres

SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track": "all",
    "pg_stat_statements.max": "1000",
    "logging_collector": "on",
    "log_destination": "stderr,csvlog,jsonlog",
    "log_directory": "log",
    "log_filename": "server.log",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "fsync": "off",
}


@dataclass(frozen=True)
class Server:
    """A running server; ``url`` makes the address of one of its databases."""

    address: str

    def url(self, database: str, login: str | None = None) -> str:
        login = login or self.address.rsplit("@", 1)[0]
        return f"postgresql://{login}@{self.address.rsplit('@', 1)[1]}/{database}"

    def new_database(self, *, extension: bool = True) -> str:
        """Make a database and return its superuser URL."""
        name = f"q{secrets.token_hex(4)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        if extension:
            with psycopg.connect(self.url(name), autocommit=True) as connection:
                connection.execute("CREATE EXTENSION pg_stat_statements")
        return self.url(name)

    def new_role(self, url: str, grants: str = "") -> str:
        """Make a role that may log in to the database of ``url`` and return its URL."""
        role = f"r{secrets.token_hex(4)}"
        database = url.rsplit("/", 1)[1]
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'pw-{role}'")
            if grants:
                connection.execute(f"GRANT {grants} TO {role}")
        return self.url(database, f"{role}:pw-{role}")


@pytest.fixture(scope="session")
def counting_server() -> Iterator[Server]:
    binaries = postgres.find_binaries()
    user = postgres.unprivileged_user()
    if binaries is None or user is None:
        postgres.missing("PostgreSQL is not installed, or there is no user it could run as")
    with postgres.running_server(binaries, user, SETTINGS) as address:
        yield Server(address)


@pytest.fixture
def database(counting_server: Server) -> str:
    return counting_server.new_database()
