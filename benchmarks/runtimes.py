"""Whether "why" names a function planted in a Node and in a JVM service, and nothing where nothing was planted.

    python benchmarks/runtimes.py [planted] [identical] [--only node,java] [--tries 5] [--identical-tries 20]

Both services are those of the tests (Express; the JDK's own HTTP server), black boxes that are started and loaded. The
profile pass runs alone and concludes as if every request had surely become slower, so that a wrong cause has every
chance. Express is found through NODE_PATH.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import runtimes  # noqa: E402 - from the tests
from perfproof.model.why import Why  # noqa: E402
from profiling_pass import profiled  # noqa: E402

RATE, SECONDS = 30, 8.0


def main() -> int:
    """Run the chosen parts; return 1 unless everything came out as it must."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", default=["planted", "identical"], metavar="planted|identical")
    parser.add_argument("--only", default=",".join(runtimes.COMMANDS))
    parser.add_argument("--tries", type=int, default=5)
    parser.add_argument("--identical-tries", type=int, default=20)
    chosen = parser.parse_args()
    wrong = 0
    for runtime in chosen.only.split(","):
        lacking = runtimes.missing(runtime)
        if lacking:
            raise SystemExit(f"{runtime}: {lacking} is missing")
        if "planted" in chosen.parts:
            wrong += planted(runtime, chosen.tries)
        if "identical" in chosen.parts:
            wrong += identical(runtime, chosen.identical_tries)
    return int(wrong > 0)


def planted(runtime: str, tries: int) -> int:
    """Plant the function and return how often it was not the first that was named."""
    wrong = 0
    for number in range(1, tries + 1):
        found, took = _why(runtime, before="0", after=str(runtimes.PLANTED[runtime]))
        request, function = runtimes.first_named(found)
        right = (request, function.rpartition(".")[2]) == ("/orders", "surcharge")
        wrong += not right
        heaviest = next(
            (f"{each.self_baseline:.2f} to {each.self_candidate:.2f} ms" for found_ in found.profiles
             for each in found_.functions if found_.request == "/orders" and each.function == "surcharge"),
            "not seen",
        )  # fmt: skip
        told = f"named {function or 'nothing'} on {request or 'no request'}, surcharge {heaviest}, {took:.0f} s"
        print(f"{'ok   ' if right else 'WRONG'} {runtime:5} planted {number} of {tries}: {told}", flush=True)
    print(f"{runtime}: planted function named first in {tries - wrong} of {tries}", flush=True)
    return wrong


def identical(runtime: str, tries: int) -> int:
    """Measure identical arms, which do the work of the function both, and return how often anything was named."""
    wrong = 0
    rounds = str(runtimes.PLANTED[runtime])
    for number in range(1, tries + 1):
        found, took = _why(runtime, before=rounds, after=rounds)
        named = [mechanism.name for cause in found.causes for mechanism in cause.mechanisms[:1]]
        wrong += bool(named)
        told = f"named {', '.join(named) or 'nothing'}, {took:.0f} s"
        print(f"{'WRONG' if named else 'ok   '} {runtime:5} identical {number} of {tries}: {told}", flush=True)
    print(f"{runtime}: identical arms named nothing in {tries - wrong} of {tries}", flush=True)
    return wrong


def _why(runtime: str, *, before: str, after: str) -> tuple[Why, float]:
    """Return what the profile pass comes to, and the seconds it took with the starts."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        profiles = profiled(
            Path(folder),
            runtimes.COMMANDS[runtime],
            "",
            *runtimes.REQUESTS,
            python="",
            rate=RATE,
            seconds=SECONDS,
            environment=f"PLANTED: '{before}'",
            candidate=f"PLANTED: '{after}'",
        )
    if any(each.engine != runtimes.ENGINES[runtime] for each in profiles):
        raise SystemExit(f"{runtime} was profiled by {profiles[0].engine}: {'; '.join(profiles[0].notes)}")
    return runtimes.concluded(profiles), time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
