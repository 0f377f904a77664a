"""Counts of every source against the statements that a service really sent, over many probed requests.

    python benchmarks/queries.py [--requests 10000] [--services fastapi,django,asyncpg,node]

Starts a private PostgreSQL server and services in Python and Node, most with two worker processes and a background
timer that queries the same database as another role; every request runs 1 + n statements with a random n, and sends its
COMMIT late now and then. The reference is what the service says in its answer: how many
statements its own code sent. Prints one line per service and source: requests, agreeing, share.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

import counting  # noqa: E402 - from the folder that was just added
import postgres  # noqa: E402
from perfproof.collectors.queries.agent_source import AgentSource  # noqa: E402
from perfproof.collectors.queries.postgres_log import PostgresLog  # noqa: E402
from perfproof.collectors.queries.postgres_statements import PostgresStatements  # noqa: E402
from perfproof.collectors.queries.urls import parse  # noqa: E402

APPS = Path(__file__).parent / "queries_apps"
COMMANDS = {
    "sqlalchemy": "{python} -m gunicorn -b 127.0.0.1:{port} -w 2 orm:wsgi",
    "django": "{python} -m gunicorn -b 127.0.0.1:{port} -w 2 dj:wsgi",
    "asyncpg": "{python} -m uvicorn --host 127.0.0.1 --port {port} --log-level warning raw:app",
    "node": "node {apps}/cluster.js {port}",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=10_000, help="probed requests over all services")
    parser.add_argument("--services", default=",".join(COMMANDS))
    parser.add_argument("--node-modules", type=Path, help="a folder in which `npm install express pg` was run")
    arguments = parser.parse_args()
    services = [name for name in arguments.services.split(",") if name != "node" or arguments.node_modules]
    binaries, user = postgres.find_binaries(), postgres.unprivileged_user()
    if binaries is None or user is None:
        print("PostgreSQL is not installed")
        return 2
    wrong = 0
    with postgres.running_server(binaries, user, counting.SETTINGS) as address:
        server = counting.Server(address)
        for name in services:
            wrong += measure(name, server, arguments.requests // len(services), arguments.node_modules)
    print("all counts agree" if not wrong else f"{wrong} counts differ")
    return int(wrong > 0)


def measure(name: str, server: counting.Server, requests: int, node_modules: Path | None) -> int:
    """Probe one service and print how often each source agreed; return the number of differing counts."""
    url = server.new_database()
    role = server.new_role(url, "pg_read_all_data, pg_write_all_data")  # the service's own; the timer's is another
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        agent = AgentSource(home / "agent")
        user = parse(role).user
        sources = {"pg_stat_statements": PostgresStatements(parse(url), user), "log": PostgresLog(parse(url), user)}
        if name != "node":
            sources["agent"] = agent
        for source in sources.values():
            source.open()
            stack.callback(source.close)
        port = start(name, stack, agent, role, url, node_modules)
        agreeing: Counter[str] = Counter()
        void: Counter[str] = Counter()
        rng = random.Random(1)
        started = time.monotonic()
        with ThreadPoolExecutor(8) as pool:  # at once, so that every worker has its connections
            list(pool.map(lambda _: ask(port, 10, 1), range(80)))
        for _ in range(requests):
            number, late = rng.choice((0, 1, 2, 5, 10)), rng.random() < 0.02
            snapshots = {kind: source.snapshot() for kind, source in sources.items()}
            trace, sent = ask(port, number, int(late))
            for kind, source in sources.items():
                count = source.count_since(snapshots[kind], trace)
                agreeing[kind] += count.void is None and count.queries == sent
                if count.queries != sent:
                    shapes = [(each.calls, each.statement.text) for each in count.statements]
                    print(f"  {kind}: {sent} sent, {count.queries} counted {count.void or ''} {shapes}")
                void[kind] += count.void is not None
        seconds = time.monotonic() - started
        for kind in sources:
            share = agreeing[kind] / requests
            print(
                f"{name:11s} {kind:19s} requests {requests}  agreeing {agreeing[kind]}  void {void[kind]}"
                f"  {share:.4%}  {1000 * seconds / requests:.0f} ms per request",
                flush=True,
            )
        return sum(requests - agreeing[kind] for kind in sources)


def start(name: str, stack: ExitStack, agent: AgentSource, role: str, timer: str, node_modules: Path | None) -> int:
    """Start the service and return its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = COMMANDS[name].format(python=sys.executable, port=port, apps=APPS).split()
    environment = {**os.environ, "DATABASE": role, "TIMER": timer, "PYTHONPATH": str(APPS)}
    if name == "node":
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
    raise SystemExit(f"the service {name} did not start")


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
