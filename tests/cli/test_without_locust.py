"""Locust is an extra: without it declarative scenarios are measured as ever, and what needs it says so at once."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]


@pytest.fixture
def without(bench):
    """Lend a bench whose interpreters, also that of the load process, have no Locust."""
    folder = bench.folder / "path"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text('import sys; sys.modules["locust"] = None\n')
    bench.environ["PYTHONPATH"] = str(folder)
    return bench


def test_a_scenario_of_requests_and_one_of_users_are_measured_without_it(without):
    light = (("count: 2", "count: 1"), ("blocks: 4", "blocks: 2"), ("3000", "300"), ("1000", "300"))
    open_, closed = "{model: open, rate: 80/s}", "{model: closed, users: 1, think_time: 40ms}"
    without.scenario(*light, (open_, "{model: open, rate: 20/s}"))
    without.scenario(*light, (open_, closed), name="users.yaml")
    for name in ("tiny.yaml", "users.yaml"):
        ran = without.measure("ab", name, "--json", "out.json")
        assert ran.code == 3, ran.out + ran.err  # one round has no interval
        rows = {row["metric"]: row for row in without.json("out.json")["comparisons"] if row["request"] == "all"}
        assert rows["latency_p50"]["candidate"] > 0
        assert rows["latency_p50"]["verdict"] != "invalid"
    assert not without.leftovers()


@pytest.mark.parametrize(
    ("old", "new", "place", "why"),
    [
        ("rate: 80/s}", "rate: 80/s, workers: 2}", ":12:42", "several workers share the load, connected by Locust"),
        (
            'requests:\n  - {name: item, get: "/items/{n}", values: {n: [1, 2, 3]}}\nload: {model: open, rate: 80/s}',
            "locustfile: load.py\nload: {users: 2}",
            ":10:13",
            "a Locust file makes the requests",
        ),
    ],
)
def test_what_needs_it_says_so_before_anything_is_started(without, old, new, place, why):
    (without.folder / "load.py").write_text("from locust import HttpUser\n\n\nclass User(HttpUser):\n    pass\n")
    path = without.scenario((old, new))
    ran = without.run("ab", path.name)
    assert ran.code == 2, ran.out + ran.err
    said = " ".join(ran.err.split())
    assert f"{place}: Locust is not installed why: {why} fix: pip install 'perfproof[locust]'" in said
    assert not (without.folder / "results").exists()
    worker = without.run("worker", "--join", "127.0.0.1:1", "--token-file", "load.py")
    assert (worker.code, "pip install 'perfproof[locust]'" in worker.err) == (2, True)
