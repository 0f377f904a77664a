"""Metrics out of OTLP: points as JSON or protobuf, and what they come to: totals, whatever their temporality.

A cumulative point says how much there was since its start, a delta point since the one before. Both are kept as a total
that only rises. Streams that are alike but for their start are added up: they are of several processes that call
themselves alike, or of one that began anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from perfproof.telemetry.otlp import UnreadableError, listed
from perfproof.telemetry.prometheus import Page

MISSING = "metrics came as protobuf, which nothing here reads: pip install 'perfproof[otlp]'"
"""What to say where the library is not there."""
MOST_SERIES = 50_000
CUMULATIVE = 2
"""Temporality by its number in OTLP; 1 is delta."""
_NO_VALUE = 1
"""Flag of a point that only says that its series is gone."""
_TEMPORALITIES = {"AGGREGATION_TEMPORALITY_DELTA": 1, "AGGREGATION_TEMPORALITY_CUMULATIVE": 2}

Labels = tuple[tuple[str, str], ...]
Kind = Literal["counter", "gauge", "mean"]


@dataclass(frozen=True)
class Point:
    """One point of a series. ``count`` is 0 but for what observes: histograms and summaries, whose sum is ``value``.

    Times are ns of the service's clock, 0 where it does not say. ``who`` tells resources apart.
    """

    who: Labels
    name: str
    unit: str
    labels: Labels
    kind: Kind
    cumulative: bool
    start_ns: int
    time_ns: int
    value: float
    count: float = 0.0


def decode(body: bytes, media: str) -> list[Point]:
    """Return the points of one export; ``UnreadableError`` says what is wrong with it."""
    try:
        return list(_points(_of_json(body) if media == "application/json" else _of_protobuf(body)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(f"it is no OTLP: {type(error).__name__}") from None


def _of_json(body: bytes) -> Mapping[str, Any]:
    found = json.loads(body)
    if not isinstance(found, dict):
        raise TypeError("not an object")
    return found


def _of_protobuf(body: bytes) -> Mapping[str, Any]:
    """Return an export as its JSON has it, so that there is one reader of either."""
    try:
        from google.protobuf.json_format import MessageToDict
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    except ImportError:
        raise UnreadableError(MISSING) from None
    request = ExportMetricsServiceRequest()
    try:
        request.ParseFromString(body)
    except Exception as error:  # noqa: BLE001 - protobuf's own error class moved between its releases
        raise UnreadableError(f"it is no OTLP: {type(error).__name__}") from None
    found: Mapping[str, Any] = MessageToDict(request)
    return found


def _points(data: Mapping[str, Any]) -> Iterator[Point]:
    for resource in listed(data, "resourceMetrics"):
        who = _labels(listed(resource.get("resource") or {}, "attributes"))
        for scope in listed(resource, "scopeMetrics") or listed(resource, "instrumentationLibraryMetrics"):
            for metric in listed(scope, "metrics"):
                yield from _of_metric(who, metric)


def _of_metric(who: Labels, metric: Mapping[str, Any]) -> Iterator[Point]:
    name, unit = str(metric["name"]), str(metric.get("unit") or "")
    for shape in ("sum", "gauge", "histogram", "exponentialHistogram", "summary"):
        told = metric.get(shape)
        if not told:
            continue
        temporality = told.get("aggregationTemporality", 0)
        number = _TEMPORALITIES.get(temporality, 0) if isinstance(temporality, str) else int(temporality)
        cumulative = shape == "summary" or number == CUMULATIVE
        kind: Kind = "mean"
        if shape in ("sum", "gauge"):
            kind = "counter" if shape == "sum" and told.get("isMonotonic") else "gauge"
        for each in listed(told, "dataPoints"):
            if int(each.get("flags") or 0) & _NO_VALUE:
                continue
            yield Point(
                who,
                name,
                unit,
                _labels(listed(each, "attributes")),
                kind,
                # What goes up and down is as it is told, unless each point says by how much it went.
                cumulative or shape == "gauge",
                int(each.get("startTimeUnixNano") or 0),
                int(each.get("timeUnixNano") or 0),
                _number(each.get("sum")) if kind == "mean" else _number(each.get("asDouble", each.get("asInt", 0))),
                _number(each.get("count") or 0) if kind == "mean" else 0.0,
            )


def _number(value: Any) -> float:
    """Return a number; one that is not told (a histogram of what may be negative has no sum) is none."""
    return float("nan") if value is None else float(value)


def _labels(attributes: Iterable[Mapping[str, Any]]) -> Labels:
    return tuple(sorted((str(each["key"]), _text(each.get("value") or {})) for each in attributes))


def _text(value: Mapping[str, Any]) -> str:
    """Return an attribute's value as it is written in the name of a metric."""
    if "boolValue" in value:
        return "true" if value["boolValue"] else "false"
    if "doubleValue" in value:
        return f"{float(value['doubleValue']):g}"
    known = value.get("stringValue", value.get("intValue"))
    return str(known) if known is not None else json.dumps(dict(value), sort_keys=True)


@dataclass
class _Told:
    """What is known of one name."""

    kind: Kind
    unit: str
    # Rising: per stream (resource, labels, start) its sum and count so far. A delta stream has no start.
    rising: dict[tuple[Labels, Labels, int], tuple[float, float]] = field(default_factory=dict)
    # Going up and down: per source that says so and stream, the last value.
    standing: dict[object, dict[tuple[Labels, Labels, int], float]] = field(default_factory=dict)


@dataclass
class Totals:
    """What a service has told so far, of the names in ``wanted`` (all if it is None)."""

    wanted: frozenset[str] | None = None
    names: set[str] = field(default_factory=set)
    _told: dict[str, _Told] = field(default_factory=dict)
    _series: int = 0
    _gone: set[object] = field(default_factory=set)

    def add(self, points: Iterable[Point], source: object = None) -> None:
        """Take in the points of one export; ``UnreadableError`` for too many series. ``source`` is who sent it."""
        for point in points:
            self.names.add(point.name)
            if self.wanted is not None and point.name not in self.wanted:
                continue
            told = self._told.setdefault(point.name, _Told(point.kind, point.unit))
            if told.kind != point.kind:  # the instrument became another one: what it was before says nothing of it
                told = self._told[point.name] = _Told(point.kind, point.unit)
            told.unit = point.unit or told.unit
            stream = (point.who, point.labels, point.start_ns if point.cumulative else 0)
            before = len(told.rising) + sum(map(len, told.standing.values()))
            if point.kind != "gauge":
                value, count = (0.0, 0.0) if point.cumulative else told.rising.get(stream, (0.0, 0.0))
                told.rising[stream] = (value + point.value, count + point.count)
            else:
                for other in self._gone & told.standing.keys() - {source}:
                    self._series -= len(told.standing.pop(other))
                    before = len(told.rising) + sum(map(len, told.standing.values()))
                mine = told.standing.setdefault(source if point.cumulative else None, {})
                mine[stream] = point.value + (0.0 if point.cumulative else mine.get(stream, 0.0))
            self._series += len(told.rising) + sum(map(len, told.standing.values())) - before
            if self._series > MOST_SERIES:
                raise UnreadableError(f"it tells more than {MOST_SERIES:,} series: have the service tell fewer")

    def forget(self, source: object) -> None:
        """Leave out what stands as ``source`` said, once another one says more: it is gone, or comes anew."""
        self._gone.add(source)

    def page(self) -> Page:
        """Return what is told now, as a scrape returns it."""
        series: dict[str, list[tuple[Mapping[str, str], float]]] = {}
        for name, told in self._told.items():
            for (_, labels, _), (value, count) in told.rising.items():
                if told.kind == "mean":
                    series.setdefault(f"{name}_sum", []).append((dict(labels), value))
                    series.setdefault(f"{name}_count", []).append((dict(labels), count))
                else:
                    series.setdefault(name, []).append((dict(labels), value))
            for mine in told.standing.values():
                series.setdefault(name, []).extend((dict(labels), value) for (_, labels, _), value in mine.items())
        return Page(
            {name: tuple(each) for name, each in series.items()},
            {name: "histogram" if told.kind == "mean" else told.kind for name, told in self._told.items()},
            {name: told.unit for name, told in self._told.items()},
            frozenset(self.names),
        )
