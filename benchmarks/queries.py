"""Counts of every source against the server's own statement log, over many probed requests.

    python benchmarks/queries.py [--requests 10000] [--services django-mariadb,...] [--node-modules FOLDER]

Starts a private PostgreSQL and a private MariaDB server and, one after another, services in Python and Node, most with
two worker processes and a background timer that queries the same database as another role; every request runs 1 + n
statements with a random n, and sends its COMMIT late now and then. The reference is the log that the server itself
writes, read by this file and not by perfproof: the statements of the service's role while the request was probed. What
the service says it sent must agree as well. Prints a line per service and source: requests, agreeing, share.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import io
import os
import random
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

import psycopg  # noqa: E402

import counting  # noqa: E402 - from the folder that was just added
import mariadb  # noqa: E402
import postgres  # noqa: E402
from perfproof.databases.agent import AgentSource  # noqa: E402
from perfproof.databases.mysql_log import MysqlLog  # noqa: E402
from perfproof.databases.mysql_schema import MysqlSchema  # noqa: E402
from perfproof.databases.postgres_log import PostgresLog  # noqa: E402
from perfproof.databases.postgres_statements import PostgresStatements  # noqa: E402
from perfproof.databases.source import AnySource  # noqa: E402
from perfproof.databases.urls import parse  # noqa: E402
from perfproof.model.queries import ProbeCount  # noqa: E402

APPS = Path(__file__).parent / "queries_apps"
COMMANDS = {
    "sqlalchemy": "{python} -m gunicorn --log-level warning -b 127.0.0.1:{port} -w 2 orm:wsgi",
    "django": "{python} -m gunicorn --log-level warning -b 127.0.0.1:{port} -w 2 dj:wsgi",
    "asyncpg": "{python} -m uvicorn --host 127.0.0.1 --port {port} --log-level warning raw:app",
    "node": "node {apps}/cluster.js {port}",
}
SERVICES = {
    "sqlalchemy-postgresql": 7, "django-postgresql": 7, "asyncpg-postgresql": 7, "node-postgresql": 7,
    "sqlalchemy-mariadb": 1, "django-mariadb": 1, "node-mariadb": 1,
}  # fmt: skip
"""Each with its share of the requests; a probe on MariaDB takes ten times as long."""
TABLE = (
    "CREATE TABLE relations (id integer PRIMARY KEY, name varchar(64))",
    *(f"INSERT INTO relations VALUES ({n}, 'name {n}')" for n in range(1, 21)),
)
MARIADB_SETTINGS = {"general-log": "ON", "log-output": "FILE"}
NO_QUERY = re.compile(r"(?i)\s*(begin|commit|rollback|start |set |show |select pg_advisory_unlock_all)")


@dataclass
class PostgresReference:
    """The server's CSV log: what one role has sent, its transactions and settings apart."""

    file: Path
    role: str
    offset: int = 0

    def sent(self) -> int:
        """Return how many statements were logged since the last call."""
        with self.file.open("rb") as log:
            log.seek(self.offset)
            text = log.read()
        self.offset += len(text)
        return sum(map(self._counts, csv.reader(io.StringIO(text.decode()))))

    def _counts(self, row: list[str]) -> bool:
        found = re.match(r"(?:statement|execute [^:]*): (.*)", row[13], re.DOTALL) if row[1] == self.role else None
        return found is not None and not NO_QUERY.match(found[1])


@dataclass
class MariadbReference:
    """The server's general log, the file (perfproof reads the table): what the connections of one role have sent."""

    file: Path
    role: str
    offset: int = 0
    connections: set[str] = field(default_factory=set)

    def sent(self) -> int:
        """Return how many statements were logged since the last call."""
        with self.file.open("rb") as log:
            log.seek(self.offset)
            text = log.read()
        self.offset += len(text)
        count = 0
        for found in re.finditer(r"(?m)^\S* ?\S*\t+ *(\d+) (Connect|Query|Execute)\t(.*)$", text.decode()):
            thread, command, argument = found.groups()
            if command == "Connect":
                (self.connections.add if argument.startswith(f"{self.role}@") else self.connections.discard)(thread)
            elif thread in self.connections and not NO_QUERY.match(argument):
                count += 1
        return count


@dataclass
class Place:
    """Where a service runs: its own role's address, the timer's, the sources to judge and the server's own log."""

    role: str
    timer: str
    sources: dict[str, AnySource]
    reference: PostgresReference | MariadbReference


def on_postgresql(server: counting.Server) -> Place:
    """Make a database for one service."""
    url = server.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in TABLE:
            connection.execute(statement.encode())
        row = connection.execute("SELECT current_setting('data_directory'), pg_current_logfile('csvlog')").fetchone()
    role = server.new_role(url, "pg_read_all_data, pg_write_all_data")
    user = parse(role).user or ""
    sources = {"pg_stat_statements": PostgresStatements(parse(url), user), "log": PostgresLog(parse(url), user)}
    assert row is not None
    return Place(role, url, sources, PostgresReference(Path(row[0]) / row[1], user))


def on_mariadb(server: mariadb.MariaDB) -> Place:
    """Make a database for one service."""
    url = server.new_database()
    name = parse(url).database
    server.run(f"USE {name}", *TABLE)
    with mariadb.connected(server.port, server.password) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@datadir, @@general_log_file")
        (row,) = cursor.fetchall()
    role = server.new_user(url)
    user = parse(role).user or ""
    sources = {"performance_schema": MysqlSchema(parse(url), user), "log": MysqlLog(parse(url), user)}
    return Place(role, url, sources, MariadbReference(Path(row[0]) / row[1], user))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=10_000, help="probed requests over all services")
    parser.add_argument("--services", default=",".join(SERVICES))
    parser.add_argument("--node-modules", type=Path, help="a folder in which `npm install express pg mysql2` was run")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the services end too
    names = [name for name in arguments.services.split(",") if not name.startswith("node") or arguments.node_modules]
    binaries, user = postgres.find_binaries(), postgres.unprivileged_user()
    if binaries is None or user is None:
        print("PostgreSQL is not installed")
        return 2
    wrong = probed = 0
    with ExitStack() as stack:
        pg = counting.Server(stack.enter_context(postgres.running_server(binaries, user, counting.SETTINGS)))
        maria = stack.enter_context(mariadb.running_server(MARIADB_SETTINGS)) if "mariadb" in " ".join(names) else None
        for at, name in enumerate(names):
            left = sum(SERVICES[each] for each in names[at:])
            requests = (arguments.requests - probed) * SERVICES[name] // left
            app, _, system = name.partition("-")
            place = on_mariadb(maria) if system == "mariadb" and maria is not None else on_postgresql(pg)
            wrong += measure(name, app, place, requests, arguments.node_modules)
            probed += requests
    print(f"{probed} requests probed: " + ("all counts agree" if not wrong else f"{wrong} counts differ"))
    return int(wrong > 0)


def measure(name: str, app: str, place: Place, requests: int, node_modules: Path | None) -> int:
    """Probe one service and print how often each source agreed; return the number of differing counts."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        agent = AgentSource(home / "agent")
        sources = place.sources if app == "node" else {**place.sources, "agent": agent}
        for source in sources.values():
            source.open()
            stack.callback(source.close)
        port = start(app, stack, agent, place, node_modules)
        agreeing: Counter[str] = Counter()
        rng = random.Random(1)
        with ThreadPoolExecutor(8) as pool:  # at once, so that every worker has its connections
            list(pool.map(lambda _: ask(port, 10, 1), range(80)))
        background = idle(sources)
        started = time.monotonic()
        for _ in range(requests):
            number, late = rng.choice((0, 1, 2, 5, 10)), rng.random() < 0.02
            snapshots = {kind: source.snapshot() for kind, source in sources.items()}
            place.reference.sent()
            trace, said = ask(port, number, int(late))
            counts = {kind: source.count_since(snapshots[kind], trace) for kind, source in sources.items()}
            sent = place.reference.sent()
            if sent != said:
                print(f"  the server has logged {sent} statements, the service says that it sent {said}")
            for kind, count in counts.items():
                right = count.void is None and queries(count, background) == sent == said
                agreeing[kind] += right
                if not right:
                    shapes = [(each.calls, each.statement.text) for each in count.statements]
                    print(f"  {kind}: {sent} sent, counted {shapes} {count.void or ''} {count.doubts}")
        each = 1000 * (time.monotonic() - started) / requests
        for kind in sources:
            told = f"requests {requests:5}  agreeing {agreeing[kind]:5}  {agreeing[kind] / requests:.2%}"
            print(f"{name:22s} {kind:19s} {told}  {each:.0f} ms per request", flush=True)
        return sum(requests - agreeing[kind] for kind in sources)


def idle(sources: dict[str, AnySource]) -> frozenset[str]:
    """Return the fingerprints seen while no request is sent, as a probe does."""
    before = {kind: source.snapshot() for kind, source in sources.items() if kind != "agent"}
    time.sleep(1)
    counts = [sources[kind].count_since(state) for kind, state in before.items()]
    return frozenset(each.statement.key for count in counts for each in count.statements)


def queries(count: ProbeCount, background: frozenset[str]) -> int:
    """Return the queries of a count that the background does not run."""
    mine = [each for each in count.statements if each.statement.kind == "query" and not each.nested]
    return sum(each.calls for each in mine if each.statement.key not in background)


def start(app: str, stack: ExitStack, agent: AgentSource, place: Place, node_modules: Path | None) -> int:
    """Start the service and return its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = COMMANDS[app].format(python=sys.executable, port=port, apps=APPS).split()
    environment = {**os.environ, "DATABASE": place.role, "TIMER": place.timer, "PYTHONPATH": str(APPS)}
    if app == "node":
        environment["NODE_PATH"] = str((node_modules or Path()) / "node_modules")
    else:
        environment = agent.environment(environment)
    process = subprocess.Popen(command, cwd=APPS, env=environment, start_new_session=True)
    stack.callback(stop, process)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            ask(port, 0, 0)
        except OSError:
            time.sleep(0.1)
        else:
            return port
    raise SystemExit(f"the service {app} did not start")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the service by its process id."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def ask(port: int, number: int, late: int) -> tuple[str, int]:
    """Send one request; return its trace id and the number of statements that the service says it sent."""
    trace = secrets.token_hex(16)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}
    connection.request("GET", f"/?n={number}&late={late}", headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200:
        raise SystemExit(f"the service answered {response.status}: {body[:300]!r}")
    return trace, int(body)


if __name__ == "__main__":
    sys.exit(main())
