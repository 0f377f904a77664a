"""Runs whose process is gone: ended in the store and on disk, once."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from filled import make_info
from perfproof.core.owner import Owner
from perfproof.evidence.directory import RunDirectory
from perfproof.evidence.reader import KILLED, read_info
from perfproof.store.repository import Store

INFO = make_info(0, datetime(2026, 8, 1, 6, 15, tzinfo=UTC), ("list projects",), "projects", "e417")
MINE = Owner.mine()
DEAD = Owner(MINE.pid, MINE.started + 1, MINE.place)
ELSEWHERE = Owner(MINE.pid, MINE.started, "ffffff")


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'perfproof.db'}", results=tmp_path) as opened:
        yield opened


def recorded(store, tmp_path, owner, **changes):
    info = replace(INFO, status="running", owner=str(owner), **changes)
    directory = RunDirectory.create(tmp_path, info, "name: projects\n")
    store.add_run(info, directory.path)
    return info, directory


def test_a_run_whose_process_is_gone_is_ended_and_told_once(store, tmp_path):
    info, directory = recorded(store, tmp_path, DEAD)
    directory.begin_round(1)
    (directory.path / ".samples-123.parquet").touch()
    assert store.end_killed() == [info.id]
    assert store.end_killed() == []
    assert store.find(info.id).status == "interrupted"
    document = json.loads((directory.path / "run.json").read_text())
    assert (document["status"], document["problem"]) == ("interrupted", KILLED)
    assert sorted(path.name for path in directory.path.rglob("*")) == ["rounds", "run.json", "scenario.yaml"]


@pytest.mark.parametrize("owner", [MINE, ELSEWHERE])
def test_a_run_that_may_go_on_is_left_alone(store, tmp_path, owner):
    info, directory = recorded(store, tmp_path, owner)
    directory.begin_round(1)
    assert store.end_killed() == []
    assert store.find(info.id).status == "running"
    assert (directory.path / "rounds" / ".001.partial").is_dir()


def test_a_run_elsewhere_or_of_an_older_version_counts_as_killed_after_a_day(store, tmp_path):
    for owner in (ELSEWHERE, ""):
        _, directory = recorded(store, tmp_path / str(owner or "old"), owner)
        assert read_info(directory.path).status == "running"
        past = time.time() - 90_000
        os.utime(directory.path / "run.json", (past, past))
        assert read_info(directory.path).status == "interrupted"


def test_a_run_that_ended_while_the_store_was_away_is_brought_up_to_date(store, tmp_path):
    info, directory = recorded(store, tmp_path, MINE)
    directory.finish(replace(info, status="complete"))
    assert store.end_killed() == []
    assert store.find(info.id).status == "complete"
