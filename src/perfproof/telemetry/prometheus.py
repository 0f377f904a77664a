"""Reads a service's own metrics in Prometheus' text format, within limits of size and number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from perfproof.errors import UsageError
from perfproof.http.plain_client import Answer, Client, require_loopback
from perfproof.model.service_metrics import Selector, ServiceMetric

MOST_BYTES = 4 * 1024 * 1024
MOST_SERIES = 50_000
WITHIN = 5.0
"""Seconds that a scrape may take."""
HEADERS = {"Accept": "text/plain; version=0.0.4; charset=utf-8, text/plain;q=0.5, */*;q=0.1"}
_COUNTS = ("_total", "_sum", "_count", "_bucket")

Kind = Literal["counter", "gauge", "mean"]


class ScrapeError(Exception):
    """Nothing could be read: says why and what to do, in one sentence without a full stop."""


class UntoldError(ScrapeError):
    """Nothing was told of a metric so far; it may come yet."""


@dataclass(frozen=True)
class Reading:
    """One metric at one moment: of a ``mean`` the sum so far and how many were observed, else ``value`` alone."""

    kind: Kind
    value: float
    count: float = 0.0


@dataclass(frozen=True)
class Page:
    """All that a service told at once: per name of a sample, its series; per family, its kind.

    What came over OTLP also says what it is in (``units``, as the service writes them) and what else there is.
    """

    series: Mapping[str, tuple[tuple[Mapping[str, str], float], ...]]
    kinds: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] | None = None
    others: frozenset[str] = frozenset()

    def read(self, metric: ServiceMetric) -> Reading:
        """Return what ``metric`` is now; ``ScrapeError`` if the service does not tell it."""
        top = self._one(metric.top)
        if self.units is not None:
            top = self._in_unit(top, metric.top)
        if metric.below is None:
            return top
        below = self._one(metric.below)
        if self.units is not None:
            below = self._in_unit(below, metric.below)
        if (top.kind == "gauge") != (below.kind == "gauge"):
            raise ScrapeError(f"{metric.top} is a {top.kind} and {metric.below} a {below.kind}: divide like by like")
        return Reading("gauge" if top.kind == "gauge" else "mean", top.value, below.value)

    def _one(self, wanted: Selector) -> Reading:
        name = wanted.name
        kind = self.kinds.get(name, "")
        summed = f"{name}_sum" in self.series and f"{name}_count" in self.series
        if kind in ("histogram", "summary") or (name not in self.series and summed):
            return Reading("mean", self._sum(wanted, f"{name}_sum"), self._sum(wanted, f"{name}_count"))
        both = (name, f"{name}_total")
        told = [each for each in both if each in self.series] or [each for each in both if each in self.kinds]
        if told:
            counts = self._kind_of(told[0]) in ("counter", "histogram", "summary")
            counts = counts or (self._kind_of(told[0]) in ("", "unknown", "untyped") and told[0].endswith(_COUNTS))
            return Reading("counter" if counts else "gauge", self._sum(wanted, told[0], counts=counts))
        known = self.series if self.units is None else self.others
        near = sorted(each for each in known if name.lower() in each.lower())[:3]
        meant = f"did you mean {' or '.join(near)}?" if near else "write a name that it shows"
        if self.units is None:
            raise ScrapeError(f"the service does not tell {name}: {meant}")
        # An SDK does not export an instrument before it was used.
        unused = "have requests bring it up, or add 0 to it at start"
        raise UntoldError(f"the service told nothing of {name} over OTLP: {meant if near else unused}")

    def _in_unit(self, reading: Reading, wanted: Selector) -> Reading:
        """Return a reading in the unit that its name stands for; ``ScrapeError`` where it is in another one."""
        told = (self.units or {}).get(wanted.name, "")
        factor = factor_of(told, wanted)
        return Reading(reading.kind, reading.value * factor, reading.count)

    def _kind_of(self, name: str) -> str:
        """Return the kind of the family that a sample belongs to."""
        if name in self.kinds:
            return self.kinds[name]
        for ending in _COUNTS:
            if name.endswith(ending) and name.removesuffix(ending) in self.kinds:
                return self.kinds[name.removesuffix(ending)]
        return ""

    def _sum(self, wanted: Selector, name: str, *, counts: bool = True) -> float:
        """Return the sum of the chosen series. A counter whose labels nothing has had yet stands at 0."""
        every = self.series.get(name, ())
        chosen = [value for labels, value in every if all(labels.get(key) == text for key, text in wanted.labels)]
        if not chosen:
            unknown = [key for key, _ in wanted.labels if every and all(key not in labels for labels, _ in every)]
            if unknown:
                raise ScrapeError(f"{name} has no label {unknown[0]}: write one that it has")
            if not counts:
                raise ScrapeError(f"the service tells no value of {wanted}: write labels that it has")
            return 0.0
        found = math.fsum(chosen)
        if not math.isfinite(found):
            raise ScrapeError(f"{wanted} is {found:g}: have the service tell a number")
        return found


_TIMES = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3, "min": 6e4, "h": 3.6e6}
_TIMES |= {"nanoseconds": 1e-6, "microseconds": 1e-3, "milliseconds": 1.0, "seconds": 1e3, "second": 1e3}
_SIZES = {"By": 1.0, "kBy": 1e3, "MBy": 1e6, "GBy": 1e9, "KiBy": 2.0**10, "MiBy": 2.0**20, "GiBy": 2.0**30}
_SIZES |= {"bytes": 1.0, "byte": 1.0, "B": 1.0}


def factor_of(told: str, wanted: Selector) -> float:
    """Return what a value in the unit ``told`` is multiplied by to be in the unit of its name.

    Units are those of UCUM, as OpenTelemetry has them. ``ScrapeError`` where name and service disagree.
    """
    unit = wanted.unit
    if not told:
        if (scale := wanted.untold_scale) is None:
            raise ScrapeError(
                f"the service does not say what {wanted.name} is in: give its instrument a unit, such as s or ms"
            )
        return scale
    what, factor = "number", 1.0
    if told in _TIMES:
        what, factor = "ms", _TIMES[told]
    elif told in _SIZES:
        what, factor = "bytes", _SIZES[told]
    elif told == "%":
        what, factor = "ratio", 0.01
    elif told == "1" and unit == "ratio":
        what = "ratio"
    if what != unit:
        raise ScrapeError(
            f"the service tells {wanted.name} in {told:.20}, and its name reads as {_READS[unit]}: "
            f"write otlp:{wanted}:{what}"
        )
    return factor


_READS = {"ms": "a time", "bytes": "a size", "ratio": "a share", "number": "a number"}


def scrape(address: str) -> Page:
    """Return what the service tells at ``address`` now; ``ScrapeError`` if that is nothing to read."""
    parts = urlsplit(address)
    where = f"GET {parts.path or '/'}"  # what else is in the address may be a secret
    try:
        require_loopback(address)
    except UsageError:
        raise ScrapeError(
            f"{parts.hostname} is not this machine: metrics are only read from services that run here"
        ) from None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return page_of(Client(f"{parts.scheme}://{parts.netloc}").send("GET", target, HEADERS, within=WITHIN), where)


def page_of(answer: Answer, where: str) -> Page:
    """Return what a service answered a scrape with; ``ScrapeError`` if that is nothing to read."""
    if answer.status != 200:
        said = answer.problem or f"status {answer.status}"
        raise ScrapeError(f"{where} was answered with {said}: write the path of its metrics into collect.prometheus")
    if len(answer.body) > MOST_BYTES:
        raise ScrapeError(f"{where} gave more than {MOST_BYTES // 2**20} MiB: have the service tell less")
    return parse(answer.body.decode("utf-8", "replace"), where)


def parse(text: str, where: str = "the service") -> Page:
    """Return a page of Prometheus' text format; ``ScrapeError`` for anything else, and for too much of it."""
    series: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    kinds: dict[str, str] = {}
    total = 0
    try:
        for family in text_string_to_metric_families(text):
            kinds[family.name] = family.type
            if family.type == "counter":  # the parser takes the ending off, and names are written with it
                kinds[f"{family.name}_total"] = family.type
            for sample in family.samples:
                total += 1
                if total > MOST_SERIES:
                    raise ScrapeError(f"{where} tells more than {MOST_SERIES:,} series: have the service tell fewer")
                series.setdefault(sample.name, []).append((sample.labels, float(sample.value)))
    except ScrapeError:
        raise
    except Exception as error:  # noqa: BLE001 - the parser raises whatever its regular expressions and floats raise
        raise ScrapeError(
            f"{where} is not in Prometheus' text format ({type(error).__name__}): "
            "write the path of its metrics into collect.prometheus"
        ) from None
    if not series and not kinds:
        raise ScrapeError(f"{where} tells no metric at all: write the path of its metrics into collect.prometheus")
    return Page({name: tuple(each) for name, each in series.items()}, kinds)
