"""Probe the endpoints of an app of the corpus with perfproof and hold what it says against the labels."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from perfproof.measure import Silent, probe_alone
from perfproof.model.result import Finding, ProbeResult
from perfproof.scenario import read

HERE = Path(__file__).parent
SIZES = (1, 10, 50)
COMMANDS = {
    "fastapi": "{python} -m uvicorn fastapi_app:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log",
    "flask": "{python} -m gunicorn -w 2 -b 127.0.0.1:{port} flask_app:app",
    "django": "{python} -m gunicorn -w 2 -b 127.0.0.1:{port} django_app:app",
    "node": "node node_app.js",
}


@dataclass(frozen=True)
class Judged:
    """What was said about one endpoint: ``found`` is whether N+1 was, ``queries`` the counts at the sizes."""

    app: str
    path: str
    label: bool
    found: bool
    queries: str
    findings: tuple[Finding, ...]

    @property
    def right(self) -> bool:
        return self.label == self.found


def scenario(app: str, database: str, paths: Mapping[str, bool], folder: Path, environment: str = "") -> Path:
    """Write the scenario of one app and return its file."""
    requests = "\n".join(
        f'  - {{name: "{path}", get: "{path}?limit={{limit}}", values: {{limit: [10]}},'
        f" scale: {{parameter: limit, sizes: {list(SIZES)}}}}}"
        for path in paths
    )
    address = "sqlite" if database.startswith("sqlite") else database.replace("+psycopg", "")
    url = database.replace("+psycopg", "") if app == "node" else database
    file = folder / f"{app}.yaml"
    file.write_text(
        f"name: corpus {app}\nservice:\n  command: '{COMMANDS[app]}'\n  directory: {HERE}\n"
        f"  prepare: '{sys.executable} data.py'\n  database: {address}\n"
        f'  environment: {{DATABASE_URL: "{database if app != "node" else url}"{environment}}}\nrequests:\n{requests}\n'
    )
    return file


def judge(
    app: str, database: str, paths: Mapping[str, bool], folder: Path, environment: str = ""
) -> tuple[list[Judged], ProbeResult]:
    """Probe the endpoints and return a judgement of each, and everything that was said."""
    result = probe_alone(read(scenario(app, database, paths, folder, environment), os.environ), None, Silent())
    accused = {finding.request for finding in result.findings if finding.kind == "n_plus_one"}
    counts = {
        detail.request: " ".join(str(each.queries) for figures in detail.figures.values() for each in figures)
        for detail in result.queries
    }
    judged = [
        Judged(
            app,
            path,
            label,
            path in accused,
            counts.get(path, "not counted"),
            tuple(finding for finding in result.findings if finding.request == path),
        )
        for path, label in paths.items()
    ]
    return judged, result


def precision_and_recall(judged: list[Judged]) -> tuple[float, float]:
    """Return the share of accusations that are right and the share of N+1 that was found."""
    right = sum(each.label and each.found for each in judged)
    accused = sum(each.found for each in judged)
    true = sum(each.label for each in judged)
    return (right / accused if accused else 1.0, right / true if true else 1.0)
