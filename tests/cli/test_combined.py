"""Features of a scenario in every pair: halves that are well tested alone have failed together."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import warm
from perfproof.cli.common.session import Session, read_scenario
from perfproof.evidence.reader import read
from perfproof.model.recording import Outcome

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

STUB = Path(__file__).parent.parent / "services" / "plain.py"
FEATURES: dict[str, tuple[Any, ...]] = {
    "requests": ("plain", "flow", "locustfile"),
    "values": (False, True),
    "feed": ("", "sequential", "shuffled", "once"),
    "samples": ("raw", "histogram"),
    "workers": (1, 2),
    "redirects": (False, True),
    "model": ("open", "closed"),
    "probe": (False, True),
    "expect": (False, True),
    "setup": (False, True),
    "pairing": ("block", "request", "auto"),
}
LOCUSTFILE = """\
from locust import FastHttpUser, constant, task

class Visitor(FastHttpUser):
    wait_time = constant(0.01)

    @task
    def look(self):
        self.client.get("/items", name="look")
"""


def allowed(row: dict[str, Any]) -> bool:
    """Tell whether features may stand together.

    A Locust file makes its requests itself, by users of its own; pairs need samples one by one, from one process.
    """
    if row.get("pairing") == "request" and not (row.get("samples", "raw") == "raw" and row.get("workers", 1) == 1):
        return False
    if row.get("requests") != "locustfile":
        return True
    plain = {"values": False, "feed": "", "redirects": False, "model": "closed", "probe": False, "expect": False}
    plain |= {"setup": False, "workers": 1, "samples": "raw", "pairing": "block"}
    return all(row.get(name, value) == value for name, value in plain.items())


def matrix() -> list[dict[str, Any]]:
    """Return few rows in which every two values of two features that may stand together do so."""
    names = list(FEATURES)
    left = {
        ((one, first), (two, second))
        for one, two in itertools.combinations(names, 2)
        for first, second in itertools.product(FEATURES[one], FEATURES[two])
        if allowed({one: first, two: second})
    }
    rows = []
    while left:
        (one, first), (two, second) = min(left, key=str)
        row: dict[str, Any] = {one: first, two: second}
        for name in names:
            if name not in row:
                options = [value for value in FEATURES[name] if allowed({**row, name: value})]
                row[name] = max(options, key=lambda value: _new({**row, name: value}, left))
        rows.append({name: row[name] for name in names})
        left -= {pair for pair in left if all(row[name] == value for name, value in pair)}
    return rows


def _new(row: dict[str, Any], left: set[Any]) -> int:
    return sum(all(row.get(name, _NONE) == value for name, value in pair) for pair in left)


_NONE = object()
MATRIX = matrix()


def test_the_matrix_holds_every_pair_in_few_rows() -> None:
    assert len(MATRIX) <= 24
    assert all(map(allowed, MATRIX))
    for one, two in itertools.combinations(FEATURES, 2):
        for first, second in itertools.product(FEATURES[one], FEATURES[two]):
            there = any(row[one] == first and row[two] == second for row in MATRIX)
            assert there == allowed({one: first, two: second}), (one, first, two, second)


@pytest.fixture(autouse=True)
def warm_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the load process forked from one that has imported everything."""
    if warm.fits(os.environ):
        warm.lend_load_processes(monkeypatch.setattr)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Return where the one service of all rows listens."""
    with subprocess.Popen([sys.executable, STUB], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        yield f"http://127.0.0.1:{int(service.stdout.readline())}"
        service.kill()


def scenario(row: dict[str, Any], url: str, folder: Path) -> Path:
    """Write the scenario of a row."""
    (folder / "rows.csv").write_text("name,word\n" + "".join(f"name{n},word{n}\n" for n in range(2000)))
    (folder / "load.py").write_text(LOCUSTFILE)
    extra = {
        "values": "values: {n: [1, 2, 3]}" if row["values"] else "",
        "redirects": "follow_redirects: true" if row["redirects"] else "",
        "expect": "expect: {json: {$.id: 7}, body: {contains: path}}" if row["expect"] else "",
    }
    path = "/moved" if row["redirects"] else "/items"
    query = "&".join(
        ["n={n}"] * row["values"] + ["word={rows.word}"] * bool(row["feed"]) + ["t={token}"] * row["setup"]
    )
    target = f"{path}?{query}" if query else path
    step = ", ".join(filter(None, [extra["redirects"], extra["expect"]]))
    in_blocks = row["pairing"] == "block" or row["samples"] == "histogram" or row["workers"] > 1
    pace = "blocks: 2, block: 200ms" if in_blocks else "pairs: 200ms"
    pace += f", pairing: {row['pairing']}"
    lines = [
        "name: combined",
        f"service: {{url: '{url}', health: /health}}",
        "arms: {baseline: {}, candidate: {}}",
        f"rounds: {{count: 1, warmup: 100ms, warmup_requests: 3, early_stop: false, {pace}}}",
        "why: off",
    ]
    load = [f"samples: {row['samples']}", f"workers: {row['workers']}", "limits: {rate: 5000/s}"]
    if row["requests"] == "locustfile":
        lines.append("locustfile: load.py")
        load = ["users: 3", "limits: {rate: 5000/s}"]
    else:
        lines.append("responses: warn" if row["probe"] else "responses: off")
        load += (
            ["model: open", "rate: 60/s"]
            if row["model"] == "open"
            else ["model: closed", "users: 3", "think_time: 20ms"]
        )
        lines += [f"feeds: {{rows: {{file: rows.csv, order: {row['feed']}}}}}"] if row["feed"] else []
        lines += ["setup: [{post: /login, capture: {token: $.token}}]"] if row["setup"] else []
        if row["requests"] == "flow":
            lines += ["requests:", "  - name: visit", f"    {extra['values']}", "    steps:"]
            lines += [f"      - {{name: first, get: '{target}', capture: {{id: $.id}}{', ' + step if step else ''}}}"]
            lines += ["      - {name: second, post: '/items/{id}', json: {id: '{id}'}}"]
        else:
            more = ", ".join(filter(None, [extra["values"], step]))
            lines += ["requests:", f"  - {{name: one, get: '{target}'{', ' + more if more else ''}}}"]
            lines += ["  - {name: two, post: /items, json: {word: hello}, weight: 2}"]
    lines.append(f"load: {{{', '.join(load)}}}")
    file = folder / "combined.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: " ".join(f"{value}" for value in row.values() if value))
def test_samples_are_complete_and_accounted_for_however_features_are_combined(row, url, tmp_path):
    measured = Session(tmp_path / "results", quiet=True).measure(
        read_scenario(scenario(row, url, tmp_path)), "ab", None
    )
    assert measured.problem is None
    assert measured.info.status == "complete"
    (a_round,) = read(measured.directory).rounds
    assert a_round.complete
    if row["pairing"] == "block" or row["samples"] == "histogram" or row["workers"] > 1:
        assert len(a_round.blocks) == 4
    samples = a_round.samples
    often = samples.counts if samples.counts is not None else samples["arm"] * 0 + 1
    assert (samples.counts is not None) == (row["samples"] == "histogram")
    for arm in (0, 1):
        blocks = [block for block in a_round.blocks if block.arm == arm]
        assert sum(block.completed for block in blocks) > 0
        assert all(block.failed == block.dropped == block.unfed == 0 for block in blocks)
        assert all(block.sent == block.completed + block.failed for block in blocks)
        assert all(block.intended == block.sent + block.dropped for block in blocks)
        mine = samples["arm"] == arm
        good = mine & (samples["outcome"] == int(Outcome.OK))
        assert often[good].sum() == sum(block.completed for block in blocks)
        assert often[mine].sum() == sum(block.intended + block.not_started for block in blocks)
        assert set(samples["pair"][mine].tolist()) == {block.pair for block in blocks}
    names = measured.info.requests
    assert set(samples["request"].tolist()) == set(range(len(names)))
    assert measured.result is not None
