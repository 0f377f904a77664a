"""History and dashboard pages of hundreds of runs: each within 1 s (worst of 5), on SQLite and PostgreSQL.

One scenario has 100 runs of 50 requests; fifteen others have 20 runs each, so that the first page has all it can hold.

python benchmarks/dashboard.py
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from filled import fill, requests
from perfproof.cli.history import _trends
from perfproof.report.history.history import to_html
from perfproof.store.repository import Store
from postgres import find_binaries, new_database, running_server, unprivileged_user
from serving import served

BAR = 1.0
RUNS, REQUESTS, OTHERS = 100, 50, 15


def main() -> int:
    slow = False
    with tempfile.TemporaryDirectory() as folder:
        for name, url in databases(Path(folder)):
            with Store.open(url, results=Path(folder)) as store:
                infos = fill(store, Path(folder), runs=RUNS, names=requests(REQUESTS), step=70)
                for number in range(OTHERS):
                    fill(store, Path(folder), runs=20, scenario=f"other {number}", seed=number, step=12)
                for what, seconds in measured(store, infos[-1].id):
                    slow |= max(seconds) > BAR
                    print(
                        f"{name:<11}{what:<34}first {seconds[0]:.3f} s, worst of 5 {max(seconds):.3f} s (bar {BAR} s)"
                    )
    return int(slow)


def databases(folder: Path) -> Iterator[tuple[str, str]]:
    yield "SQLite", f"sqlite:///{folder}/perfproof.db"
    with postgresql() as url:
        if url is not None:
            yield "PostgreSQL", url


@contextmanager
def postgresql() -> Iterator[str | None]:
    binaries, user = find_binaries(), unprivileged_user()
    if binaries is None or user is None:
        print("PostgreSQL is not installed")
        yield None
        return
    with running_server(binaries, user) as address:
        yield new_database(address)


def measured(store: Store, newest: str) -> Iterator[tuple[str, list[float]]]:
    paths = (
        "/",
        "/?page=2",
        "/runs",
        f"/runs/{newest}",
        "/trends",
        "/trends?request=GET+/things/7",
        "/compare",
        "/runs?branch=main&page=2",
    )
    with served(store) as address, httpx.Client(base_url=address, timeout=30) as client:
        for path in paths:
            seconds = []
            for _ in range(5):
                began = time.monotonic()
                answer = client.get(path)
                seconds.append(time.monotonic() - began)
                assert answer.status_code == 200, answer.text
            yield path[:32], seconds
    seconds = []
    for _ in range(5):
        began = time.monotonic()
        to_html("projects", "all", _trends(store, "projects", "all", None, 200))
        seconds.append(time.monotonic() - began)
    yield "perfproof history -o (all metrics)", seconds


if __name__ == "__main__":
    sys.exit(main())
