"""How many requests per second one core generates, side by side: perfproof, Locust's FastHttpUser, wrk and others.

    python benchmarks/generator.py                 requests/s per core, tools interleaved, and latency at 1 connection
    python benchmarks/generator.py --lateness      how long after its intended start a request is sent (open model)

nginx answers every request with 55 bytes of JSON; it is bound to one core, the generator to another. perfproof is
measured through its real load process: templated path, status checked, every request recorded and sealed.

The bars are held against requests per second of the generator's own CPU time: on a machine that does nothing else this
is the same as requests per second of one core, and on a busy one it still compares the generators.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from nginx import nginx
from perfproof.load.load_client import LoadProcess
from perfproof.model.scenario import Arm, Load, Request, Scenario, Service

CONNECTIONS = 16
BARS = {"FastHttpUser": 5.0, "wrk": 0.6}
LATENCY_BARS = {"p50": 0.10, "p99": 0.25}
"""How much higher perfproof's latency at one connection may be than wrk's."""


def scenario(load: Load, url: str) -> Scenario:
    """Return the scenario that perfproof is measured with: one templated path, any 2xx expected."""
    request = Request("items", "GET", "/items?limit={limit}", values={"limit": (10, 20, 50)})
    return Scenario("benchmark", Path("benchmark.yaml"), (Arm("baseline", Service(url=url)),), (request,), load=load)


class Rate(NamedTuple):
    """Requests per second, and per second of the generator's CPU time."""

    wall: float
    cpu: float


class Perfproof:
    """One load process that lives as long as the benchmark."""

    def __init__(self, url: str, core: int, load: Load, folder: Path) -> None:
        self.folder = folder
        self.process = LoadProcess.start(scenario(load, url), log=folder / "load.log", cpus=[core])
        self.process.open(0, url)
        self.seed = 0

    def block(self, seconds: float) -> Rate:
        """Return the rate of one block; it is sealed as in a run."""
        self.seed += 1
        report = self.process.block(0, 0, 0, seconds, self.seed)
        rows = self.process.seal(self.folder / "samples.parquet")
        if report.failed or report.dropped or rows != report.intended:
            sys.exit(f"not every request was answered: {report}")
        wall = (report.drained_ns - report.started_ns) / 1e9
        return Rate(report.completed / wall, report.completed / (report.generator_cpu_ns / 1e9))

    def columns(self) -> dict[str, list[int]]:
        """Return the samples sealed last."""
        import pyarrow.parquet as pq

        return dict(pq.read_table(self.folder / "samples.parquet").to_pydict())


def output_of(core: int, command: list[str]) -> str:
    """Run a generator bound to ``core`` and return what it printed; its CPU time is that of the children waited for."""
    done = subprocess.run(["taskset", "-c", str(core), *command], capture_output=True, text=True, timeout=120)
    if done.returncode:
        sys.exit(f"{command[0]} failed: {done.stderr[-500:]}")
    return done.stdout


def found(pattern: str, text: str) -> float:
    """Return the number that ``pattern`` captures."""
    match = re.search(pattern, text)
    if match is None:
        sys.exit(f"cannot read {text[-500:]!r}")
    return float(match.group(1))


def wrk(url: str, core: int, seconds: float) -> float:
    text = output_of(core, ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", f"{url}/items?limit=20"])
    return found(r"(\d+) requests in", text)


def hey(url: str, core: int, seconds: float) -> float:
    text = output_of(core, ["hey", "-cpus", "1", "-c", str(CONNECTIONS), "-z", f"{seconds}s", f"{url}/items?limit=20"])
    return found(r"\[200\]\s+(\d+) responses", text)


def autocannon(url: str, core: int, seconds: float) -> float:
    command = ["autocannon", "-j", "-c", str(CONNECTIONS), "-d", f"{seconds:.0f}", f"{url}/items?limit=20"]
    return float(json.loads(output_of(core, command))["requests"]["total"])


def k6(url: str, core: int, seconds: float) -> float:
    script = (
        "import http from 'k6/http'; export const options = {discardResponseBodies: true};"
        f"export default function () {{ http.get('{url}/items?limit=20'); }}"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".js") as file:
        file.write(script)
        file.flush()
        text = output_of(core, ["k6", "run", "--vus", str(CONNECTIONS), "--duration", f"{seconds}s", file.name])
    return found(r"http_reqs[. ]*:\s+(\d+)", text)


def measured(tool: Callable[[str, int, float], float], url: str, core: int, seconds: float) -> Rate:
    """Return the rate of another tool, whose start counts in its CPU time (some milliseconds for those here)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    count = tool(url, core, seconds)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Rate(count / seconds, count / used)


def fast_http_user(url: str, core: int, seconds: float) -> Rate:
    text = output_of(core, [sys.executable, __file__, "--as-fast-http-user", url, "--seconds", str(seconds)])
    return Rate(*json.loads(text))


def be_fast_http_user(url: str, seconds: float) -> None:
    """Print the rate of Locust's own fast client in this process, without what its start costs."""
    import locust  # isort: skip - it has to patch the interpreter before anything else is imported
    import random

    import gevent
    from locust.contrib.fasthttp import FastHttpUser
    from locust.env import Environment

    class ClosedLoopUser(FastHttpUser):
        host = url
        wait_time = locust.constant(0)

        @locust.task
        def items(self) -> None:
            self.client.get(f"/items?limit={random.choice((10, 20, 50))}", name="items")

    environment = Environment(user_classes=[ClosedLoopUser])
    runner = environment.create_local_runner()
    runner.start(CONNECTIONS, spawn_rate=1000)
    gevent.sleep(0.5)
    before, started, used = environment.stats.total.num_requests, time.monotonic(), time.process_time()
    gevent.sleep(seconds)
    count = environment.stats.total.num_requests - before
    print(json.dumps([count / (time.monotonic() - started), count / (time.process_time() - used)]), flush=True)
    os._exit(0)


def throughput(url: str, core: int, seconds: float, rounds: int, folder: Path) -> bool:
    """Print requests/s per core of every generator that is installed, in interleaved rounds, and the ratios.

    Return whether every bar was held.
    """
    perfproof = Perfproof(url, core, Load(model="closed", users=CONNECTIONS, connections=CONNECTIONS), folder)
    tools: dict[str, Callable[[], Rate]] = {
        "perfproof": lambda: perfproof.block(seconds),
        "FastHttpUser": lambda: fast_http_user(url, core, seconds),
    }
    for tool in (wrk, hey, autocannon, k6):
        if not shutil.which(tool.__name__):
            print(f"{tool.__name__} is not installed here and is left out")
        else:
            tools[tool.__name__] = lambda tool=tool: measured(tool, url, core, seconds)  # type: ignore[misc]
    figures: dict[str, list[Rate]] = {name: [] for name in tools}
    try:
        for _ in range(rounds):
            for name, measure in tools.items():
                figures[name].append(measure())
    finally:
        perfproof.process.stop()
    middle = {
        name: Rate(*(statistics.median(each) for each in zip(*values, strict=True))) for name, values in figures.items()
    }
    own = middle["perfproof"].cpu
    busy = f"load average {os.getloadavg()[0]:.1f}"
    print(f"\n{CONNECTIONS} connections, {rounds} interleaved rounds of {seconds:g} s, one core each; {busy}\n")
    print(f"{'generator':<14}{'requests/s':>12}{'per CPU second':>16}   perfproof per CPU second is")
    held = True
    for name, rate in middle.items():
        ratio = own / rate.cpu
        held &= ratio >= BARS.get(name, 0.0)
        bar = f"  (bar {BARS[name]:g}: {'held' if ratio >= BARS[name] else 'MISSED'})" if name in BARS else ""
        print(f"{name:<14}{rate.wall:>12,.0f}{rate.cpu:>16,.0f}   {ratio:.2f} x{bar}")
    return held


def one_connection(url: str, core: int, seconds: float, rounds: int, folder: Path) -> bool:
    """Print p50 and p99 at one connection beside wrk's, and return whether they are as near as the bars ask."""
    perfproof = Perfproof(url, core, Load(model="closed", users=1, connections=1), folder)
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    try:
        for _ in range(rounds):
            perfproof.block(seconds)
            columns = perfproof.columns()
            latencies = [done - sent for done, sent in zip(columns["done_ns"], columns["sent_ns"], strict=True)]
            cuts = statistics.quantiles(latencies, n=100)
            ours.append((cuts[49] / 1e3, cuts[98] / 1e3))
            if shutil.which("wrk"):
                text = output_of(core, ["wrk", "--latency", "-t1", "-c1", f"-d{seconds:.0f}s", f"{url}/items?limit=20"])
                theirs.append((_microseconds("50%", text), _microseconds("99%", text)))
    finally:
        perfproof.process.stop()
    print("\n1 connection        p50 us    p99 us")
    for name, values in (("perfproof", ours), ("wrk", theirs)):
        if values:
            middle = [statistics.median(column) for column in zip(*values, strict=True)]
            print(f"{name:<16}{middle[0]:>10.1f}{middle[1]:>10.1f}")
    if not theirs:
        return True
    held = True
    for at, (name, bar) in enumerate(LATENCY_BARS.items()):
        # Each round has both tools within seconds, so the machine's mood is the same for both.
        above = statistics.median(own[at] / other[at] - 1 for own, other in zip(ours, theirs, strict=True))
        held &= above <= bar
        print(f"{name} is {above:+.1%} against wrk's (bar {bar:+.0%}: {'held' if above <= bar else 'MISSED'})")
    return held


def _microseconds(label: str, text: str) -> float:
    match = re.search(rf"{label}\s+([\d.]+)(us|ms|s)", text)
    if match is None:
        sys.exit(f"cannot read {text!r}")
    return float(match.group(1)) * {"us": 1.0, "ms": 1e3, "s": 1e6}[match.group(2)]


def lateness(url: str, core: int, seconds: float, folder: Path) -> None:
    """Print how late requests of the open model are sent, and what that costs the generator."""
    print("rate/s      p50 us    p90 us    p99 us    max us   late  CPU share  waiting for it")
    for rate in (100, 500, 2000, 8000, 20000, 40000):
        perfproof = Perfproof(url, core, Load(rate=rate), folder)
        try:
            report = perfproof.process.block(0, 0, 0, seconds, 1)
            perfproof.process.seal(folder / "samples.parquet")
        finally:
            perfproof.process.stop()
        columns = perfproof.columns()
        waits = [sent - due for sent, due in zip(columns["sent_ns"], columns["intended_ns"], strict=True) if sent]
        cuts = statistics.quantiles(waits, n=100)
        figures = "".join(f"{value / 1e3:>10.1f}" for value in (cuts[49], cuts[89], cuts[98], max(waits)))
        print(f"{rate:<8}{figures}{report.late:>7}{report.generator_cpu_ns / seconds / 1e9:>11.1%}", end="")
        print(f"{report.waited_ns / seconds / 1e9:>16.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lateness", action="store_true")
    parser.add_argument("--as-fast-http-user", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.as_fast_http_user:
        be_fast_http_user(options.as_fast_http_user, options.seconds)
    cores = sorted(os.sched_getaffinity(0))
    generator, server = cores[0], cores[-1]
    if generator == server:
        print("only one core: generator and server share it, so these figures are about half of what they should be")
    with nginx(server) as url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.lateness:
            lateness(url, generator, options.seconds, folder)
        else:
            held = throughput(url, generator, options.seconds, options.rounds, folder)
            held &= one_connection(url, generator, options.seconds, options.rounds, folder)
            sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
