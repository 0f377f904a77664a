from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from folding import tally_of
from perfproof.evidence.tables import read_table
from perfproof.load.histogram_recorder import HistogramRecorder
from perfproof.load.request_source import variants_of
from perfproof.load.sample_files import WorkerPart, merge_histograms
from perfproof.model.histogram import HIGHEST, Histogram, bucket_of
from perfproof.model.recording import HISTOGRAM_COLUMNS, Outcome, settle_ns
from perfproof.model.scenario import Request
from recording_builders import make_recording

STARTED = 10**12
BLOCK_NS = 500_000_000
SETTLED = settle_ns(BLOCK_NS)


def row(request=0, variant=0, after=SETTLED, wait=0, took=1000, size=100, outcome=Outcome.OK, status=200):
    intended = STARTED + after
    sent = 0 if outcome in (Outcome.DROPPED, Outcome.NOT_STARTED) else intended + wait
    return (0, 3, request, variant, intended, sent, sent, intended + took, status, size, int(outcome), 0, 7)


def written(tally: HistogramRecorder, path: Path):
    count = tally.write(path)
    return count, read_table(path, HISTOGRAM_COLUMNS)


def started(variants=(1, 3)) -> HistogramRecorder:
    tally = HistogramRecorder(variants)
    tally.begin(0, 3, STARTED, BLOCK_NS)
    return tally


def test_each_request_is_in_the_bucket_of_its_latency_and_in_that_of_its_service_time(tmp_path):
    tally = started()
    tally.add(*row(took=5_000_000, wait=2_000_000))
    count, rows = written(tally, tmp_path / "h.parquet")
    assert count == len(tally) == 1
    assert rows["since"].tolist() == [0, 1]
    assert rows["total_ns"].tolist() == [5_000_000, 3_000_000]
    assert rows["bucket"].tolist() == bucket_of(np.array([5_000_000, 3_000_000])).tolist()
    assert rows["bytes"].tolist() == [100, 0]
    assert rows["late"].tolist() == [1, 0], "it was sent 2 ms after it should have been"


@given(st.lists(st.integers(0, 2 * HIGHEST), min_size=1, max_size=100))
def test_the_buckets_are_those_of_the_histogram(times):
    tally = started()
    for took in times:
        tally.add(*row(took=took))
    tally._fold()
    (piece,) = tally._pieces
    mine = piece["since"] == 0
    order = np.argsort(piece["bucket"][mine])
    lowest, _, counts = Histogram(times).buckets()
    assert piece["bucket"][mine][order].tolist() == bucket_of(lowest).tolist()
    assert piece["count"][mine][order].tolist() == counts.tolist()
    assert piece["total_ns"][mine].sum() == sum(min(took, HIGHEST) for took in times)


def test_what_differs_in_kind_is_kept_apart(tmp_path):
    tally = started()
    for each in (
        row(), row(variant=1, request=1), row(request=1), row(after=0), row(outcome=Outcome.BAD_STATUS, status=503),
        row(outcome=Outcome.DROPPED, status=0), row(), row(outcome=Outcome.TIMEOUT, status=0),
    ):  # fmt: skip
        tally.add(*each)
    assert tally.outcomes().tolist() == [5, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0]
    count, rows = written(tally, tmp_path / "h.parquet")
    assert count == 8
    found = {
        tuple(int(rows[name][at]) for name in ("request", "variant", "outcome", "status", "settled", "count"))
        for at in np.flatnonzero(rows["since"] == 0)
    }
    assert found == {
        (0, 0, 0, 200, 1, 2), (1, 1, 0, 200, 1, 1), (1, 0, 0, 200, 1, 1), (0, 0, 0, 200, 0, 1),
        (0, 0, 1, 503, 1, 1), (0, 0, 7, 0, 1, 1), (0, 0, 3, 0, 1, 1),
    }  # fmt: skip
    assert set(rows["outcome"][rows["since"] == 1]) == {0}, "service times are those of completed requests"


def test_each_block_is_kept_apart_and_counts_its_own_outcomes(tmp_path):
    tally = started()
    tally.add(*row())
    tally.begin(1, 4, STARTED, BLOCK_NS)
    tally.add(*row())
    tally.add(*row(outcome=Outcome.CLOSED))
    assert tally.outcomes().sum() == 2
    count, rows = written(tally, tmp_path / "h.parquet")
    assert count == 3
    assert set(zip(rows["arm"].tolist(), rows["pair"].tolist(), strict=True)) == {(0, 3), (1, 4)}


def test_nothing_is_left_after_clearing(tmp_path):
    tally = started()
    tally.add(*row())
    tally.clear()
    assert len(tally) == 0
    assert written(tally, tmp_path / "h.parquet")[0] == 0


def test_merging_what_workers_counted_is_what_one_alone_would_have_counted(tmp_path):
    (a_round,) = make_recording(rounds=1, pairs=2, rate=400.0, errors=0.05).rounds
    variants = [1, 1]
    whole = tally_of(a_round, variants)
    parts = []
    for worker in range(3):
        part = tmp_path / f"part-{worker}"
        tally_of(a_round, variants, share=(worker, 3)).write(part)
        parts.append(WorkerPart(part))
    merged, alone = tmp_path / "merged.parquet", tmp_path / "alone.parquet"
    assert merge_histograms(merged, parts) == whole.write(alone) == len(a_round.samples)
    tables = [read_table(path, HISTOGRAM_COLUMNS) for path in (merged, alone)]
    as_rows = [sorted(zip(*(table[name].tolist() for name in HISTOGRAM_COLUMNS), strict=True)) for table in tables]
    assert as_rows[0] == as_rows[1]


def test_workers_that_counted_nothing_give_an_empty_histogram(tmp_path):
    HistogramRecorder([1]).write(tmp_path / "part")
    assert merge_histograms(tmp_path / "merged.parquet", [WorkerPart(tmp_path / "part")]) == 0
    assert len(read_table(tmp_path / "merged.parquet", HISTOGRAM_COLUMNS)["arm"]) == 0


def test_a_million_requests_take_no_more_room_than_ten_thousand(tmp_path):
    sizes = []
    rng = np.random.default_rng(3)
    for count in (10_000, 200_000):
        tally = started()
        for took in (rng.lognormal(15.0, 0.4, count)).astype(int).tolist():
            tally.add(*row(took=took))
        tally.write(tmp_path / f"{count}")
        sizes.append((tmp_path / f"{count}").stat().st_size)
    assert sizes[1] < 2.5 * sizes[0]


@pytest.mark.parametrize("took", [0, 1, 2047, 2048, HIGHEST, 3 * HIGHEST])
def test_the_edges_of_the_scale_are_counted(took, tmp_path):
    tally = started()
    tally.add(*row(took=took))
    assert written(tally, tmp_path / "h.parquet")[1]["bucket"][0] == bucket_of(np.array([min(took, HIGHEST)]))[0]


def test_the_steps_of_a_flow_have_the_variants_of_their_flow(tmp_path):
    users = {"user": ("a", "b")}
    flow = [Request(name, "GET", "/", values=users, flow="shop") for name in ("login", "list", "item")]
    requests = [Request("alone", "GET", "/"), *flow, Request("last", "GET", "/", values={"n": tuple(range(100))})]
    assert variants_of(requests) == [1, 2, 2, 2, 100]
    tally = started(variants_of(requests))
    for number in range(len(requests)):
        tally.add(*row(request=number, variant=1 if number else 0))
    _, columns = written(tally, tmp_path / "h.parquet")
    kept = sorted(zip(columns["request"].tolist(), columns["variant"].tolist(), strict=True))
    assert kept == [(0, 0), (0, 0), *((n, 1) for n in (1, 2, 3) for _ in range(2)), (4, 0), (4, 0)]
