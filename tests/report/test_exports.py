"""The formats of other tools, read back by those tools."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from late import Late
from perfproof.model.histogram import HIGHEST, Histogram
from perfproof.model.recording import Outcome, Recording
from perfproof.report.exports import compressed, writer_of

sys.path.insert(0, str(Path(__file__).parent.parent))
from recording_builders import make_recording

pd = Late("pandas")


@pytest.fixture(scope="module")
def recording() -> Recording:
    return make_recording(rounds=2, pairs=2, errors=0.1)


def write(recording: Recording, path: Path) -> Path:
    writer = writer_of(path)
    assert writer is not None
    writer(recording, path)
    return path


@pytest.mark.parametrize("values", [[1], [0, 1, 2047, 2048, 10**6, HIGHEST], [5] * 100_000, list(range(1, 10**7, 997))])
def test_a_histogram_is_decoded_by_its_own_tool_to_the_same_counts(values):
    from base64 import b64encode

    ours = Histogram(np.array(values, dtype=np.int64))
    theirs = HdrHistogram.decode(b64encode(compressed(ours)))
    assert theirs.get_total_count() == ours.count
    lowest, _, counts = ours.buckets()
    for value, count in list(zip(lowest.tolist(), counts.tolist(), strict=True))[:500]:
        assert theirs.get_count_at_value(value) == count
    assert theirs.get_max_value() == pytest.approx(ours.max, rel=1e-3)


def test_a_log_of_histograms_is_read_by_its_own_tool_and_holds_every_completed_request(recording, tmp_path):
    path = write(recording, tmp_path / "run.hlog")
    reader = HistogramLogReader(str(path), HdrHistogram(1, HIGHEST, 3))
    total, intervals = HdrHistogram(1, HIGHEST, 3), 0
    while (interval := reader.get_next_interval_histogram()) is not None:
        total.add(interval)
        intervals += 1
    samples = [a_round.samples for a_round in recording.rounds]
    latency = np.concatenate([(s["done_ns"] - s["intended_ns"])[s["outcome"] == Outcome.OK] for s in samples])
    assert total.get_total_count() == len(latency)
    assert intervals == 2 * 2 * 2 * len(recording.info.requests)
    expected = float(np.quantile(latency, 0.95, method="inverted_cdf"))
    assert total.get_value_at_percentile(95) == pytest.approx(expected, rel=2e-3)
    assert "Tag=baseline/list," in path.read_text()


def test_the_table_of_requests_has_the_columns_and_sums_of_locust(recording, tmp_path):
    # In a process of its own, for importing Locust changes the interpreter.
    script = "from locust.stats import PERCENTILES_TO_REPORT as p; print(*(f'{share * 100:g}%' for share in p))"
    percentiles = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    table = pd.read_csv(write(recording, tmp_path / "x_stats.csv"))
    assert list(table.columns)[:4] == ["Type", "Name", "Request Count", "Failure Count"]
    assert list(table.columns)[11:] == percentiles.split()
    for arm in recording.info.arms:
        mine = table[table["Type"] == arm].set_index("Name")
        rows = mine.drop("Aggregated")
        assert rows["Request Count"].sum() == mine.loc["Aggregated", "Request Count"] > 0
        assert rows["Failure Count"].sum() == mine.loc["Aggregated", "Failure Count"] > 0
        assert (mine["50%"] == mine["Median Response Time"]).all()
        assert (mine["95%"] <= mine["Max Response Time"]).all()


def test_the_history_ends_with_the_totals(recording, tmp_path):
    history = pd.read_csv(write(recording, tmp_path / "x_stats_history.csv"))
    stats = pd.read_csv(write(recording, tmp_path / "x_stats.csv"))
    assert history["Timestamp"].is_monotonic_increasing
    for arm in recording.info.arms:
        last = history[history["Type"] == arm].iloc[-1]
        whole = stats[(stats["Type"] == arm) & (stats["Name"] == "Aggregated")].iloc[0]
        assert last["Total Request Count"] == whole["Request Count"]
        assert last["Total Failure Count"] == whole["Failure Count"]
        assert last["Total Average Response Time"] == pytest.approx(whole["Average Response Time"])


def test_other_names_ask_for_a_report_of_the_result():
    assert writer_of(Path("stats.csv")) is None
    assert writer_of(Path("report.html")) is None
