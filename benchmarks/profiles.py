"""How near a profile comes to an injected function of 1 ms per request: ``python benchmarks/profiles.py [ENGINE ...]``.

Each row is one profile pass: baseline without the function, candidate with it, on a service that also runs 2 ms of
other work and some thousand small calls. ``error`` is how far the function's change is from 1 ms, ``usual`` what the
2 ms come out at, ``calls`` what the calls cost beside their true CPU time; ``first`` says whether the function is the
one that grew most.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "why" / "profiling" / "apps")]

from profiling_pass import ms_per_request, profiled  # noqa: E402 - from the tests

LOOPS = 5000
CASES = (
    ("coroutines", "uvicorn", "asgi:app", "/one"),
    ("thread pool", "uvicorn", "fast:app", "/thread"),
    ("threads", "flask", "flasks", "/one"),
    ("prefork", "gunicorn", "flasks:app", "/one"),
)
POINTS = ((0.0005, 60, 8), (0.001, 60, 8), (0.001, 150, 8), (0.005, 60, 40))
"""Interval in seconds, requests per second, seconds per arm: a coarse interval needs a long pass for its samples."""


def main() -> int:
    """Print the table; return 1 if an error is above 15 % or the function not first."""
    engines = sys.argv[1:] or ["agent"]
    print(f"calls truly take {_true_calls():.3f} ms of CPU\n")
    print(f"{'engine':13} {'service':12} {'interval':>9} {'rate':>6}  {'error':>7} {'usual':>7} {'calls':>7}  first")
    wrong = 0
    for engine in engines:
        for title, server, app, path in CASES:
            for interval, rate, seconds in POINTS:
                wrong += _row(engine, (title, server, app, path), interval, rate, seconds)
    return int(wrong > 0)


def _row(engine: str, case: tuple[str, str, str, str], interval: float, rate: float, seconds: float) -> bool:
    title, server, app, path = case
    with tempfile.TemporaryDirectory(prefix="perfproof-profiles-") as folder:
        before, after = profiled(
            Path(folder) / "pass",
            server,
            app,
            path,
            rate=rate,
            interval=interval,
            profile=engine,
            seconds=seconds,
            environment=f'LOOPS: "{LOOPS}"',
        )
    if after.engine == "none":
        print(f"{engine:13} {title:12} not possible: {'; '.join(after.notes)}")
        return True
    change = {
        name: ms_per_request(after, name) - ms_per_request(before, name) for name in ("injected", "usual", "calls")
    }
    error = change["injected"] - 1.0
    first = max(change, key=lambda name: change[name]) == "injected"
    usual, calls = (ms_per_request(before, name) for name in ("usual", "calls"))
    figures = f"{error:+7.1%} {usual:7.3f} {calls:7.3f}"
    print(
        f"{engine:13} {title:12} {interval * 1e3:7.1f}ms {rate:4.0f}/s  {figures}  {'yes' if first else 'NO'}",
        flush=True,
    )
    return abs(error) > 0.15 or not first


def _true_calls() -> float:
    from busy import step

    best = float("inf")
    for _ in range(20):
        began = time.thread_time_ns()
        sum(step(number) for number in range(LOOPS))
        best = min(best, time.thread_time_ns() - began)
    return best / 1e6


if __name__ == "__main__":
    raise SystemExit(main())
