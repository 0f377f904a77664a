"""The engine that sends nothing keeps the contract of the real one: the same commands, replies, samples."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from fake_engine import OVERHEAD_NS, FakeEngine, FakeLoad, takes
from perfproof.errors import LoadError
from perfproof.load.engine import LoadEngine
from perfproof.load.load_client import LoadProcess
from perfproof.load.plan import PairStretch
from perfproof.load.rpc import LoadCommands
from perfproof.model.recording import SAMPLE_COLUMNS, Outcome
from perfproof.model.scenario import Arm, Load, Request, Scenario, Service

pytestmark = pytest.mark.server

ITEM = Request("item", "GET", "/ok?n={n}", values={"n": (1, 2, 3)}, weight=3)
OTHER = Request("other", "GET", "/ok")
SLEEPING = {"SLEEP_MS": "20", "WORK_US": "0"}


def scenario(load: Load, **service: Any) -> Scenario:
    arms = tuple(Arm(name, Service(url="u", **service)) for name in ("baseline", "candidate"))
    return Scenario("test", Path("test.yaml"), arms, (ITEM, OTHER), load=load)


@pytest.fixture
def both(server, tmp_path, warm_start):
    """Start the real and the fake engine for the same load, opened on the same server."""
    started = []

    def begin(load: Load) -> tuple[LoadProcess, LoadProcess]:
        for kind in (LoadProcess, FakeLoad):
            each = kind.start(scenario(load), log=tmp_path / f"{len(started)}.log")
            started.append(each)
            for arm in (0, 1):
                each.open(arm, server.url)
        return started[-2], started[-1]

    yield begin
    for each in started:
        each.stop()


def samples(load: LoadProcess, path: Path) -> dict[str, np.ndarray]:
    assert load.seal(path) == pq.read_table(path).num_rows
    table = pq.read_table(path)
    return {name: table[name].to_numpy() for name in table.column_names}


def kinds(value: Any) -> Any:
    """Return the shape of a reply: its fields and their types."""
    if dataclasses.is_dataclass(value):
        return type(value), {each.name: kinds(getattr(value, each.name)) for each in dataclasses.fields(value)}
    return type(value)


def test_it_takes_every_command_with_the_same_parameters():
    asked = [name for name, member in inspect.getmembers(LoadCommands, inspect.isfunction) if not name.startswith("_")]
    assert len(asked) > 10
    for name in asked:
        if name == "break_off":
            continue
        mine, real = (list(inspect.signature(getattr(each, name)).parameters) for each in (FakeEngine, LoadEngine))
        assert mine == [each for each in real if each != "start"], name


def test_a_block_is_the_same_schedule_and_the_same_kind_of_samples(both, tmp_path):
    real, fake = both(Load(rate=200, connections=8))
    reports, columns = [], []
    for number, load in enumerate((real, fake)):
        reports.append(load.block(1, 4, 0, 0.5, seed=7))
        columns.append(samples(load, tmp_path / f"{number}.parquet"))
    assert kinds(reports[0]) == kinds(reports[1])
    for name in ("intended", "sent", "completed", "failed", "dropped", "not_started", "resent", "lost"):
        assert getattr(reports[0], name) == getattr(reports[1], name), name
    assert reports[1].ended_ns - reports[1].started_ns == 500_000_000
    for each in columns:
        assert {name: str(column.dtype) for name, column in each.items()} == SAMPLE_COLUMNS
        assert set(each["arm"]) == {1}
        assert set(each["pair"]) == {4}
        assert set(each["outcome"]) == {int(Outcome.OK)}
        assert set(each["status"]) == {200}
        assert (each["intended_ns"] <= each["sent_ns"]).all()
        assert (each["sent_ns"] < each["first_byte_ns"]).all()
        assert (each["first_byte_ns"] <= each["done_ns"]).all()
        assert len(set(each["id"])) == len(each["id"])
    drawn = [[tuple(row) for row in np.stack([each[name] for name in ("request", "variant")], axis=1)
              [np.argsort(each["intended_ns"], kind="stable")]] for each in columns]  # fmt: skip
    assert drawn[0] == drawn[1], "the same requests in the same order"
    offsets = [np.sort(each["intended_ns"]) - each["intended_ns"].min() for each in columns]
    assert np.abs(offsets[0] - offsets[1]).max() < 1000, "at the same moments"


def test_pairs_ask_each_arm_for_the_same_and_never_at_the_same_time(both, tmp_path):
    stretch = PairStretch((0, 1), 2, (6, 3), 30.0, seed=5, gap=0.001)
    reports, columns = [], []
    for number, load in enumerate(both(Load(given=False))):
        reports.append(load.pairs(stretch))
        columns.append(samples(load, tmp_path / f"{number}.parquet"))
    assert kinds(reports[0]) == kinds(reports[1])
    assert reports[0].pairs == reports[1].pairs == 9
    assert [len(took) for took in reports[0].took_ns] == [len(took) for took in reports[1].took_ns] == [2, 2]
    assert reports[0].hung == reports[1].hung == (0, 0)
    counted = []
    for each in columns:
        order = np.argsort(each["sent_ns"])
        assert (each["done_ns"][order][:-1] <= each["sent_ns"][order][1:]).all()
        assert (each["arm"][order].reshape(-1, 2).sum(axis=1) == 1).all()
        counted.append(sorted(zip(each["arm"], each["request"], each["variant"], strict=True)))
    assert counted[0] == counted[1]


def test_a_probe_and_a_trial_see_the_answers_of_the_service(both):
    real, fake = both(Load(rate=50))
    replies = [load.probe(0, 0, {"n": 2}, headers={"x-mine": "yes"}) for load in (real, fake)]
    assert kinds(replies[0]) == kinds(replies[1])
    for name in ("outcome", "status", "wire", "body", "cut"):
        assert getattr(replies[0], name) == getattr(replies[1], name), name
    assert replies[1].headers["content-length"] == replies[0].headers["content-length"]
    assert real.try_out(0) == fake.try_out(0) == []
    for load in (real, fake):
        assert kinds(load.warm(0, 0.1, requests=20)) == kinds(real.warm(0, 0.1, requests=20))
        assert load.alone(0) > 0


def test_what_is_discarded_is_not_sealed_and_nothing_is_sent_after_an_abort(both, tmp_path, server):
    for number, load in enumerate(both(Load(rate=100))):
        load.block(0, 0, 0, 0.1, seed=1)
        load.discard()
        assert load.seal(tmp_path / f"{number}.parquet") == 0
        assert load.learned().troubles == ()
        load.abort()
        with pytest.raises(LoadError):
            load.open(0, server.url)


def test_its_figures_are_those_of_the_scenario_and_the_same_each_time(server, tmp_path):
    times = []
    for number in range(2):
        load = FakeLoad.start(scenario(Load(rate=100), environment=SLEEPING), log=tmp_path / "load.log")
        load.open(0, server.url)
        load.block(0, 0, 0, 2.0, seed=1)
        columns = samples(load, tmp_path / f"{number}.parquet")
        times.append((columns["done_ns"] - columns["sent_ns"]).tolist())
    assert times[0] == times[1]
    assert median(times[0]) == pytest.approx(20_000_000 + OVERHEAD_NS, rel=0.02)
    assert takes(Arm("a", Service(url="u", environment={"WORK_US": "3000", "STATUS": "503"}))) == (3_000_000, 0, 503)


def test_what_it_does_not_know_it_refuses(tmp_path):
    with pytest.raises(LoadError, match="the fake engine knows no workers"):
        FakeLoad.start(scenario(Load(rate=100, workers=2)), log=tmp_path / "load.log")
    with pytest.raises(LoadError, match="no histograms"):
        FakeLoad.start(scenario(Load(rate=100, samples="histogram")), log=tmp_path / "load.log")


def test_what_its_connections_do_not_carry_is_dropped_and_recorded_as_that(both, tmp_path):
    _, fake = both(Load(rate=20_000, connections=2))
    report = fake.block(0, 1, 0, 0.5, seed=3)
    found = samples(fake, tmp_path / "many.parquet")
    lost = found["outcome"] == int(Outcome.DROPPED)
    assert report.dropped == lost.sum() > report.sent
    assert (report.intended, report.sent) == (len(lost), len(lost) - lost.sum())
    assert not found["sent_ns"][lost].any()
    assert found["sent_ns"][~lost].all()
