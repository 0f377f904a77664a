"""What was recorded, for other tools: HdrHistogram logs and Locust's CSV files, made of the samples themselves."""

from __future__ import annotations

import io
import struct
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from perfproof.core.files import write_text
from perfproof.errors import UsageError
from perfproof.model.histogram import HIGHEST, Histogram, bucket_of
from perfproof.model.recording import COMPLETED, LEFT_OUT, Outcome, Recording, first_moment
from perfproof.report.tables import write_rows
from perfproof.why.profile_files import write_folded, write_pyinstrument, write_speedscope

_V2, _V2_COMPRESSED = 0x1C849313, 0x1C849314
_QUANTILES = (0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0)
_PERCENTILES = tuple(f"{q * 100:g}%" for q in _QUANTILES)
_FIGURES = ("Median Response Time", "Average Response Time", "Min Response Time", "Max Response Time")
_STATS = (
    "Type",
    "Name",
    "Request Count",
    "Failure Count",
    *_FIGURES,
    "Average Content Size",
    "Requests/s",
    "Failures/s",
)
_HISTORY = ("Timestamp", "User Count", "Type", "Name", "Requests/s", "Failures/s", *_PERCENTILES)
_TOTALS = (
    "Total Request Count",
    "Total Failure Count",
    *(f"Total {name}" for name in (*_FIGURES, "Average Content Size")),
)

Columns = dict[str, npt.NDArray[Any]]


def writer_of(path: Path) -> Callable[[Recording, Path], None] | None:
    """Return what writes a recording to a file of this name; None if the name asks for a report of the result."""
    return next((writer for ending, writer in WRITERS.items() if path.name.endswith(ending)), None)


def write_hlog(recording: Recording, path: Path) -> None:
    """Write latencies (ns, of completed requests) as an HdrHistogram log: a line per block, arm and request name.

    The tag of a line is ``arm/request`` with commas and spaces made ``_``; times are seconds since the first block.
    """
    begin = first_moment(recording.rounds)
    started = datetime.fromisoformat(recording.info.started_at).timestamp()
    lines = [
        "#[Histogram log format version 1.3]",
        f"#[StartTime: {started:.3f} (seconds since epoch)]",
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
    ]
    for a_round in recording.rounds:
        samples = a_round.samples
        good = samples["outcome"] == int(Outcome.OK)
        latency = samples["done_ns"] - samples["intended_ns"]
        for block in a_round.blocks:
            mine = good & (samples["arm"] == block.arm) & (samples["pair"] == block.pair)
            for number, name in enumerate(recording.info.requests):
                chosen = mine & (samples["request"] == number)
                histogram = Histogram()
                histogram.record(latency[chosen], None if samples.counts is None else samples.counts[chosen])
                if histogram.count:
                    tag = "".join(
                        c if c.isalnum() or c in "-./" else "_" for c in f"{recording.info.arms[block.arm]}/{name}"
                    )
                    length = (block.ended_ns - block.started_ns) / 1e9
                    top = (histogram.max or 0) / 1e6
                    times = f"{(block.started_ns - begin) / 1e9:.3f},{length:.3f},{top:.3f}"
                    lines.append(f"Tag={tag},{times},{b64encode(compressed(histogram)).decode()}")
    write_text(path, "\n".join(lines) + "\n")


def compressed(histogram: Histogram) -> bytes:
    """Return a histogram in HdrHistogram's compressed V2 encoding (three significant digits, from 1 ns to 1 h).

    The buckets are the same as ours, so nothing is lost; runs of empty ones are one negative number, and every number
    is a ZigZag LEB128 (github.com/HdrHistogram/HdrHistogram, AbstractHistogram.encodeIntoByteBuffer).
    """
    lowest, _, counts = histogram.buckets()
    payload = bytearray()
    place = 0
    for index, count in zip(bucket_of(lowest).tolist(), counts.tolist(), strict=True):
        if index > place:
            payload += _zigzag(place - index)
        payload += _zigzag(count)
        place = index + 1
    head = struct.pack(">iiiiqqd", _V2, len(payload), 0, 3, 1, HIGHEST, 1.0)
    packed = zlib.compress(head + bytes(payload))
    return struct.pack(">ii", _V2_COMPRESSED, len(packed)) + packed


def _zigzag(value: int) -> bytes:
    number = (value << 1) ^ (value >> 63)
    found = bytearray()
    # The ninth byte holds eight bits: HdrHistogram's variant of LEB128 never takes more than nine.
    while number > 0x7F and len(found) < 8:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number & 0xFF)
    return bytes(found)


def write_stats(recording: Recording, path: Path) -> None:
    """Write Locust's ``_stats.csv``: a row per arm (as Type) and request name, and one for all; times in ms."""
    seconds = _seconds(recording)
    rows: list[list[Any]] = []
    for arm, arm_name in enumerate(recording.info.arms):
        mine = _of_arm(recording, arm)
        for number, name in [*enumerate(recording.info.requests), (-1, "Aggregated")]:
            chosen = mine if number < 0 else {key: column[mine["request"] == number] for key, column in mine.items()}
            count, failed, figures, quantiles = _figures(chosen)
            rates = [count / seconds[arm], failed / seconds[arm]] if seconds[arm] else [0.0, 0.0]
            rows.append([arm_name, name, count, failed, *figures, *rates, *quantiles])
    _csv(path, (*_STATS, *_PERCENTILES), rows)


def write_history(recording: Recording, path: Path) -> None:
    """Write Locust's ``_stats_history.csv``: a row per arm and second in which requests ended, with totals so far.

    Percentiles are of that second. Timestamps count from the start of the run, to which the first block is set.
    """
    if any(a_round.samples.counts is not None for a_round in recording.rounds):
        raise UsageError(
            f"{path.name} needs the moment of every request, and this run kept histograms only",
            hint="measure with `samples: raw`, or export .hlog or _stats.csv",
        )
    begin = first_moment(recording.rounds)
    started = int(datetime.fromisoformat(recording.info.started_at).timestamp())
    users = recording.info.settings.get("load", {}).get("users", 0)
    rows: list[list[Any]] = []
    for arm, arm_name in enumerate(recording.info.arms):
        mine = _of_arm(recording, arm)
        order = np.argsort(mine["done_ns"], kind="stable")
        mine = {key: column[order] for key, column in mine.items()}
        second = (mine["done_ns"] - begin) // 1_000_000_000
        for now in np.unique(second).tolist():
            low, high = np.searchsorted(second, [now, now + 1]).tolist()
            count, failed, _, quantiles = _figures({key: column[low:high] for key, column in mine.items()})
            total, bad, figures, _ = _figures({key: column[:high] for key, column in mine.items()})
            head = [started + now, users, arm_name, "Aggregated", float(count), float(failed)]
            rows.append([*head, *quantiles, total, bad, *figures])
    _csv(path, (*_HISTORY, *_TOTALS), sorted(rows, key=lambda row: row[0]))


def _figures(chosen: Columns) -> tuple[int, int, list[float], list[float]]:
    """Return requests, failures, Locust's figures (ms, and bytes) and percentiles (ms) of requests that were sent."""
    often = chosen["count"]
    count = int(often.sum())
    failed = int(often[~np.isin(chosen["outcome"], COMPLETED)].sum())
    if not count:
        return 0, 0, [0.0] * 5, [0.0] * len(_QUANTILES)
    times = (chosen["done_ns"] - chosen["intended_ns"]) / 1e6
    order = np.argsort(times, kind="stable")
    reached = np.cumsum(often[order])
    # The smallest time that the share did not exceed: NumPy's inverted_cdf, for values that stand for many.
    places = np.searchsorted(reached, np.maximum(1, np.ceil(np.array(_QUANTILES) * count - 1e-9)))
    quantiles = times[order][places].tolist()
    mean, size = float((times * often).sum() / count), float(chosen["bytes"].sum() / count)
    return count, failed, [quantiles[0], mean, float(times.min()), float(times.max()), size], quantiles


def _of_arm(recording: Recording, arm: int) -> Columns:
    """Return the samples of one arm that were sent; ``count`` is how many requests each stands for."""
    names = ("request", "intended_ns", "done_ns", "outcome", "bytes")
    parts: list[Columns] = [{name: np.empty(0, dtype=np.int64) for name in (*names, "count")}]
    for a_round in recording.rounds:
        samples = a_round.samples
        unsent = np.isin(samples["outcome"], (Outcome.DROPPED, *LEFT_OUT))
        mine = (samples["arm"] == arm) & ~unsent
        often = np.ones(len(samples), dtype=np.int64) if samples.counts is None else samples.counts
        parts.append({name: samples[name][mine] for name in names} | {"count": often[mine]})
    return {name: np.concatenate([part[name] for part in parts]).astype(np.int64) for name in (*names, "count")}


def _seconds(recording: Recording) -> list[float]:
    """Return how long each arm was under load."""
    blocks = [block for a_round in recording.rounds for block in a_round.blocks]
    arms = range(len(recording.info.arms))
    return [sum(block.paced_ns for block in blocks if block.arm == arm) / 1e9 for arm in arms]


def _csv(path: Path, head: tuple[str, ...], rows: list[list[Any]]) -> None:
    text = io.StringIO(newline="")
    write_rows(text, head, _rounded(rows))
    write_text(path, text.getvalue())


def _rounded(rows: list[list[Any]]) -> Iterator[list[Any]]:
    """Yield rows with times to the nanosecond."""
    for row in rows:
        yield [round(value, 6) if isinstance(value, float) else value for value in row]


WRITERS: dict[str, Callable[[Recording, Path], None]] = {
    ".hlog": write_hlog,
    "_stats.csv": write_stats,
    "_stats_history.csv": write_history,
    ".speedscope.json": write_speedscope,
    ".pyinstrument.html": write_pyinstrument,
    ".folded": write_folded,
}
"""Known endings of files for other tools."""
