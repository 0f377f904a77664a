"""Shows that what perfproof adds to a run leaves nothing behind in what is timed: rounds with and without it, in turns.

    python benchmarks/untouched.py [probe] [profile] [--pairs 6]

The service runs ten queries a request on a private PostgreSQL. Each pair measures by `perfproof run`, in random order:

- `probe`: with `service.database` and sizes, so that a probe phase comes before the rounds (without pg_stat_statements
  it switches on the server's log and injects the agent: the most it ever does), and without;
- `profile`: with the profile pass and what looks for levers after the rounds, and without;
- as a control of the method, without either, but with the agent (and the log, or the sampler at work) left on.

Prints the ratios of p50 and CPU per request with their 95 % intervals over the pairs, and what the service saw of
agent, log and perfproof's connections in the timed rounds. Exits 1 if a ratio with/without lies surely above 1.02, or
if the service saw anything.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from math import exp, log, sqrt
from pathlib import Path
from statistics import mean, stdev

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

import psycopg  # noqa: E402
from scipy.stats import t as student  # noqa: E402

import counting  # noqa: E402 - from the folder that was just added
import postgres  # noqa: E402
from perfproof.agent import injected  # noqa: E402
from perfproof.evidence.reader import read_causes  # noqa: E402

TABLE = "CREATE TABLE stock (id int PRIMARY KEY, title varchar(40))"
ROWS = "INSERT INTO stock SELECT n, 'item ' || n FROM generate_series(1, 100) n"
SCENARIO = """\
name: untouched
service:
  command: "{python} -m uvicorn stock:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log"
  directory: SERVICES
  DATABASE
  environment: {DATABASE_URL: "ADDRESS", WATCHER: postgres, LAZY: "1" MORE}
requests:
  - {name: items, get: "/items?limit={limit}", values: {limit: [10]} SCALE}
load: {model: open, rate: 60/s}
rounds: {count: 3, warmup: 500ms, warmup_requests: 20, blocks: 4, block: 500ms}
why: WHY
"""
METRICS = ("latency_p50", "cpu_per_request")
UNTOUCHED = "agent False, watchers 0, log none"


def main() -> int:
    """Measure in turns and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", default=["probe", "profile"], metavar="probe|profile")
    parser.add_argument("--pairs", type=int, default=6)
    arguments = parser.parse_args()
    binaries, user = postgres.find_binaries(), postgres.unprivileged_user()
    if binaries is None or user is None:
        print("PostgreSQL is not installed")
        return 2
    with postgres.running_server(binaries, user, counting.SETTINGS) as address:
        return max(in_turns(part, arguments.pairs, counting.Server(address)) for part in arguments.parts)


def in_turns(part: str, pairs: int, server: counting.Server) -> int:
    """Measure one part and print what came out; return 1 unless it is as it must be."""
    levels: dict[str, list[dict[str, float]]] = {"with": [], "without": [], "left on": []}
    seen: dict[str, set[str]] = {way: set() for way in levels}
    url = server.new_database(extension=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLE)
        connection.execute(ROWS)
    role = server.new_role(url, "pg_read_all_data")
    with tempfile.TemporaryDirectory() as home:
        for pair in range(pairs):
            for way in random.Random(pair).sample(list(levels), len(levels)):
                with psycopg.connect(url, autocommit=True) as connection:
                    name = connection.info.dbname.encode()
                    logs = part == "probe" and way == "left on"
                    setting = b"SET log_statement = 'all'" if logs else b"RESET log_statement"
                    connection.execute(b"ALTER DATABASE %b %b" % (name, setting))
                figures, said = measure(part, way, url, role, Path(home))
                levels[way].append(figures)
                seen[way] |= said
                print(f"  {part} {pair + 1} {way:8}", *(f"{figures[each]:.4g}" for each in METRICS), flush=True)
    wrong = False
    for metric in METRICS:
        for way in ("with", "left on"):
            low, ratio, high = interval(
                [log(a[metric] / b[metric]) for a, b in zip(levels[way], levels["without"], strict=True)]
            )
            print(f"{part:8} {metric:16} {way:8} / without  {ratio:.3f}  [{low:.3f}, {high:.3f}]  {pairs} pairs")
            wrong |= way == "with" and low > 1.02
    for way, said in seen.items():
        print(f"{part:8} {way:8} in the timed rounds the service saw: {'; '.join(sorted(said))}")
    return int(wrong or seen["with"] != {UNTOUCHED} or seen["without"] != {UNTOUCHED})


def measure(part: str, way: str, url: str, role: str, home: Path) -> tuple[dict[str, float], set[str]]:
    """Record one run; return its figures and what the service said when its timed rounds began and ended."""
    (home / "agent").mkdir(exist_ok=True)
    (home / "agent" / "slice").write_bytes((1).to_bytes(8, "little"))  # a slice is under way
    agent = injected({}, home / "agent", "queries" if part == "probe" else "profile") if way == "left on" else {}
    probed, explained = (way == "with" and part == each for each in ("probe", "profile"))
    places = {
        "SERVICES": str(ROOT / "tests" / "services"),
        "DATABASE": f'database: "{url}"' if probed else "start_timeout: 20s",
        "ADDRESS": role,
        "MORE": "".join(f', {name}: "{value}"' for name, value in agent.items()),
        "SCALE": ", scale: {parameter: limit, sizes: [1, 10, 50]}" if probed else "",
        "WHY": "{seconds: 4s}" if explained else "off",
    }
    text = SCENARIO
    for name, value in places.items():
        text = text.replace(name, value, 1)
    (home / "untouched.yaml").write_text(text)
    command = [sys.executable, "-m", "perfproof", "run", "untouched.yaml", "--quiet", "--json", "out.json"]
    ran = subprocess.run(command, cwd=home, capture_output=True, text=True)
    if ran.returncode not in (0, 3, 4):
        raise SystemExit(ran.stdout + ran.stderr)
    result = json.loads((home / "out.json").read_text())
    if probed and not result["queries"]:
        raise SystemExit("nothing was probed: " + ran.stdout)
    (folder,) = (home / "results").glob(f"{result['run_ids'][0]}*")
    causes = read_causes(folder) if explained else None
    if explained and (causes is None or [each.engine for each in causes.profiles] != ["agent"]):
        raise SystemExit("nothing was profiled: " + ran.stdout)
    figures = {level["metric"]: level["value"] for level in result["levels"] if level["request"] == "all"}
    said = {
        line.partition(": ")[2]
        for file in folder.glob("rounds/*/*.log")
        for line in file.read_text().splitlines()
        if line.startswith(("started: ", "ended: "))
    }
    return figures, said


def interval(ratios: list[float]) -> tuple[float, float, float]:
    """Return the geometric mean of ratios given as logs, between the ends of its 95 % interval."""
    half = float(student.ppf(0.975, len(ratios) - 1)) * stdev(ratios) / sqrt(len(ratios))
    return exp(mean(ratios) - half), exp(mean(ratios)), exp(mean(ratios) + half)


if __name__ == "__main__":
    sys.exit(main())
