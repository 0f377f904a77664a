"""A private PostgreSQL server for tests: its own cluster in a temporary folder, on 127.0.0.1, gone afterwards."""

import ctypes
import getpass
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import psycopg
import pytest

START_SECONDS = 30
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "16MB",
    "max_connections": "50",
}


@contextmanager
def others_connecting(url: str) -> Iterator[None]:
    """Have two others open and close connections all the while."""
    ended = threading.Event()

    def connect() -> None:
        while not ended.is_set():
            psycopg.connect(url).close()

    threads = [threading.Thread(target=connect) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[], str]]:
    """A function that makes an empty database and returns its URL (``postgresql+psycopg://``, with a password)."""
    binaries = find_binaries()
    if binaries is None:
        missing("PostgreSQL is not installed (no initdb in /usr/lib/postgresql/*/bin or on PATH)")
    user = unprivileged_user()
    if user is None:
        missing("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`")
    with running_server(binaries, user) as address:
        yield lambda: new_database(address)


def missing(reason: str) -> None:
    """Skip with the reason, or fail where nothing may be skipped."""
    if os.environ.get("PERFPROOF_NO_SKIP") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def find_binaries() -> Path | None:
    """Return the folder of the newest installed server."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if folders:
        return max(folders, key=lambda folder: float(folder.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def unprivileged_user() -> str | None:
    """Return whom the server runs as: this user, or another one for root."""
    if os.getuid() != 0:
        return getpass.getuser()
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


@contextmanager
def running_server(binaries: Path, user: str, settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """Lend a server (``settings`` over the usual ones); what is lent is ``postgres:<password>@127.0.0.1:<port>``."""
    home = Path(tempfile.mkdtemp(prefix="perfproof-pg-", dir=roomy_memory()))
    try:
        password = secrets.token_hex(8)
        (home / "password").write_text(password)
        identity = {} if os.getuid() != 0 else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
        if identity:
            for path in (home, home / "password"):
                shutil.chown(path, user, identity["group"])
        arguments = ["-D", home / "data", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C"]
        arguments += ["--auth=scram-sha-256", f"--pwfile={home / 'password'}"]
        initdb = subprocess.run([binaries / "initdb", *arguments], cwd=home, capture_output=True, text=True, **identity)
        assert initdb.returncode == 0, initdb.stdout + initdb.stderr
        with serving(binaries, home, identity, f"postgres:{password}", {**SETTINGS, **settings}) as address:
            yield address
    finally:
        shutil.rmtree(home)


def roomy_memory() -> str | None:
    """Return a folder in memory if it has a gigabyte (each database is 7 MB in 300 files), else None: the usual one.

    Not pytest's folder, which another user cannot enter.
    """
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 2**30 else None


@contextmanager
def serving(
    binaries: Path, home: Path, identity: dict[str, object], login: str, settings: Mapping[str, str]
) -> Iterator[str]:
    port = free_port()
    address = f"{login}@127.0.0.1:{port}"
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command = [binaries / "postgres", "-D", home / "data", "-k", home, "-p", str(port), *options]
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_parent, **identity
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not reachable(address):
            assert server.poll() is None, (home / "server.log").read_text()
            assert time.monotonic() < deadline, f"no answer in {START_SECONDS} s: " + (home / "server.log").read_text()
            time.sleep(0.05)
        yield address
    finally:
        server.send_signal(signal.SIGQUIT)  # "immediate": no checkpoint, since the data goes anyway
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(15)


def end_with_parent() -> None:
    """Have the kernel end the server when the test process dies, even by SIGKILL."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGQUIT)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def reachable(address: str) -> bool:
    try:
        psycopg.connect(f"postgresql://{address}/postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def new_database(address: str) -> str:
    """Make an empty database and return its URL."""
    name = f"t{secrets.token_hex(6)}"
    with psycopg.connect(f"postgresql://{address}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://{address}/{name}"
