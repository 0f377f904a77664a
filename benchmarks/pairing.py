"""What paired rounds see, on real services beside planted noise: recorded round by round, for `verdicts.py` to judge.

python benchmarks/pairing.py record [--rounds 30] [demo/none demo/bursts slower/none ...] [--into FILE]
python benchmarks/pairing.py whole [--tries 3] [--time 60s] [demo/bursts ...]    # whole commands, one after the other
python benchmarks/pairing.py slow                      # start of 20 s, requests of 1.5 s, -30 %
python benchmarks/pairing.py bias [--rounds 12]        # the demo made slower and faster: pairs beside blocks

`record` measures both designs (pairs and blocks) in the same minutes. Services: demo, slower (the demo with +5 % work),
datasette, kinto (needs KINTO, see docs/flows.md), node. Neighbours: see benchmarks/neighbours.py.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from math import log1p
from pathlib import Path
from typing import Any

import numpy as np
from neighbours import NEIGHBOURS, neighbour

from perfproof.evidence.reader import read
from perfproof.model.metrics import ALL
from perfproof.stats.columns import Side
from perfproof.stats.latency import measure_pairs
from perfproof.stats.pairs import has_pairs, part

HERE = Path(__file__).parent
SCENARIOS = HERE.parent / "scenarios"
FILES = {
    "demo": SCENARIOS / "identical.yaml",
    "slower": SCENARIOS / "slower.yaml",
    "datasette": SCENARIOS / "datasette.yaml",
    "kinto": SCENARIOS / "kinto.yaml",
    "node": HERE / "pairing_apps" / "shelf.yaml",
    "slow": HERE / "pairing_apps" / "slow.yaml",
}
RECORDINGS = HERE / "recordings" / "rounds.json"
SHOWN = ("latency_p50", "latency_mean", "latency_p95", "cpu_per_request")


BIASES = {"+5 %": (0.0, 0.05), "+25 %": (0.0, 0.25), "-30 %": (1 / 0.7 - 1, 0.0)}
"""Extra work of baseline and candidate, as shares of what handling a request takes."""


def scenario(service: str, design: str, rounds: str) -> Path:
    """Write the scenario of a service for one design, both arms alike but for `slower` and `slow`.

    ``demo +25 % fast`` is the demo with that much more work in the candidate and its response cache on.
    """
    name, _, rest = service.partition(" ")
    text = FILES["slower" if rest else name].read_text(encoding="utf-8")
    if rest:
        change, _, cache = rest.rpartition(" ")
        before, after = (f"{{environment: {{EXTRA_WORK: '{work:.4f}', CACHE: {cache}}}}}" for work in BIASES[change])
        text = re.sub(r"(?m)^arms:.*(\n  .*)*$", f"arms: {{baseline: {before}, candidate: {after}}}", text)
    service = name
    text = re.sub(r"(?m)^(load|rounds|goals|budgets):.*(\n  .*)*$", "", text) if service != "slow" else text
    if service == "datasette":
        text = re.sub(r"num_sql_threads 0", "num_sql_threads 3", text)
    if design == "blocks":
        text += "\nload: {rate: 60/s}\n"
        rounds += ", pairing: block, warmup: 1s, blocks: 6, block: 500ms"
    if "\narms:" not in text:
        text += "\narms: {baseline: {}, candidate: {}}\n"
    text += f"\nrounds: {{{rounds}}}\n" if rounds else ""
    path = FILES[service].parent / f".benchmark-{os.getpid()}-{design}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def run(service: str, design: str, options: Sequence[str], rounds: str = "") -> dict[str, Any]:
    """Run `perfproof ab` and return its JSON with the seconds it took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = scenario(service, design, rounds)
        try:
            out = folder / "out.json"
            command = [sys.executable, "-m", "perfproof", "ab", str(path), "--quiet", "--no-why", "--json", str(out)]
            began = time.monotonic()
            done = subprocess.run(
                [*command, "--results", str(folder / "results"), *options], capture_output=True, text=True, check=False
            )
            took = time.monotonic() - began
            if not out.exists():
                raise SystemExit(f"{service} {design}: {done.stderr}")
            found = json.loads(out.read_text(encoding="utf-8"))
            (kept,) = (path.parent for path in (folder / "results").glob("*/run.json"))
            return {**found, "took": took, "code": done.returncode, "errors": errors(kept)}
        finally:
            path.unlink()


def changes(result: dict[str, Any]) -> dict[str, list[float]]:
    """Return the rounds' changes (ln) of the rows that decide, by metric and request name."""
    return {
        f"{row['metric']} {row['request']}": [round(log1p(change), 6) for change in row["round_changes"]]
        for row in result["comparisons"]
        if row["metric"] in SHOWN and row["round_changes"]
    }


def errors(directory: Path) -> dict[str, list[float | None]]:
    """Return how sure each round's change is by the round's own pairs (ln), by metric and request name."""
    recording = read(directory)
    if not has_pairs(recording):
        return {}
    arms = [Side(part(recording, paired=True), arm) for arm in (0, 1)]
    figures = measure_pairs(arms)
    return {
        f"{metric} {request}": [round(float(value), 6) if np.isfinite(value) else None for value in values]
        for metric in SHOWN
        for index, request in enumerate((ALL, *arms[0].requests))
        if (values := figures.errors(metric, index - 1)) is not None
    }


def places(wanted: Sequence[str]) -> Iterator[tuple[str, str]]:
    for each in wanted:
        service, _, noise = each.partition("/")
        for name in [noise] if noise else NEIGHBOURS:
            yield service, name


def record(wanted: Sequence[str], rounds: int, into: Path, designs: Sequence[str]) -> None:
    """Record rounds of every design beside a neighbour, and add them to a file."""
    kept = json.loads(into.read_text()) if into.exists() else []
    for service, noise in places(wanted):
        for design in designs:
            with neighbour(noise):
                count = rounds if design == "pairs" else max(6, rounds // 3)
                found = run(service, design, ["--no-early-stop"], f"count: {count}")
            entry = {
                "service": service, "noise": noise, "design": design, "rounds": found["rounds"],
                "seconds_per_round": round(found["took"] / found["rounds"], 2), "verdict": found["verdict"],
                "changes": changes(found), "errors": found["errors"],
            }  # fmt: skip
            kept = [e for e in kept if (e["service"], e["noise"], e["design"]) != (service, noise, design)] + [entry]
            into.parent.mkdir(exist_ok=True)
            into.write_text("[\n" + ",\n".join(json.dumps(e) for e in kept) + "\n]\n")
            told = {name: np.array(v) for name, v in entry["changes"].items() if name.endswith(" all")}
            text = ", ".join(f"{n.split()[0]} {v.mean():+.2%} sd {v.std(ddof=1):.2%}" for n, v in told.items())
            print(
                f"{service}/{noise} {design}: {found['rounds']} rounds of {entry['seconds_per_round']} s: {text}",
                flush=True,
            )


def whole(wanted: Sequence[str], tries: int, budget: str) -> None:
    """Run whole commands with a time, as a user would."""
    for service, noise in places(wanted):
        for number in range(1, tries + 1):
            with neighbour(noise):
                found = run(service, "pairs", ["--time", budget])
            rows = {(row["metric"], row["request"]): row for row in found["comparisons"]}
            called = [f"{m} {q}" for (m, q), row in rows.items() if row["verdict"] in ("regressed", "improved")]
            text = ", ".join(
                f"{m.removeprefix('latency_')} {rows[m, 'all']['change']:+.1%} "
                f"[{rows[m, 'all']['ci_low']:+.1%}, {rows[m, 'all']['ci_high']:+.1%}]"
                for m in ("latency_p50", "cpu_per_request", "latency_p95")
                if rows.get((m, "all"), {}).get("ci_low") is not None
            )
            print(
                f"{service}/{noise} {number}: {found['verdict']} after {found['rounds']} rounds, "
                f"{found['took']:.0f} s: {text}; rows called: {called}",
                flush=True,
            )


def bias(rounds: int) -> None:
    """Print what pairs and blocks read of the same changes, with and without a cache of responses."""
    for change in BIASES:
        for cache in ("fast", "slow"):
            rows = {}
            for design in ("pairs", "blocks"):
                found = run(f"demo {change} {cache}", design, ["--no-early-stop"], f"count: {rounds}")
                values = np.array(changes(found)["latency_p50 all"])
                rows[design] = float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)
            (pairs, one), (blocks, two) = rows["pairs"], rows["blocks"]
            print(
                f"{change} cache {cache}: pairs {np.expm1(pairs):+.2%} (se {one:.2%}), blocks {np.expm1(blocks):+.2%} "
                f"(se {two:.2%}), apart {np.expm1(pairs) - np.expm1(blocks):+.2%} (se {np.hypot(one, two):.2%})",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["record", "whole", "slow", "bias"])
    parser.add_argument("wanted", nargs="*", default=["demo", "slower"])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--time", default="60s")
    parser.add_argument("--designs", default="pairs,blocks")
    parser.add_argument("--into", dest="file", type=Path, default=RECORDINGS)
    chosen = parser.parse_args()
    if chosen.what == "record":
        record(chosen.wanted, chosen.rounds, chosen.file, chosen.designs.split(","))
    elif chosen.what == "whole":
        whole(chosen.wanted, chosen.tries, chosen.time)
    elif chosen.what == "bias":
        bias(chosen.rounds)
    else:
        whole(["slow/none"], chosen.tries, "150s")


if __name__ == "__main__":
    main()
