"""A private MariaDB server for tests: its own data in a temporary folder, on 127.0.0.1, gone afterwards."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql
import pytest

from postgres import end_with_parent, free_port, missing

START_SECONDS = 30
SETTINGS = {
    "performance-schema": "ON",
    "performance-schema-consumer-events-statements-history-long": "OFF",
    "bind-address": "127.0.0.1",
    "innodb-buffer-pool-size": "16M",
    "innodb-flush-log-at-trx-commit": "0",
    "skip-log-bin": None,
}


@dataclass(frozen=True)
class MariaDB:
    """A running server and its superuser."""

    port: int
    password: str

    def url(self, database: str, login: str | None = None) -> str:
        return f"mysql://{login or f'tester:{self.password}'}@127.0.0.1:{self.port}/{database}"

    def run(self, *statements: str) -> None:
        with connected(self.port, self.password) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def new_database(self) -> str:
        """Make an empty database and return its superuser URL."""
        name = f"q{secrets.token_hex(4)}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    def new_user(self, url: str, *grants: str) -> str:
        """Make a user of the database of ``url`` with further grants and return its URL."""
        user, database = f"u{secrets.token_hex(4)}", url.rsplit("/", 1)[1]
        self.run(f"CREATE USER {user} IDENTIFIED BY 'pw-{user}'", f"GRANT ALL ON {database}.* TO {user}")
        self.run(*(f"GRANT {grant} TO {user}" for grant in grants))
        return self.url(database, f"{user}:pw-{user}")


def connected(port: int, password: str) -> pymysql.Connection:
    return pymysql.connect(host="127.0.0.1", port=port, user="tester", password=password, autocommit=True)


def binaries() -> tuple[str, str]:
    """Return the server and the program that makes its data, or skip."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    server, install = shutil.which("mariadbd", path=path), shutil.which("mariadb-install-db", path=path)
    if server is None or install is None:
        missing("MariaDB is not installed (no mariadbd and mariadb-install-db)")
    return server, install


@contextmanager
def running_server(settings: Mapping[str, str | None] | None = None) -> Iterator[MariaDB]:
    """Lend a server with ``settings`` over the usual ones."""
    server, install = binaries()
    home = Path(tempfile.mkdtemp(prefix="perfproof-maria-"))  # not pytest's folder: another user cannot enter it
    identity: dict[str, object] = {}
    if os.getuid() == 0:
        names = {entry.pw_name for entry in pwd.getpwall()}
        user = next((name for name in ("mysql", "nobody") if name in names), None)
        if user is None:
            missing("MariaDB does not run as root, and there is no user `mysql` or `nobody`")
        identity = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
        shutil.chown(home, user, identity["group"])
    password = secrets.token_hex(8)
    (home / "init.sql").write_text(
        f"CREATE USER tester@'%' IDENTIFIED BY '{password}';\nGRANT ALL ON *.* TO tester@'%' WITH GRANT OPTION;\n"
    )
    (home / "init.sql").chmod(0o644)
    try:
        for _ in range(2):  # several at once can run out of the kernel's asynchronous requests
            made = subprocess.run(
                [install, "--no-defaults", f"--datadir={home / 'data'}", "--skip-test-db", "--skip-name-resolve"],
                cwd=home,
                capture_output=True,
                text=True,
                **identity,
            )
            if made.returncode == 0:
                break
            shutil.rmtree(home / "data", ignore_errors=True)
        assert made.returncode == 0, made.stdout + made.stderr
        with serving(server, home, identity, {**SETTINGS, **(settings or {})}, password) as found:
            yield found
    finally:
        shutil.rmtree(home)


@contextmanager
def serving(
    server: str, home: Path, identity: dict[str, object], settings: Mapping[str, str | None], password: str
) -> Iterator[MariaDB]:
    port = free_port()
    options = [f"--{name}" if value is None else f"--{name}={value}" for name, value in settings.items()]
    command = [server, "--no-defaults", f"--datadir={home / 'data'}", f"--port={port}", f"--socket={home / 's'}"]
    command += [f"--pid-file={home / 'pid'}", f"--init-file={home / 'init.sql'}", *options]
    log = home / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=end_with_parent,
            **identity,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not reachable(port, password):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"no answer in {START_SECONDS} s: " + log.read_text()[:4000]
            time.sleep(0.05)
        yield MariaDB(port, password)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(15)


def reachable(port: int, password: str) -> bool:
    try:
        connected(port, password).close()
    except pymysql.err.OperationalError:
        return False
    return True


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    with running_server() as server:
        yield server
