"""Whether anything is lost or left when perfproof is killed at any moment, or interrupted.

    python benchmarks/kills.py [--tries 100] [--seed 1] [--postgres]

Each try starts `perfproof ab --baseline-ref` (git checkouts, prepare, snapshot, probe, rounds, causes, sealing, store)
on a service that changes its database, ends it at a random moment, every other time by SIGKILL, else by Ctrl-C, and
then runs `perfproof list`. After that the user's database must be whole and hold what it was prepared with; no process,
no temporary file and no half-made round may be left; the run must be marked as ended, and every sealed round must be
readable. With --postgres the database is on a PostgreSQL server of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from perfproof.errors import PerfproofError
from perfproof.evidence.reader import read

ROWS = 2000
"""What the database is prepared with; the service adds rows and removes none."""

SERVICE = """
import http.server, os, sqlite3, sys
file = os.environ["SHOP"]
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = b"up"
        if self.path != "/health":
            with sqlite3.connect(file, timeout=5) as database:
                database.execute("INSERT INTO t (n) VALUES (-1)")
                body = str(database.execute("SELECT count(*) FROM t WHERE n >= 0").fetchone()[0]).encode()
            database.close()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

PREPARE = f"""
import os, sqlite3
database = sqlite3.connect(os.environ["SHOP"])
database.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER)")
if not database.execute("SELECT 1 FROM t").fetchone():
    database.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range({ROWS})])
database.commit()
if os.environ.get("PGSHOP"):
    import psycopg
    with psycopg.connect(os.environ["PGSHOP"]) as server:
        server.execute("CREATE TABLE IF NOT EXISTS t AS SELECT generate_series(0, {ROWS - 1}) AS n")
"""

SCENARIO = """\
name: kills
service:
  command: "{python} service.py {port}"
  environment: {SHOP: "FOLDER/shop-{arm}.db", PGSHOP: "URL"}
  prepare: "{python} prepare.py"
  snapshot: "SNAPSHOT"
  health: /health
  start_timeout: 20s
requests:
  - {name: add, get: "/add?n={n}", values: {n: [1, 2]}, scale: {parameter: n, sizes: [1, 2]}}
load: {model: open, rate: 60/s}
rounds: {count: 2, warmup: 100ms, warmup_requests: 2, blocks: 2, block: 150ms}
"""


@dataclass
class Ground:
    """A git repository with a service in it, the user's database beside it, and folders that perfproof uses."""

    folder: Path
    url: str = ""
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.temporary.mkdir()
        self.code.mkdir()
        (self.code / "service.py").write_text(SERVICE)
        (self.code / "prepare.py").write_text(PREPARE)
        text = SCENARIO.replace("FOLDER", str(self.folder)).replace("URL", self.url)
        text = text.replace("SNAPSHOT", self.url or f"{self.folder}/shop-{{arm}}.db")
        if self.url:
            text = text.replace('"{python} prepare.py"', f'"{sys.executable} prepare.py"')
        (self.code / "kills.yaml").write_text(text)
        git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com"]
        for command in (
            ["init", "-q"],
            ["add", "."],
            ["commit", "-qm", "first"],
            ["commit", "-qm", "2", "--allow-empty"],
        ):
            subprocess.run([*git, *command], cwd=self.code, check=True, capture_output=True)
        self.environ = {
            **os.environ,
            "TMPDIR": str(self.temporary),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "KILLS_FOLDER": str(self.folder),
            "NO_COLOR": "1",
        }

    @property
    def temporary(self) -> Path:
        """Where temporary files go."""
        return self.folder / "temporary"

    @property
    def code(self) -> Path:
        """The repository."""
        return self.folder / "code"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start perfproof in the repository."""
        command = [sys.executable, "-m", "perfproof", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=self.code, env=self.environ, start_new_session=True, **pipes)

    def measure(self) -> subprocess.Popen[str]:
        """Start the measurement that is to be ended."""
        return self.start("ab", "kills.yaml", "--baseline-ref", "HEAD~1", "-q", "--json", "-")

    def living(self) -> list[str]:
        """Return the processes that carry this folder's name in their environment."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("KILLS_FOLDER") == str(self.folder):
                    found.append(" ".join(process.cmdline())[:100])
        return found


def attempt(ground: Ground, number: signal.Signals, after: float) -> list[str]:
    """End a measurement after so many seconds, run the next command, and return what is wrong then."""
    process = ground.measure()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=after)
    ended = process.poll() is not None
    if not ended:
        process.send_signal(number)
    try:
        out, err = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        return [f"it did not end within 60 s of {number.name}"]
    wrong = []
    if number is not signal.SIGKILL and "perfproof" not in err and process.returncode == -number:
        return []  # Python itself was still starting
    if not ended and number is signal.SIGINT and process.returncode not in (130, 0, 1, 3, 4):
        wrong.append(f"Ctrl-C gave exit code {process.returncode}: {err[-300:]}")
    if "Traceback" in err + out or "perfproof itself failed" in err:
        wrong.append(err[-600:])
    deadline = time.monotonic() + 15
    while ground.living() and time.monotonic() < deadline:
        time.sleep(0.05)
    wrong += [f"still alive: {each}" for each in ground.living()]
    listing = ground.start("list", "--json")
    listed, said = listing.communicate(timeout=60)
    if listing.returncode or "Traceback" in said:
        wrong.append(f"list: {said[-500:]}")
    else:
        wrong += [f"{run['id']} is {run['status']}" for run in json.loads(listed) if run["status"] == "running"]
    return wrong + look(ground)


def look(ground: Ground) -> list[str]:
    """Return what is lost or left."""
    wrong = [f"left: {path}" for path in ground.temporary.rglob("*")]
    wrong += [f"left: {path}" for path in ground.folder.glob(".*")]
    wrong += [f"left: {path}" for path in (ground.code / "results").glob("*/rounds/.*")]
    for file in ground.folder.glob("shop-*.db"):
        with closing(sqlite3.connect(file)) as database:
            if database.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                wrong.append(f"{file.name} is damaged")
            there = database.execute("SELECT name FROM sqlite_master WHERE name = 't'").fetchone()
            rows = database.execute("SELECT count(*) FROM t WHERE n >= 0").fetchone()[0] if there else 0
            if rows not in (0, ROWS):  # 0: ended before `prepare` had committed
                wrong.append(f"{file.name} has {rows} rows of {ROWS}")
    for run in sorted((ground.code / "results").glob("*/run.json")):
        try:
            read(run.parent)
        except PerfproofError as error:
            wrong.append(f"{run.parent.name}: {error}")
    return wrong + _look_at_server(ground)


def _look_at_server(ground: Ground) -> list[str]:
    if not ground.url:
        return []
    import psycopg

    with psycopg.connect(ground.url) as server:
        there = server.execute("SELECT to_regclass('t') IS NOT NULL").fetchone()[0]
        rows = server.execute("SELECT count(*) FROM t").fetchone()[0] if there else 0
    return [] if rows in (0, ROWS) else [f"the PostgreSQL database has {rows} rows of {ROWS}"]


def clones(url: str) -> list[str]:
    """Return the databases on the server that perfproof has made."""
    import psycopg

    with psycopg.connect(url) as server:
        found = server.execute("SELECT datname FROM pg_database WHERE strpos(datname, '_perfproof_') > 0")
        return [row[0] for row in found.fetchall()]


def settle(ground: Ground) -> tuple[float, list[str]]:
    """Measure once to the end; return how long that took, and what is wrong then."""
    began = time.monotonic()
    process = ground.measure()
    out, err = process.communicate(timeout=300)
    wrong = (
        look(ground)
        if process.returncode in (0, 1, 3, 4)
        else [f"exit code {process.returncode}: {err[-600:]}{out[-300:]}"]
    )
    if ground.url:
        wrong += [f"left on the server: {name}" for name in clones(ground.url)]
    return time.monotonic() - began, wrong


@contextlib.contextmanager
def server(*, wanted: bool):
    """Lend the URL of a database on a PostgreSQL server of its own."""
    if not wanted:
        yield ""
        return
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    import postgres

    binaries, user = postgres.find_binaries(), postgres.unprivileged_user()
    assert binaries is not None
    assert user is not None
    with postgres.running_server(binaries, user) as address:
        yield postgres.new_database(address).replace("+psycopg", "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    chance, bad = random.Random(options.seed), 0
    with tempfile.TemporaryDirectory() as name, server(wanted=options.postgres) as url:
        ground = Ground(Path(name), url)
        seconds, wrong = settle(ground)
        print(f"whole run: {seconds:.1f} s {wrong or ''}", flush=True)
        for number in range(options.tries):
            kind = signal.SIGINT if number % 2 else signal.SIGKILL
            after = chance.uniform(0, seconds)
            wrong = attempt(ground, kind, after)
            bad += bool(wrong)
            print(f"{number + 1:>4} {kind.name:>8} after {after:5.2f} s  {'; '.join(wrong) or 'ok'}", flush=True)
        seconds, wrong = settle(ground)
        bad += bool(wrong)
        print(f"whole run afterwards: {seconds:.1f} s {'; '.join(wrong) or 'ok'}")
    print(f"{bad} of {options.tries} tries went wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
