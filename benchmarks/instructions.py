"""What counting instructions can tell, while the machine is busy with something else.

    python benchmarks/instructions.py identical injected functions agree [--tries 4] [--starts 4] [--busy 2]
        [--only demo,gunicorn,node,compiled,kinto,python] [--by callgrind]

``identical`` counts two arms that are the same: half-widths, and how often a change was called. ``injected`` has two
per cent more work in the candidate: how often that was seen, and in how many seconds. ``functions`` asks whether the
function that was added to a compiled service is named first. ``agree`` measures the demo's scenarios with
``ab --count`` and puts the change of instructions beside that of CPU per request. ``--busy`` processes burn all the
cores they can get meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SERVICES = ROOT / "tests" / "services"
NODE = """
const http = require('http'), rows = +(process.env.ROWS || 200);
http.createServer((request, response) => {
  if (request.url === '/health') return response.end('ok');
  const found = [];
  for (let i = 0; i < rows; i++) found.push({id: i, name: 'row ' + i, tags: ['a', 'b']});
  response.end(JSON.stringify(found));
}).listen(+process.argv[2], '127.0.0.1');
"""
SQUARES, MORE_SQUARES = 3000, 3068
"""Two per cent of a request of summing.py (2.13 million instructions) are 68 squares."""
ROUNDS_OF_TWO_PERCENT = 245
BARS = {"node": 0.03}
USUAL_BAR = 0.01
WITHIN = 150.0
AGREE = {"eager": "N+1 mended", "cache": "cache added", "compression": "compression added"}


def small(name: str, service: str, arms: str) -> str:
    """Return a scenario of one request."""
    return f"name: {name}\nservice: {service}\narms: {arms}\nresponses: off\nrequests: [{{name: rows, get: /rows}}]\n"


def built(folder: Path, name: str, injected: int = 0) -> None:
    """Compile the service in C++."""
    flags = [f"-DINJECTED={injected}"] if injected else []
    source = SERVICES / "rows.cpp"
    subprocess.run(["g++", "-O2", "-g", *flags, "-o", str(folder / name), str(source)], check=True)


def scenario(kind: str, folder: Path, *, more: bool) -> Path:
    """Write the scenario of a kind of service; with ``more`` its candidate does two per cent more."""
    if kind == "kinto":
        shutil.copytree(ROOT / "scenarios" / "kinto", folder / "kinto", dirs_exist_ok=True)
        text = (ROOT / "scenarios" / "kinto.yaml").read_text(encoding="utf-8")
        text += "arms: {baseline: {}, candidate: {}}\n"
    elif kind == "demo":
        text = (ROOT / "scenarios" / "demo.yaml").read_text(encoding="utf-8")
        text = text.replace("{ALL: slow}", "{ALL: fast}").partition("goals:")[0]
    elif kind == "node":
        (folder / "app.js").write_text(NODE)
        text = small(kind, '{command: "node app.js {port}", health: /health}', "{baseline: {}, candidate: {}}")
    elif kind == "compiled":
        built(folder, "before")
        built(folder, "after", ROUNDS_OF_TWO_PERCENT if more else 0)
        arms = '{baseline: {}, candidate: {command: "./after {port}"}}'
        text = small(kind, '{command: "./before {port}", health: /health}', arms)
    else:
        command = {
            "gunicorn": "{python} -m gunicorn -w 2 -b 127.0.0.1:{port} --no-control-socket forking:app",
            "python": "{python} summing.py {port}",
        }[kind]
        arms = f'{{baseline: {{}}, candidate: {{environment: {{N: "{MORE_SQUARES if more else SQUARES}"}}}}}}'
        text = small(kind, f'{{command: "{command}", directory: {SERVICES}}}', arms)
    path = folder / f"{kind}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def perfproof(*arguments: str, folder: Path) -> tuple[dict[str, Any], float]:
    """Return the JSON of a command and the seconds it took."""
    began = time.monotonic()
    line = [sys.executable, "-m", "perfproof", *arguments, "--json", str(folder / "out.json"), "--quiet"]
    (folder / "out.json").unlink(missing_ok=True)
    done = subprocess.run([*line, "--results", str(folder / "results")], capture_output=True, text=True)
    took = time.monotonic() - began
    if not (folder / "out.json").exists():
        raise SystemExit(f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return json.loads((folder / "out.json").read_text()), took


def whole(result: dict[str, Any], metric: str = "instructions_per_request") -> dict[str, Any]:
    """Return the row of all requests."""
    rows = (row for row in result["comparisons"] if (row["metric"], row["request"]) == (metric, "all"))
    found = next(rows, None)
    if found is None:
        raise SystemExit(f"{metric} was not measured: {result['sentence']}")
    return found


def counted(kind: str, options: argparse.Namespace, *, more: bool) -> Iterator[tuple[dict[str, Any], float]]:
    """Count the two arms of a kind of service again and again."""
    with tempfile.TemporaryDirectory(prefix="instructions-") as name:
        path = scenario(kind, Path(name), more=more)
        for _ in range(options.tries):
            ways = ("--by", options.by, *(("--starts", str(options.starts)) if options.starts else ()))
            yield perfproof("count", str(path), *ways, folder=Path(name))


def half(row: dict[str, Any]) -> float:
    """Return half the width of an interval."""
    return (row["ci_high"] - row["ci_low"]) / 2


def identical(options: argparse.Namespace) -> None:
    """Print the half-widths of identical arms, and how many were called changed."""
    print("identical arms    instructions   half-width (median, largest)   bar    called changed   seconds")
    for kind in options.only or ["demo", "kinto", "gunicorn", "node", "compiled"]:
        rows, seconds = [], []
        for result, took in counted(kind, options, more=False):
            rows.append(whole(result))
            seconds.append(took)
        widths = [half(row) for row in rows]
        called = sum(row["verdict"] not in ("equivalent", "inconclusive") for row in rows)
        value = statistics.median(row["baseline"] for row in rows) / 1e6
        print(
            f"{kind:<16} {value:>10.3f} M   {statistics.median(widths):>8.2%} {max(widths):>8.2%} {'':>13}"
            f"{BARS.get(kind, USUAL_BAR):>4.0%}   {called:>3} of {len(rows):<10} {statistics.median(seconds):>6.0f}",
            flush=True,
        )


def injected(options: argparse.Namespace) -> None:
    """Print how often two per cent more work was seen."""
    print("+2 % work         change (median)   seen within 150 s   seconds")
    for kind in options.only or ["python", "compiled"]:
        rows, seconds, seen = [], [], 0
        for result, took in counted(kind, options, more=True):
            row = whole(result)
            rows.append(row)
            seconds.append(took)
            seen += row["verdict"] == "regressed" and took <= WITHIN
        change = statistics.median(row["change"] for row in rows)
        print(f"{kind:<16} {change:>+12.2%}   {seen:>8} of {len(rows):<6} {max(seconds):>9.0f}", flush=True)


def functions(options: argparse.Namespace) -> None:
    """Print how often the function that was added to a compiled service is named first."""
    first = total = 0
    for result, _ in counted("compiled", options, more=True):
        causes = (result["why"] or {}).get("causes") or []
        named = causes[0]["mechanisms"][0] if causes else None
        first += named is not None and named["name"].startswith("audit(")
        total += 1
        print(f"named first: {named['name'] if named else '-'} {named['candidate'] if named else '-'}", flush=True)
    print(f"the added function was named first {first} of {total}")


def agree(options: argparse.Namespace) -> None:
    """Print the change of instructions beside that of CPU per request of the timed rounds."""
    print("scenario       what                  CPU per request             instructions")
    for name, what in AGREE.items():
        with tempfile.TemporaryDirectory(prefix="instructions-") as folder:
            path = ROOT / "scenarios" / f"{name}.yaml"
            result, _ = perfproof(
                "ab", str(path), "--count", "--rounds", str(options.rounds), "--no-why", folder=Path(folder)
            )
        told = []
        for metric in ("cpu_per_request", "instructions_per_request"):
            row = whole(result, metric)
            told.append(f"{row['change']:+.1%} [{row['ci_low']:+.1%}, {row['ci_high']:+.1%}]")
        print(f"{name:<14} {what:<20} {told[0]:<27} {told[1]}", flush=True)


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """Burn the cores with so many processes meanwhile."""
    burning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for each in burning:
            each.kill()
            each.wait()


def main() -> None:
    """Run what was asked for."""
    parts = {each.__name__: each for each in (identical, injected, functions, agree)}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", choices=list(parts))
    parser.add_argument("--tries", type=int, default=4)
    parser.add_argument("--starts", type=int, default=4, help="0: as many as are needed")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--busy", type=int, default=2)
    parser.add_argument("--by", default="callgrind", choices=["auto", "callgrind", "counters"])
    parser.add_argument("--only", type=lambda text: text.split(","), default=[])
    options = parser.parse_args()
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    if options.by == "callgrind" and shutil.which("valgrind") is None:
        raise SystemExit("install Debian's package valgrind")
    with busy(options.busy):
        for each in options.what:
            parts[each](options)


if __name__ == "__main__":
    main()
