"""Tables say what was recorded and concluded, in the units their columns are told to have."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from judge.several_builders import make_several
from perfproof import frames
from perfproof.evidence.reader import samples_of
from perfproof.judge import analyse
from perfproof.model.history import Point
from perfproof.model.recording import HISTOGRAM_COLUMNS, Outcome
from perfproof.model.result import Estimate
from perfproof.model.revision import Revision
from perfproof.report import tables
from perfproof.stats.changepoints import trend
from probe_builders import both, probed
from recording_builders import make_recording


@pytest.fixture(scope="module")
def samples(faster):
    return frames.samples(faster)


def told(frame: pd.DataFrame, table: str) -> None:
    assert list(frame.columns) == list(frames.COLUMNS[table])
    assert frame.attrs["columns"] == frames.COLUMNS[table]


def test_every_request_is_a_row(faster, samples):
    told(samples, "samples")
    assert len(samples) == sum(len(each.samples) for each in faster.rounds)
    assert samples["round"].unique().tolist() == [1, 2, 3, 4, 5, 6]
    assert (samples["count"] == 1).all()


def test_names_stand_for_the_numbers_of_the_recording(faster, samples):
    raw = faster.rounds[0].samples
    first = samples[samples["round"] == 1]
    assert [faster.info.arms[each] for each in raw["arm"]] == first["arm"].tolist()
    assert [faster.info.requests[each] for each in raw["request"]] == first["request"].tolist()
    assert [f"size={each}" for each in raw["variant"]] == first["variant"].tolist()
    assert [Outcome(each).name.lower() for each in raw["outcome"]] == first["outcome"].tolist()


def test_times_are_milliseconds_and_seconds_of_the_recorded_nanoseconds(faster, samples):
    raw = faster.rounds[0].samples
    first = samples[samples["round"] == 1]
    assert np.allclose(first["latency_ms"], (raw["done_ns"] - raw["intended_ns"]) / 1e6)
    assert np.allclose(first["latency_ms"] - first["service_ms"], 0.1)
    assert first["started_s"].min() >= 0
    assert first["started_s"].max() < 60


def test_what_never_came_is_missing_and_not_zero(samples):
    failed = samples[samples["outcome"] != "ok"]
    assert len(failed)
    assert failed["first_byte_ms"].isna().all()
    unsent = make_recording(rounds=1)
    columns = dict(unsent.rounds[0].samples.columns)
    columns["outcome"] = np.full_like(columns["outcome"], int(Outcome.DROPPED))
    columns |= {name: np.zeros_like(columns[name]) for name in ("sent_ns", "first_byte_ns", "status")}
    dropped = type(unsent.rounds[0].samples)(columns)
    table = frames.samples(replace(unsent, rounds=(replace(unsent.rounds[0], samples=dropped),)))
    assert table[["latency_ms", "service_ms", "first_byte_ms", "status"]].isna().all(axis=None)
    assert not table["counted"].any()


def test_the_rows_that_count_give_the_medians_of_the_result(faster, samples):
    levels = frames.levels(analyse(faster, ()))
    counted = samples[samples["counted"]]
    assert 0.5 < len(counted) / len(samples) < 1
    own = counted.groupby(["arm", "request"], observed=True)["latency_ms"].median()
    for (arm, request), value in own.items():
        chosen = (levels["metric"] == "latency_p50") & (levels["arm"] == arm) & (levels["request"] == request)
        assert levels[chosen]["value"].item() == pytest.approx(value, rel=0.05)


def test_buckets_stand_for_many_and_know_no_moment():
    recording = make_recording(rounds=1)
    rows = {name: np.zeros(3, dtype=kind) for name, kind in HISTOGRAM_COLUMNS.items()}
    rows["count"][:], rows["total_ns"][:], rows["bytes"][:] = [10, 20, 1], [30_000_000, 80_000_000, 0], [1000, 4000, 0]
    rows["settled"][:] = [1, 1, 0]
    a_round = replace(recording.rounds[0], samples=samples_of(rows, since=0))
    table = frames.samples(replace(recording, rounds=(a_round,)))
    assert table["latency_ms"].tolist() == [3.0, 4.0, 0.0]
    assert table["bytes"].tolist() == [100.0, 200.0, 0.0]
    assert table["count"].tolist() == [10, 20, 1]
    assert table[["started_s", "service_ms", "first_byte_ms"]].isna().all(axis=None)
    assert table["counted"].tolist() == [True, True, False]


def test_a_round_that_does_not_count_is_there_and_counts_for_nothing(faster):
    broken = replace(faster, rounds=(replace(faster.rounds[0], complete=False), *faster.rounds[1:]))
    table = frames.samples(broken)
    assert not table[table["round"] == 1]["counted"].any()
    assert table[table["round"] == 2]["counted"].any()


def test_cpu_of_a_block_is_that_of_its_requests(faster):
    table = frames.blocks(faster)
    told(table, "blocks")
    assert len(table) == sum(len(each.blocks) for each in faster.rounds)
    assert np.allclose(table["cpu_per_request_ms"], table["cpu_s"] * 1000 / table["sent"])
    remote = replace(faster.rounds[0].blocks[0], service_cpu_ns=None)
    table = frames.blocks(replace(faster, rounds=(replace(faster.rounds[0], blocks=(remote,)),)))
    assert table[["cpu_s", "cpu_per_request_ms"]].isna().all(axis=None)
    assert len(frames.samples(faster)) == frames.blocks(faster)["sent"].sum()


def test_memory_is_bytes_and_missing_where_it_was_not_read(faster):
    table = frames.processes(faster)
    told(table, "processes")
    assert table["pss_bytes"].isna().sum() == 1
    assert table["rss_bytes"].median() == pytest.approx(105e6, rel=0.01)
    assert set(table["arm"].unique()) == {"baseline", "candidate"}


def test_rows_are_those_of_every_other_report(faster):
    result = analyse(faster, ())
    table = frames.rows(result)
    told(table, "rows")
    assert tuple(table.columns) == tables.columns(result)
    p50 = table[(table["metric"] == "latency_p50") & (table["request"] == "all")].iloc[0]
    assert p50["change"] == pytest.approx(-0.2, abs=0.05)
    assert p50["ci_low"] < p50["change"] < p50["ci_high"]
    assert table["verdict"].tolist() == [str(each.verdict) for each in result.comparisons]
    changes = [np.nan if each.change is None else each.change for each in result.comparisons]
    assert table["change"].tolist() == pytest.approx(changes, nan_ok=True)
    assert str(table["started_at"].dt.tz) == "UTC"
    assert table["goal"].isna().all()


def test_a_single_arm_has_levels_in_place_of_comparisons():
    result = analyse(make_recording(kind="run", rounds=3), ())
    told(frames.rows(result), "levels")
    assert frames.rows(result).equals(frames.levels(result))


def test_the_rounds_behind_a_change_are_there(faster):
    result = analyse(faster, ())
    table = frames.round_changes(result)
    told(table, "round_changes")
    own = table[(table["metric"] == "latency_p50") & (table["request"] == "all")]
    assert own["position"].tolist() == [1, 2, 3, 4, 5, 6]
    assert own["change"].median() == pytest.approx(-0.2, abs=0.06)


def test_queries_are_told_by_arm_size_and_statement(faster):
    before = probed([(1, {"a": 1, "b": 2}), (10, {"a": 1, "b": 11})], name="list")
    after = probed([(1, {"a": 1}), (10, {"a": 1})], name="list")
    result = analyse(replace(faster, probing=both(before, after)), ())
    table, counts = frames.queries(result), frames.query_counts(result)
    told(table, "queries")
    told(counts, "query_counts")
    gone = table[(table["key"] == "b")]
    assert gone["arm"].unique().tolist() == ["baseline"]
    assert gone.set_index("size")["calls"].to_dict() == {1.0: 2, 10.0: 11}
    assert set(gone["change"]) == {"gone"}
    assert counts.set_index(["arm", "size"])["queries"].to_dict() == {
        ("baseline", 1.0): 3,
        ("baseline", 10.0): 12,
        ("candidate", 1.0): 1,
        ("candidate", 10.0): 1,
    }


def test_a_history_shows_where_the_level_moved():
    revision = Revision("c" * 40, "main", False)
    values = [10.0, 10.1, 9.9, 10.0, 10.05, 9.95, 12.0, 12.1, 11.9, 12.0, 12.05, 11.95]
    points = [
        Point(f"run-{at:02d}", f"2026-11-{at + 1:02d}T06:00:00+00:00", "s", "e", Estimate(v, None, None, None, 6))
        for at, v in enumerate(values)
    ]
    points = [replace(each, revision=revision) for each in points]
    table = frames.history([trend("shop", "latency_p50", "all", "ms", points)])
    told(table, "history")
    assert table["value"].tolist() == values
    moved = table[table["level_change"].notna()]
    assert moved["run"].tolist() == ["run-06"]
    assert moved["level_change"].item() == pytest.approx(0.2, abs=0.01)
    assert table["started_at"].is_monotonic_increasing
    assert table["commit"].unique().tolist() == ["c" * 40]


@pytest.mark.parametrize("table", ["samples", "blocks", "processes"])
def test_a_run_without_a_finished_round_gives_empty_tables(faster, table):
    frame = getattr(frames, table)(replace(faster, rounds=()))
    told(frame, table)
    assert frame.empty


@pytest.mark.parametrize("table", ["rows", "levels", "round_changes", "queries", "query_counts"])
def test_a_result_without_anything_gives_empty_tables(table):
    from perfproof.testing import sample_results

    frame = getattr(frames, table)(sample_results()["empty"])
    told(frame, table)
    assert frame.empty


def test_every_column_is_told_and_those_with_a_unit_say_which():
    words = {"_ms": "millisecond", "_s": "second", "_bytes": "memory"}
    for columns in frames.COLUMNS.values():
        for name, meaning in columns.items():
            assert meaning, name
            for ending, word in words.items():
                assert not name.endswith(ending) or word in meaning, f"{name}: {meaning}"


def test_without_pandas_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        "from perfproof import frames, UsageError\n"
        "from perfproof.testing import sample_results\n"
        "try: frames.levels(sample_results()['single run'])\n"
        "except UsageError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pandas is not installed" in done.stdout
    assert "pip install 'perfproof[notebook]'" in done.stdout


def test_tables_of_several_candidates_begin_with_whose_a_row_is() -> None:
    result = analyse(make_several((-0.3, 0.2), rounds=4))
    for table in (frames.rows, frames.round_changes):
        frame = table(result)
        assert frame.columns[0] == "compared"
        assert list(frame.columns) == list(frame.attrs["columns"])
        assert frame["compared"].unique().tolist() == ["fix-a", "fix-b"]
        for part in result.candidates:
            mine = frame[frame["compared"] == part.arms[-1]].drop(columns="compared").reset_index(drop=True)
            pd.testing.assert_frame_equal(mine, table(part), check_dtype=False)
    assert set(frames.levels(result)["arm"]) == {"main", "fix-a", "fix-b"}
    assert len(frames.queries(result)) == 0
