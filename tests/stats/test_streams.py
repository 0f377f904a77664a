"""Metrics of streams on messages whose times are known: a figure per round, judged by the rules of every metric."""

from __future__ import annotations

from dataclasses import replace
from math import log

import numpy as np
import pytest

from perfproof.judge import analyse
from perfproof.model.recording import SAMPLE_COLUMNS, Outcome, Recording, Samples
from perfproof.model.result import Verdict
from perfproof.model.rules import Rules
from perfproof.model.scenario import Budget, Goal
from perfproof.stats.columns import Side
from perfproof.stats.streams import stream_series
from recording_builders import MS, make_recording


def with_messages(recording: Recording, first_ms, between_ms, messages: int = 5, streams=(0,)) -> Recording:
    """Return the recording with a stream of ``messages`` for each ms given by arm, in every round."""
    rounds = []
    for a_round in recording.rounds:
        rows = []
        for arm in range(len(recording.info.arms)):
            for request in streams:
                at = 1000 * MS
                for number in range(messages):
                    took = int((between_ms[arm] if number else first_ms[arm]) * MS * (1 + 0.01 * (a_round.number % 3)))
                    rows.append(
                        (arm, 0, request, 0, at, at, at + took, at + took, 200, 0, int(Outcome.MESSAGE), not number, 7)
                    )
                    at += took
        table = np.array(rows, dtype=np.int64)
        columns = {name: table[:, at].astype(kind) for at, (name, kind) in enumerate(SAMPLE_COLUMNS.items())}
        rounds.append(replace(a_round, messages=Samples(columns)))
    return replace(recording, rounds=tuple(rounds))


def test_each_round_gives_a_median_and_the_95th_percentile_only_where_there_are_enough() -> None:
    recording = with_messages(make_recording(rounds=3), (30, 10), (8, 4))
    series = {
        (each.metric.name, each.request): each for each in stream_series([Side(recording, 0), Side(recording, 1)])
    }
    assert set(series) == {("time_to_first_message", "list"), ("time_between_messages", "list")}
    first = series["time_to_first_message", "list"]
    assert np.exp(first.sides[0]) == pytest.approx([30.3, 30.6, 30.0])
    assert series["time_between_messages", "list"].differences() == pytest.approx([log(0.5)] * 3, abs=1e-6)
    recording = with_messages(make_recording(rounds=2), (30, 10), (8, 4), messages=40, streams=(0, 1))
    names = {(each.metric.name, each.request) for each in stream_series([Side(recording, 0), Side(recording, 1)])}
    assert ("time_between_messages_p95", "all") in names
    assert ("time_to_first_message_p95", "all") not in names


def test_a_run_without_streams_has_none() -> None:
    assert stream_series([Side(make_recording(rounds=2), 0)]) == []


def test_goals_and_budgets_on_messages_are_judged_and_the_rest_is_shown() -> None:
    rules = Rules(
        goals=(Goal("time_to_first_message", 0.2, None, ("list",)),),
        budgets=(Budget("time_between_messages", 5.0, ("list",)),),
        planned_rounds=6,
    )
    recording = with_messages(make_recording(rounds=6, rules=rules), (30, 10), (8, 6))
    result = analyse(recording)
    rows = {(row.metric, row.request): row for row in result.comparisons}
    assert rows["time_to_first_message", "list"].verdict is Verdict.MET
    assert rows["time_between_messages", "list"].role == "shown"
    assert [(check.metric, check.broken) for check in result.budgets] == [("time_between_messages", True)]
    swapped = with_messages(make_recording(rounds=6, rules=rules), (10, 30), (6, 8))
    assert {(row.metric, row.verdict) for row in analyse(swapped).comparisons if row.role == "goal"} == {
        ("time_to_first_message", Verdict.REGRESSED)
    }
