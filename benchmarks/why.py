"""Whether "why" names what was changed, and nothing where nothing was.

    python benchmarks/why.py levers [--only cache,pool] [--databases sqlite,postgresql] [--rounds 4]
    python benchmarks/why.py identical placebo injected [--tries 20]

``levers`` measures the demo's scenarios, each of which pulls one lever, as a user would (``perfproof ab``), and prints
the levers that were named. The others run the profile pass alone, ``--tries`` times, and conclude as if
every figure had fallen (``injected``: risen), so that a wrong cause has every chance: identical arms, a tidy-up that
changes no work, and a function of 1 ms of CPU at several loads and sampling intervals, async and threaded.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import psycopg  # noqa: E402
from psycopg import sql  # noqa: E402

import counting  # noqa: E402 - from the tests
import postgres  # noqa: E402
import why_builders  # noqa: E402
from perfproof.core.redaction import Redactor  # noqa: E402
from perfproof.load.load_client import LoadProcess  # noqa: E402
from perfproof.machine.cores import split_cpus  # noqa: E402
from perfproof.model.levers import Causes  # noqa: E402
from perfproof.model.result import Verdict  # noqa: E402
from perfproof.model.scenario import Scenario  # noqa: E402
from perfproof.model.why import Why  # noqa: E402
from perfproof.rounds.observer import Silent  # noqa: E402
from perfproof.rounds.single_start import PassContext  # noqa: E402
from perfproof.scenario import read  # noqa: E402
from perfproof.why.explain import explain  # noqa: E402
from perfproof.why.passes.profile import profile_arms  # noqa: E402

ATTEMPTS = 3
APPS = Path(__file__).parent / "why_apps"
EXPECTED = {
    "eager": ["queries"],
    "index": ["index"],
    "pool": ["connection pool"],
    "cache": ["response cache"],
    "serialization": ["serialization"],
    "compression": ["compression"],
    "hotpath": ["hot path"],
    "placebo": [],
}
SCENARIO = """\
name: why
service:
  directory: {apps}
  health: /orders?limit=1
arms:
  baseline: {{command: "{python} {before}", environment: {{AUDIT_MS: "0"}}}}
  candidate: {{command: "{python} {after}", environment: {{AUDIT_MS: "{audit}"}}}}
requests:
  - name: orders
    get: /orders?limit=100
load: {{model: open, rate: {rate}/s, seed: {seed}}}
rounds: {{warmup: 500ms}}
"""
UVICORN = "-m uvicorn {app}:app --host 127.0.0.1 --port {{port}} --no-access-log --log-level warning"
FLASK = "-m flask --app {app} run --host 127.0.0.1 --port {{port}}"


def main() -> int:
    """Run the chosen parts; return 1 unless everything came out as it must."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="+", choices=["levers", "identical", "placebo", "injected"])
    parser.add_argument("--only", default=",".join(EXPECTED))
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--tries", type=int, default=20)
    chosen = parser.parse_args()
    wrong = 0
    for part in chosen.parts:
        if part == "levers":
            wrong += levers(chosen.only.split(","), chosen.databases.split(","), chosen.rounds)
        elif part == "injected":
            wrong += injected(chosen.tries)
        else:
            wrong += nothing(part, chosen.tries)
    return int(wrong > 0)


def levers(names: list[str], databases: list[str], rounds: int) -> int:
    """Measure each scenario on each database and print which levers were named; return how many came out wrong."""
    wrong = 0
    for database in databases:
        with _database(database) as url:
            for name in names:
                for _ in range(ATTEMPTS):
                    found = _measured(name, url() if url else None, rounds)
                    if "invalid" not in found["sentence"]:
                        break
                    print(f"      {database} {name}: the measurement was invalid (a busy machine?)", flush=True)
                named = sorted({cause["lever"] for cause in found["causes"]})
                right = named == EXPECTED[name]
                wrong += not right
                print(f"{'ok   ' if right else 'WRONG'} {database:10} {name:14} named {', '.join(named) or 'none'}")
                print(f"      {found['sentence']}")
                for each in [] if right else [*found["causes"], *found["unclaimed"]]:
                    print(f"      - {each['sentence']}", flush=True)
                for note in found["notes"]:
                    print(f"      note: {note}", flush=True)
    return wrong


@contextmanager
def _database(name: str) -> Iterator[Callable[[], str] | None]:
    """Lend a function that makes a database for each arm on a private server, or None for SQLite."""
    binaries, user = postgres.find_binaries(), postgres.unprivileged_user()
    if name == "sqlite":
        yield None
    elif binaries is None or user is None:
        raise SystemExit("PostgreSQL is not installed")
    else:
        with postgres.running_server(binaries, user, counting.SETTINGS) as address:
            server = counting.Server(address)
            yield lambda: _for_each_arm(server.new_database())


def _for_each_arm(url: str) -> str:
    """Make two databases beside the one of ``url`` (the seed of one arm must not change the other's indexes)."""
    with psycopg.connect(url, autocommit=True) as connection:
        name = connection.info.dbname
        for arm in ("baseline", "candidate"):
            made = sql.Identifier(f"{name}_{arm}")
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(made, sql.Identifier("template1")))
            with psycopg.connect(f"{url}_{arm}", autocommit=True) as each:
                each.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    return url + "_{arm}"


def _measured(name: str, url: str | None, rounds: int) -> Mapping[str, Any]:
    """Run ``perfproof ab`` on one scenario and return its answer to why."""
    environment = dict(os.environ)
    environment.pop("DEMO_DATABASE_URL", None)
    if url:
        environment["DEMO_DATABASE_URL"] = url.replace("postgresql://", "postgresql+psycopg://")
    with tempfile.TemporaryDirectory() as folder:
        scenario, out = ROOT / "scenarios" / f"{name}.yaml", Path(folder) / "out.json"
        command = [sys.executable, "-m", "perfproof", "ab", str(scenario), "--quiet", "--rounds", str(rounds)]
        command += ["--json", str(out), "--results", os.environ.get("KEEP_RESULTS", f"{folder}/results")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if not out.exists():
            raise SystemExit(done.stderr)
        found: Mapping[str, Any] = json.loads(out.read_text())["why"]
        return found


def nothing(part: str, tries: int) -> int:
    """Profile arms that do the same work; return how many tries showed a function as changed or named a cause."""
    after = UVICORN.format(app="after" if part == "placebo" else "before")
    wrong = 0
    for number in range(tries):
        found = _profiled(UVICORN.format(app="before"), after, audit=0, rate=60, seed=number + 1)
        changed = [each.function for each in found.profiles[-1].functions if each.sure]
        told = [cause.sentence for cause in found.causes]
        bad = bool(told) or (part == "identical" and bool(changed))
        wrong += bad
        print(f"{part} try {number + 1}: {found.sentence} changed: {', '.join(changed) or 'none'}", *told, flush=True)
    print(
        f"{part}: {tries - wrong} of {tries} without a cause"
        + (" and without a changed function" * (part == "identical"))
    )
    return wrong


def injected(tries: int) -> int:
    """Profile a candidate with 1 ms of CPU more; return how many tries did not rank it first or missed by over 15 %."""
    wrong = 0
    for kind, app in (("async", UVICORN.format(app="before")), ("threaded", FLASK.format(app="threaded"))):
        for rate, interval in ((20, 0.001), (60, 0.001), (60, 0.003)):
            errors = []
            for number in range(max(1, tries // 6)):
                found = _profiled(app, app, audit=1, rate=rate, seed=number + 1, interval=interval)
                first = found.profiles[-1].functions[0]
                errors.append(first.change - 1.0)
                named = [cause.lever for cause in found.causes]
                right = first.function == "audit" and abs(errors[-1]) <= 0.15 and named == ["hot path"]
                wrong += not right
                told = f"{first.function} {first.status} {first.change:+.3f} ms, named {', '.join(named) or 'none'}"
                print(f"{'ok   ' if right else 'WRONG'} {kind:8} {rate}/s {interval * 1e3:g} ms: {told}", flush=True)
            print(f"{kind} {rate}/s every {interval * 1e3:g} ms: median error {statistics.median(errors):+.1%}")
    return wrong


def _profiled(before: str, after: str, *, audit: float, rate: int, seed: int, interval: float = 0.001) -> Why:
    """Run the profile pass and conclude as if latency and CPU had surely moved."""
    values = {"before": before, "after": after, "audit": audit or "", "rate": rate, "seed": seed}
    text = SCENARIO.format(apps=APPS, python=sys.executable, **values).replace('AUDIT_MS: ""', 'AUDIT_MS: "0"')
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "why.yaml"
        file.write_text(text.replace("{{port}}", "{port}"), encoding="utf-8")
        scenario = read(file, os.environ)
        profiles = _pass(
            replace(scenario, explain=replace(scenario.explain, interval=interval, seconds=_seconds(rate, interval))),
            Path(folder),
        )
    rows = why_builders.rows({"orders": (10.0, 12.0 if audit else 8.0)}, cpu=(8.0, 10.0 if audit else 6.0))
    found = explain(profiles, rows, (), Verdict.REGRESSED if audit else Verdict.IMPROVED, {"orders": float(rate)})
    assert found is not None
    assert found.profiles, found.notes
    return found


def _seconds(rate: int, interval: float) -> float:
    """Return how long to profile: a coarse interval and a low rate need longer for as many samples of a function."""
    return 8.0 * max(1.0, 60 / rate, interval / 0.001)


def _pass(scenario: Scenario, folder: Path) -> Causes:
    cpus = split_cpus()
    load = LoadProcess.start(scenario, log=folder / "load.log", cpus=cpus.generator, folder=folder)
    try:
        phase = PassContext(scenario, load, folder, Redactor(scenario.secrets), cpus, Silent(), {}, compare=False)
        return Causes(profiles=profile_arms(phase))
    finally:
        load.stop()


if __name__ == "__main__":
    sys.exit(main())
