"""Looks for 100,000 fuzzed literals of statements in everything that perfproof keeps, writes and prints.

    python benchmarks/literals.py [--literals 100000]

A service sends them to a private PostgreSQL, a private MariaDB and SQLite; `perfproof ab` probes and loads it, once
through pg_stat_statements and performance_schema, once through the server's logs, each time with the agent; then the
run is shown, reported in every format and exported. The same search finds the literals
in the service's own file, so it can find them. Prints a line per way; exits 1 if a literal is found.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

import psycopg  # noqa: E402

import counting  # noqa: E402 - from the folder that was just added
import literals  # noqa: E402
import mariadb  # noqa: E402
import postgres  # noqa: E402
from perfproof.databases.urls import parse  # noqa: E402

MOST = 3000
TABLES = ("CREATE TABLE stock (id int PRIMARY KEY, title varchar(40))", "CREATE TABLE sent (title varchar(40))")
LOG_ONLY = ("SUPER ON *.*", "PROCESS ON *.*", "SELECT ON mysql.general_log", "DROP ON mysql.general_log")
COMMANDS = (
    ("ab", "fuzz.yaml", "--json", "out.json", "-o", "page.html"),
    ("probe", "fuzz.yaml", "--json", "probe.json"),
    ("show", "last"),
    *(("report", "last", "-o", f"report{ending}") for ending in (".html", ".md", ".json", ".csv", ".parquet")),
    ("export", "last", "-o", "runs.zip"),
)


def main() -> int:
    """Run both ways and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--literals", type=int, default=100_000)
    arguments = parser.parse_args()
    each = len(literals.cores(seeds=[0], most=MOST))
    seeds = -(-arguments.literals // (2 * each))
    binaries, user = postgres.find_binaries(), postgres.unprivileged_user()
    if binaries is None or user is None:
        print("PostgreSQL is not installed")
        return 2
    found = 0
    settings = {**counting.SETTINGS, "pg_stat_statements.max": "200000"}  # statements such as SET stay apart
    with postgres.running_server(binaries, user, settings) as address, mariadb.running_server() as maria:
        for at, logs in enumerate((False, True)):
            found += measure(counting.Server(address), maria, range(at * seeds, (at + 1) * seeds), logs=logs)
    print("no literal was found" if not found else f"{found} literals were found")
    return int(found > 0)


def measure(server: counting.Server, maria: mariadb.MariaDB, seeds: range, *, logs: bool) -> int:
    """Probe, load, report and export once; print and return how many literals were found again."""
    postgresql, mysql = server.new_database(extension=not logs), maria.new_database()
    with psycopg.connect(postgresql, autocommit=True) as connection:
        for statement in TABLES:
            connection.execute(statement.encode())
    maria.run(f"USE {parse(mysql).database}", *TABLES)
    to_postgresql = server.new_role(postgresql, "pg_read_all_data, pg_write_all_data")
    watched = (postgresql, maria.new_user(mysql, *LOG_ONLY) if logs else mysql)
    with tempfile.TemporaryDirectory() as inside, tempfile.TemporaryDirectory() as outside:
        folder = Path(inside)
        text = literals.scenario(watched, to_postgresql, maria.new_user(mysql), Path(outside), seeds=seeds, most=MOST)
        (folder / "fuzz.yaml").write_text(text)
        printed = []
        for command in COMMANDS:
            ran = subprocess.run([sys.executable, "-m", "perfproof", *command], cwd=folder, capture_output=True)
            if ran.returncode == 2 or b"Traceback" in ran.stderr:
                raise SystemExit(f"perfproof {' '.join(command)}: {(ran.stdout + ran.stderr).decode()}")
            printed.append((command[0], ran.stdout + ran.stderr))
        cores = literals.cores(seeds=seeds, most=MOST)
        sent = {core for _, core in literals.found(cores, literals.texts_in(Path(outside)))}
        texts = [*literals.texts_in(folder), *printed]
        again = literals.found(cores, texts)
        size = sum(len(text) for _, text in texts)
        way = "logs and agent" if logs else "statistics and agent"
        print(
            f"{way:20}  literals {len(cores):6}  sent {len(sent):6}  found again {len(again)}"
            f"  in {len(texts)} files and outputs of {size:,} bytes",
            flush=True,
        )
        for name, core in again[:20]:
            print(f"  {core} in {name}")
        return len(again) + (len(sent) != len(cores))


if __name__ == "__main__":
    sys.exit(main())
