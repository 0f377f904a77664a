"""What a request of the demo costs, lever by lever: CPU milliseconds within the application (uvicorn not included).

    python benchmarks/demo_cost.py

The settings take turns, request by request, so that a busy machine disturbs all alike. Printed is the quartile nearest
to the undisturbed program (25 %) over ``REPEATS`` requests, each to another page.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import replace
from typing import Any

import numpy as np
from fastapi import FastAPI

from perfproof.demo.app import create_app
from perfproof.demo.auth import issue_token
from perfproof.demo.levers import DEFAULT_SECRET, NAMES, Levers, Settings
from perfproof.demo.seed import seed

REPEATS = 60
REQUESTS = {
    "list projects": "/projects?limit=10&offset={n}",
    "list records": "/projects/{n}/records?limit=10",
    "show project": "/projects/{n}",
    "dashboard": "/dashboard?{n}",
}
WEIGHTS = {"list projects": 4, "list records": 4, "show project": 1, "dashboard": 1}
"""The mix of scenarios/demo.yaml."""


async def cpu_ms(app: FastAPI, target: str) -> float:
    """Send one request to the application in this thread and return the CPU time it took."""
    path, _, query = target.partition("?")
    token = issue_token(1, DEFAULT_SECRET)
    headers = [(b"authorization", f"Bearer {token}".encode()), (b"accept-encoding", b"gzip")]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": headers}
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    started = time.thread_time_ns()
    await app(scope, receive, send)  # type: ignore[arg-type]
    took = time.thread_time_ns() - started
    if sent[0]["status"] != 200:
        raise SystemExit(f"{target}: {sent}")
    return took / 1e6


async def main(folder: str) -> None:
    """Print a table: one row for each setting, one column for each request."""
    urls = {indexed: f"sqlite:///{folder}/{indexed}.db" for indexed in (True, False)}
    for indexed, url in urls.items():
        seed(url, indexed=indexed)
    levers = {"all fast": Levers.all(True), "all slow": Levers.all(False)}
    levers |= {f"{name} slow": replace(Levers.all(True), **{name: False}) for name in NAMES}
    apps = {title: create_app(Settings(which, urls[which.index])) for title, which in levers.items()}
    print(f"{'':20}" + "".join(f"{request:>15}" for request in REQUESTS) + f"{'mix of demo':>15}")
    rows = {title: dict.fromkeys(REQUESTS, 0.0) for title in apps}
    for request, target in REQUESTS.items():
        taken: dict[str, list[float]] = {title: [] for title in apps}
        for n in range(REPEATS):
            for title, app in apps.items():
                taken[title].append(await cpu_ms(app, target.format(n=n % 40 + 1)))
        for title, values in taken.items():
            rows[title][request] = float(np.percentile(values[5:], 25))
    for title, row in rows.items():
        mean = sum(row[request] * weight for request, weight in WEIGHTS.items()) / sum(WEIGHTS.values())
        print(f"{title:20}" + "".join(f"{value:15.2f}" for value in (*row.values(), mean)))
    for app in apps.values():
        app.state.engine.dispose()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(main(scratch))
