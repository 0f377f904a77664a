"""What was recorded and concluded as pandas DataFrames, for notebooks.

Pure: a recording, a result or trends in, a table out. Every column is told in ``COLUMNS``, with its unit, and so it is
in the table itself (``frame.attrs["columns"]``). Names of arms, requests and the like are categories, times are floats
in the unit that the column's name ends with, and what is not known is missing (NaN), never 0 or -1.

pandas is imported here alone and only when a table is made: nothing else of perfproof needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from perfproof.errors import UsageError
from perfproof.model.recording import LEFT_OUT, Outcome, Recording, Round, first_moment
from perfproof.report import tables
from perfproof.stats.columns import completed, usable

if TYPE_CHECKING:
    import pandas as pd

    from perfproof.model.history import Trend
    from perfproof.model.result import Result
    from perfproof.store.summary import RunSummary

Columns = dict[str, Any]

_WHEN = "seconds since the first block of the run"
_OF_INTERVAL = "missing where there is no interval"

COLUMNS: dict[str, dict[str, str]] = {
    "samples": {
        "round": "number of the round, from 1",
        "arm": "which version was asked",
        "pair": "number of the pair of blocks (or of the stretch) within the round",
        "request": "name of the request",
        "variant": "which values the request was sent with, e.g. `limit=20`; empty where it has none",
        "started_s": f"when it was meant to be sent: {_WHEN}; missing in runs that kept histograms",
        "latency_ms": "milliseconds from then to the end of the response; missing where it was never sent",
        "service_ms": "milliseconds from sending to the end of the response; missing in runs that kept histograms",
        "first_byte_ms": "milliseconds from sending to the first byte of the response; missing where none came",
        "status": "HTTP status; missing where no response came",
        "bytes": "bytes of the response's body as they came over the wire (of histograms: the mean)",
        "outcome": "ok, bad_status, unexpected, timeout, connect, closed, protocol, dropped, not_started, resent, lost",
        "reconnected": "connections that were opened for it: 0, 1 or 2",
        "counted": "whether latency figures are made of it: completed, settled, and in a round that counts",
        "count": "requests that the row stands for: 1, or those of a histogram's bucket",
    },
    "blocks": {
        "round": "number of the round, from 1",
        "arm": "which version was asked",
        "pair": "number of the pair of blocks (or of the stretch) within the round",
        "paired": "whether requests went to both versions in turn; both then share the block's times",
        "started_s": _WHEN,
        "seconds": "how long it took",
        "intended": "requests that were to be sent",
        "sent": "requests that were sent",
        "completed": "requests that were answered as expected",
        "failed": "requests that failed",
        "dropped": "requests that could not be sent, since too many were waiting",
        "late": "requests that were sent more than 1 ms after their moment",
        "cpu_s": "CPU seconds of the service's whole process tree; missing for a remote service",
        "cpu_per_request_ms": "CPU milliseconds of the service per request sent",
        "generator_cpu_s": "CPU seconds of the load process",
        "lag_max_ms": "the longest that the load process came too late, in milliseconds",
        "steal_s": "CPU seconds that the machine's host took away",
        "rate": "requests per second that a search for the capacity asked for; missing elsewhere",
    },
    "processes": {
        "round": "number of the round, from 1",
        "arm": "which version's process tree was looked at",
        "at_s": _WHEN,
        "processes": "processes in the tree",
        "rss_bytes": "resident memory of the tree, shared pages counted for each process",
        "pss_bytes": "resident memory of the tree, shared pages divided among those that share them",
        "uss_bytes": "memory of the tree that nobody else shares",
        "cpu_s": "CPU seconds of the tree since it was started",
    },
    "rows": {
        "scenario": "name of the scenario",
        "run_id": "id of the run (of two compared: both)",
        "started_at": "when the run was started, UTC",
        "metric": "name of the metric",
        "request": "name of the request; `all` for all of them",
        "unit": "unit of baseline and candidate, e.g. ms, bytes, 1/s, ratio",
        "baseline": "value of the version before, in `unit`",
        "candidate": "value of the version after, in `unit`",
        "change": "candidate / baseline - 1 (a share: -0.2 is 20 % less)",
        "ci_low": f"lower end of the interval of the change (a share); {_OF_INTERVAL}",
        "ci_high": f"upper end of the interval of the change (a share); {_OF_INTERVAL}",
        "confidence": "confidence of the interval (a share)",
        "goal": "promised change (a share), where there is a goal",
        "stretch": "the higher goal (a share), where there is one",
        "verdict": "invalid, equivalent, met, short, improved, regressed or inconclusive",
        "role": "goal, gate (guards against regression) or shown",
        "rounds": "rounds behind the row",
        "impact": "milliseconds saved (negative: lost) per second of traffic",
        "typical": "whether the change is the typical one of several kinds of requests",
    },
    "levels": {
        "metric": "name of the metric",
        "request": "name of the request; `all` for all of them",
        "arm": "which version",
        "unit": "unit of value, ci_low and ci_high",
        "value": "the value, in `unit`",
        "ci_low": f"lower end of its interval, in `unit`; {_OF_INTERVAL}",
        "ci_high": f"upper end of its interval, in `unit`; {_OF_INTERVAL}",
        "confidence": "confidence of the interval (a share)",
        "rounds": "rounds behind it",
    },
    "round_changes": {
        "metric": "name of the metric",
        "request": "name of the request; `all` for all of them",
        "position": "place of the round among those that count, from 1",
        "change": "candidate / baseline - 1 of that round alone (a share)",
    },
    "queries": {
        "request": "name of the request",
        "arm": "which version",
        "size": "the size it was asked for; missing where it has none",
        "response_rows": "rows in the response at that size; missing where unknown",
        "statement": "the statement, with every literal as `?`",
        "key": "fingerprint of the statement",
        "calls": "how often it ran for one request",
        "slope": "calls per row of the response; missing where sizes are too few to tell",
        "change": "gone, new, count changed, slope changed or same",
        "caller": "line of the service's code that sent it, where known",
    },
    "query_counts": {
        "request": "name of the request",
        "arm": "which version",
        "size": "the size it was asked for; missing where it has none",
        "response_rows": "rows in the response; missing where unknown",
        "queries": "statements for one request, the fewest of the repeats; missing where not counted",
        "queries_most": "the most of the repeats",
        "rows_fetched": "rows that the database returned or changed; missing where unknown",
        "db_ms": "milliseconds in the database; missing where unknown",
        "bytes": "bytes of the response's body over the wire",
    },
    "history": {
        "scenario": "name of the scenario",
        "run": "id of the run",
        "started_at": "when it was started, UTC",
        "metric": "name of the metric",
        "request": "name of the request; `all` for all of them",
        "unit": "unit of value, ci_low and ci_high",
        "value": "what the candidate (or the only version) measured, in `unit`",
        "ci_low": f"lower end of its interval, in `unit`; {_OF_INTERVAL}",
        "ci_high": f"upper end of its interval, in `unit`; {_OF_INTERVAL}",
        "rounds": "rounds behind it",
        "label": "label of the run; missing where it has none",
        "branch": "branch of git; missing outside of git",
        "commit": "commit of git; missing outside of git",
        "stretch": "runs of one scenario on one machine (counts of instructions: that rest on the same) have the same "
        "number: only they may be held against each other",
        "level_change": "where the level moved with this run: after / before - 1 (a share); missing elsewhere",
        "probability": "probability of so clear a step by chance alone; missing where the level did not move",
    },
    "runs": {
        "id": "id of the run",
        "scenario": "name of the scenario",
        "kind": "ab, run, noise, capacity or count",
        "label": "its label; missing where it has none",
        "started_at": "when it was started, UTC",
        "status": "running, complete, interrupted or failed",
        "verdict": "its verdict; missing where nothing was concluded",
        "sentence": "the verdict in one sentence",
        "rounds": "finished rounds",
        "branch": "branch of git; missing outside of git",
        "commit": "commit of git; missing outside of git",
        "folder": "the run directory",
    },
}
"""What each column of each table means, with its unit."""


def samples(recording: Recording) -> pd.DataFrame:
    """Return one row per request that was recorded, by round (or per bucket, in runs that kept histograms)."""
    begin, counts = first_moment(recording.rounds), {each.number for each in usable(recording)}
    parts = [_requests(recording, each, begin, each.number in counts) for each in recording.rounds]
    names = COLUMNS["samples"]
    columns = {name: _joined([part[name] for part in parts]) for name in names}
    info = recording.info
    variants = sorted({label for labels in info.variants for label in labels} | {""})
    return _frame(
        "samples",
        columns
        | {
            "arm": _category(columns["arm"], info.arms),
            "request": _category(columns["request"], info.requests),
            "variant": _category(columns["variant"], variants),
            "outcome": _category(columns["outcome"], [each.name.lower() for each in Outcome]),
            "status": _known(columns["status"], "Int16"),
        },
    )


def _requests(recording: Recording, a_round: Round, begin: int, counts: bool) -> Columns:
    """Return the columns of one round; names are still numbers."""
    found = a_round.samples
    number = len(found)
    whole = found.counts
    arm, outcome = found["arm"], found["outcome"]
    unsent = np.isin(outcome, (Outcome.DROPPED, *LEFT_OUT))
    if whole is None:
        started = (found["intended_ns"] - begin) / 1e9
        latency = np.where(unsent, np.nan, (found["done_ns"] - found["intended_ns"]) / 1e6)
        sent = found["sent_ns"] > 0
        service = np.where(sent & ~unsent, (found["done_ns"] - found["sent_ns"]) / 1e6, np.nan)
        first = np.where(found["first_byte_ns"] > 0, (found["first_byte_ns"] - found["sent_ns"]) / 1e6, np.nan)
        size = found["bytes"].astype(np.float64)
    else:  # a bucket knows how long its requests took, and no moment
        started = service = first = np.full(number, np.nan)
        latency = np.where(unsent, np.nan, found["done_ns"] / 1e6)
        size = found["bytes"] / np.maximum(1, whole)
    counted = np.zeros(number, dtype=bool)
    if counts:
        for each in range(len(recording.info.arms)):
            counted |= completed(a_round, each)
    return {
        "round": np.full(number, a_round.number, dtype=np.int32),
        "arm": arm,
        "pair": found["pair"],
        "request": found["request"],
        "variant": _labels(recording.info.variants, found["request"], found["variant"]),
        "started_s": started,
        "latency_ms": latency,
        "service_ms": service,
        "first_byte_ms": first,
        "status": found["status"].astype(np.int32),
        "bytes": size,
        "outcome": outcome,
        "reconnected": found["reconnected"],
        "counted": counted,
        "count": np.ones(number, dtype=np.int64) if whole is None else whole,
    }


def _labels(
    variants: Sequence[Sequence[str]], request: npt.NDArray[Any], variant: npt.NDArray[Any]
) -> npt.NDArray[np.int64]:
    """Return the place of each row's label among all labels of the run, sorted: two requests may share one."""
    known = sorted({label for labels in variants for label in labels} | {""})
    most = max((len(labels) for labels in variants), default=0)
    table = np.zeros((max(1, len(variants)), most + 1), dtype=np.int64)  # "" is sorted first
    for row, labels in enumerate(variants):
        for column, label in enumerate(labels):
            table[row, column] = known.index(label)
    places: npt.NDArray[np.int64] = table[request.astype(np.int64), np.clip(variant, 0, most).astype(np.int64)]
    return places


def blocks(recording: Recording) -> pd.DataFrame:
    """Return one row per block and arm: what was asked, what came of it, and the CPU time it took."""
    begin = first_moment(recording.rounds)
    found: list[Columns] = []
    for a_round in recording.rounds:
        for block in a_round.blocks:
            cpu = None if block.service_cpu_ns is None else block.service_cpu_ns / 1e9
            found.append(
                {
                    "round": a_round.number,
                    "arm": block.arm,
                    "pair": block.pair,
                    "paired": block.paired,
                    "started_s": (block.started_ns - begin) / 1e9,
                    "seconds": (block.ended_ns - block.started_ns) / 1e9,
                    **{name: getattr(block, name) for name in _COUNTS},
                    "cpu_s": cpu,
                    "cpu_per_request_ms": cpu * 1000 / block.sent if cpu is not None and block.sent else None,
                    "generator_cpu_s": block.generator_cpu_ns / 1e9,
                    "lag_max_ms": block.lag_max_ns / 1e6,
                    "steal_s": block.steal_ns / 1e9,
                    "rate": block.rate,
                }
            )
    columns = _columns("blocks", found)
    floats = ("started_s", "seconds", "cpu_s", "cpu_per_request_ms", "generator_cpu_s", "lag_max_ms", "steal_s", "rate")
    columns |= {name: _floats(columns[name]) for name in floats}
    columns |= {name: np.array(columns[name], dtype=np.int64) for name in ("round", "pair", *_COUNTS)}
    columns |= {
        "paired": np.array(columns["paired"], dtype=bool),
        "arm": _category(np.array(columns["arm"], dtype=np.int64), recording.info.arms),
    }
    return _frame("blocks", columns)


_COUNTS = ("intended", "sent", "completed", "failed", "dropped", "late")


def processes(recording: Recording) -> pd.DataFrame:
    """Return one row per look at the process tree of an arm: its memory and CPU time as recorded."""
    begin = first_moment(recording.rounds)
    parts: list[Columns] = []
    for a_round in recording.rounds:
        looks = a_round.processes
        if not len(looks.get("t_ns", ())):
            continue
        sizes = {f"{name}_bytes": _read(looks[name]) for name in ("rss", "pss", "uss")}
        parts.append(
            {
                "round": np.full(len(looks["t_ns"]), a_round.number, dtype=np.int32),
                "arm": looks["arm"],
                "at_s": (looks["t_ns"] - begin) / 1e9,
                "processes": looks["processes"],
                **sizes,
                "cpu_s": _read(looks["cpu_ns"]) / 1e9,
            }
        )
    columns = {name: _joined([part[name] for part in parts]) for name in COLUMNS["processes"]}
    return _frame("processes", columns | {"arm": _category(columns["arm"], recording.info.arms)})


def rows(result: Result) -> pd.DataFrame:
    """Return one row per comparison, as reports show them; where one arm was measured, ``levels``."""
    if result.candidates:
        return _of_each(result, rows)
    if result.alone:
        return levels(result)
    columns = _columns("rows", tables.records(result))
    numbers = ("baseline", "candidate", "change", "ci_low", "ci_high", "confidence", "goal", "stretch", "impact")
    columns |= {name: _floats(columns[name]) for name in numbers}
    columns |= {"verdict": [str(each) for each in columns["verdict"]], "started_at": _moments(columns["started_at"])}
    columns["rounds"] = np.array(columns["rounds"], dtype=np.int64)
    return _frame("rows", columns | {"typical": np.array(columns["typical"], dtype=bool)})


def levels(result: Result) -> pd.DataFrame:
    """Return one row per metric, request and arm: the value of each version on its own."""
    found = [
        {"metric": each.metric, "request": each.request, "arm": each.arm, "unit": each.unit}
        | {"value": each.estimate.value, "ci_low": each.estimate.low, "ci_high": each.estimate.high}
        | {"confidence": each.estimate.confidence, "rounds": each.estimate.rounds}
        for each in result.levels
    ]
    columns = _columns("levels", found)
    columns |= {name: _floats(columns[name]) for name in ("value", "ci_low", "ci_high", "confidence")}
    return _frame("levels", columns | {"rounds": np.array(columns["rounds"], dtype=np.int64)})


def round_changes(result: Result) -> pd.DataFrame:
    """Return one row per comparison and round: what the interval of the comparison is made of."""
    if result.candidates:
        return _of_each(result, round_changes)
    found = [
        {"metric": each.metric, "request": each.request, "position": position, "change": change}
        for each in result.comparisons
        for position, change in enumerate(each.round_changes, start=1)
    ]
    columns = _columns("round_changes", found)
    columns |= {"position": np.array(columns["position"], dtype=np.int64), "change": _floats(columns["change"])}
    return _frame("round_changes", columns)


def queries(result: Result) -> pd.DataFrame:
    """Return one row per request, arm, size and statement that the probe counted; empty where nothing was probed."""
    if result.candidates:
        return _of_each(result, queries)
    found: list[Columns] = []
    for detail in result.queries:
        arms = list(detail.figures)
        for each in detail.statements:
            sides = [(arms[0], each.baseline, each.baseline_slope), (arms[-1], each.candidate, each.candidate_slope)]
            for arm, calls, slope in sides[: len(arms)]:
                for place, often in enumerate(calls):
                    figures = detail.figures[arm][place]
                    found.append(
                        {
                            "request": detail.request,
                            "arm": arm,
                            "size": figures.size,
                            "response_rows": figures.rows,
                            "statement": each.text,
                            "key": each.key,
                            "calls": often,
                            "slope": slope,
                            "change": each.change,
                            "caller": each.caller or None,
                        }
                    )
    columns = _columns("queries", found)
    columns |= {name: _floats(columns[name]) for name in ("size", "response_rows", "slope")}
    return _frame("queries", columns | {"calls": np.array(columns["calls"], dtype=np.int64)})


def query_counts(result: Result) -> pd.DataFrame:
    """Return one row per request, arm and size that was probed: how many queries, rows, bytes, and how long."""
    if result.candidates:
        return _of_each(result, query_counts)
    found: list[Columns] = [
        {
            "request": detail.request,
            "arm": arm,
            "size": each.size,
            "response_rows": each.rows,
            "queries": each.queries,
            "queries_most": each.most,
            "rows_fetched": each.rows_fetched,
            "db_ms": each.db_ms,
            "bytes": each.bytes,
        }
        for detail in result.queries
        for arm, figures in detail.figures.items()
        for each in figures
    ]
    columns = _columns("query_counts", found)
    names = ("size", "response_rows", "queries", "queries_most", "rows_fetched", "db_ms")
    columns |= {name: _floats(columns[name]) for name in names}
    return _frame("query_counts", columns | {"bytes": np.array(columns["bytes"], dtype=np.int64)})


def history(trends: Sequence[Trend]) -> pd.DataFrame:
    """Return one row per run, metric and request, oldest first, with the steps where the level moved."""
    found: list[Columns] = []
    for trend in trends:
        for number, stretch in enumerate(trend.stretches, start=1):
            moved = {each.index: each for each in stretch.changes}
            for place, point in enumerate(stretch.points):
                step, revision = moved.get(place), point.revision
                found.append(
                    {
                        "scenario": trend.scenario,
                        "run": point.run,
                        "started_at": point.started_at,
                        "metric": trend.metric,
                        "request": trend.request,
                        "unit": trend.unit,
                        "value": point.estimate.value,
                        "ci_low": point.estimate.low,
                        "ci_high": point.estimate.high,
                        "rounds": point.estimate.rounds,
                        "label": point.label,
                        "branch": revision.branch if revision else None,
                        "commit": revision.commit if revision else None,
                        "stretch": number,
                        "level_change": step.change if step else None,
                        "probability": step.probability if step else None,
                    }
                )
    columns = _columns("history", found)
    names = ("value", "ci_low", "ci_high", "level_change", "probability")
    columns |= {name: _floats(columns[name]) for name in names}
    columns |= {name: np.array(columns[name], dtype=np.int64) for name in ("rounds", "stretch")}
    frame = _frame("history", columns | {"started_at": _moments(columns["started_at"])})
    return frame.sort_values(["metric", "request", "started_at", "run"], kind="stable", ignore_index=True)


def runs(found: Sequence[RunSummary]) -> pd.DataFrame:
    """Return one row per recorded run, in the order given."""
    records = [
        {name: getattr(each, name) for name in ("id", "scenario", "kind", "label", "started_at", "status", "sentence")}
        | {"verdict": str(each.verdict) if each.verdict else None, "rounds": each.rounds}
        | {"branch": each.revision.branch if each.revision else None}
        | {"commit": each.revision.commit if each.revision else None, "folder": str(each.directory)}
        for each in found
    ]
    columns = _columns("runs", records)
    columns |= {"rounds": np.array(columns["rounds"], dtype=np.int64), "started_at": _moments(columns["started_at"])}
    return _frame("runs", columns)


def _of_each(result: Result, table: Callable[[Result], pd.DataFrame]) -> pd.DataFrame:
    """Return the tables of several candidates below each other; the first column, ``compared``, says whose they are.

    What is told of a version on its own stands there once for each candidate it was compared with.
    """
    frames = [table(part) for part in result.candidates]
    for frame, part in zip(frames, result.candidates, strict=True):
        frame.insert(0, "compared", part.arms[-1])
    joined: pd.DataFrame = _pandas().concat(frames, ignore_index=True)
    joined.attrs["columns"] = {"compared": "which version is compared with the first", **frames[0].attrs["columns"]}
    return joined


def _pandas() -> ModuleType:
    try:
        import pandas
    except ImportError as error:
        raise UsageError(
            "pandas is not installed, and tables are pandas DataFrames",
            why=str(error),
            hint="pip install 'perfproof[notebook]'",
        ) from error
    return pandas


def _frame(table: str, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return the table with its columns in their order, each told in ``attrs``."""
    told = COLUMNS[table]
    frame: pd.DataFrame = _pandas().DataFrame({name: columns[name] for name in told})
    frame.attrs["columns"] = dict(told)
    return frame


def _columns(table: str, records: Sequence[Mapping[str, Any]]) -> Columns:
    """Return the columns of a table from its rows."""
    return {name: [record[name] for record in records] for name in COLUMNS[table]}


def _category(codes: npt.NDArray[Any], names: Sequence[str]) -> Any:
    return _pandas().Categorical.from_codes(codes.astype(np.int64), categories=list(names))


def _floats(values: Sequence[float | None]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _known(values: npt.NDArray[Any], kind: str) -> Any:
    """Return whole numbers of which 0 means that there is none."""
    series = _pandas().Series(values, dtype=kind)
    return series.mask(series == 0)


def _moments(texts: Sequence[str]) -> Any:
    return _pandas().to_datetime(_pandas().Series(texts, dtype="object"), utc=True, format="ISO8601")


def _read(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return figures of which -1 means that it was not read."""
    read: npt.NDArray[np.float64] = np.where(values < 0, np.nan, values.astype(np.float64))
    return read


def _joined(parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0)
