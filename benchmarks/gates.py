"""Whole measurements on the demo, many times over: identical arms, and +5 % work injected.

python benchmarks/gates.py [--tries 5] [--time 150s] [identical slower]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

SCENARIOS = Path(__file__).parent.parent / "scenarios"


def once(scenario: Path, budget: str | None, folder: Path) -> dict[str, object]:
    """Run ``perfproof ab`` once and return its JSON, with the seconds it took."""
    out = folder / "out.json"
    command = [sys.executable, "-m", "perfproof", "ab", str(scenario), "--quiet", "--json", str(out)]
    command += ["--results", str(folder / "results")] + (["--time", budget] if budget else [])
    began = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    return {**json.loads(out.read_text()), "took": time.monotonic() - began}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", default=["identical", "slower"])
    parser.add_argument("--tries", type=int, default=5)
    parser.add_argument("--time", default=None)
    chosen = parser.parse_args()
    bad = 0
    for name in chosen.scenarios:
        verdicts: Counter[str] = Counter()
        for number in range(1, chosen.tries + 1):
            with tempfile.TemporaryDirectory() as folder:
                result = once(SCENARIOS / f"{name}.yaml", chosen.time, Path(folder))
            verdicts[str(result["verdict"])] += 1
            rows = {(row["metric"], row["request"]): row for row in result["comparisons"]}  # type: ignore[attr-defined]
            print(
                f"{name} try {number}: {result['verdict']}, {result['rounds']} rounds, {result['took']:.0f} s",
                flush=True,
            )
            for metric in ("latency_p50", "cpu_per_request"):
                row = rows[metric, "all"]
                low, high = row["ci_low"], row["ci_high"]
                print(f"  {metric:16} {row['change']:+.2%} [{low:+.2%}, {high:+.2%}] {row['verdict']}", flush=True)
                bad += name == "identical" and row["verdict"] == "regressed"
            bad += name == "slower" and not rows["latency_p50", "all"]["ci_low"] > 0
        print(f"{name}: {dict(verdicts)}", flush=True)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
