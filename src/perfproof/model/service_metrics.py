"""Metrics that the service itself tells of: how their names are written, and what the names say of unit and reading.

    prometheus:db_pool_wait_seconds                                     a histogram: the mean of what it observed
    prometheus:gc_collections_total                                     a counter: per request
    prometheus:jobs_total:per_second                                    a counter: per second
    prometheus:event_loop_lag_seconds:max                               a gauge: the highest reading
    prometheus:cache_requests_total{result=hit}/cache_requests_total:higher   a share, and more is better
    otlp:db.client.connection.wait_time                                 the same, as the service pushes it over OTLP
    otlp:worker.backlog:bytes                                           where the name does not say what it is in

All that a report, a goal or a budget needs to know of such a metric is in its name, so that a stored run can be judged
again without the scenario, and nothing has to be registered anywhere. Rejected: short names defined in the scenario
(whether more is better would then be known only where the scenario is).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

PROMETHEUS, OTLP = "prometheus:", "otlp:"
PREFIXES = (PROMETHEUS, OTLP)
"""What the names of such metrics begin with: how the service tells them."""
LONGEST = 200
"""Characters that such a name may have."""
How = Literal["", "per_second", "last", "max"]
UNITS = ("ms", "bytes", "ratio", "number")
"""What a name of ``otlp:`` may say that it is in, where its words do not: the service tells the unit with the value."""
WORDS = ("per_second", "last", "max", "higher", "lower")

_SCALES = {"seconds": 1e3, "milliseconds": 1.0, "ms": 1.0, "microseconds": 1e-3, "nanoseconds": 1e-6}
_TIMES = {"duration", "time", "latency", "delay", "lag", "wait"}
"""Words that OpenTelemetry's conventions and their likes end the names of times with."""


class _Grammar:
    """How names are written in one of the ways that services tell them."""

    def __init__(self, name: str, key: str) -> None:
        label = rf'\s*({key})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",{{}}]*))\s*'
        self.selector = re.compile(rf"({name})(?:\{{({label}(?:,{label})*)\}})?")
        self.label = re.compile(label)


_GRAMMARS = {
    PROMETHEUS: _Grammar(r"[A-Za-z_][A-Za-z0-9_]*", r"[A-Za-z_][A-Za-z0-9_]*"),
    OTLP: _Grammar(r"[A-Za-z][A-Za-z0-9_.-]*", r"[A-Za-z_][A-Za-z0-9_.-]*"),
}


@dataclass(frozen=True)
class Selector:
    """The series of one name, those with all of ``labels`` if there are any: their values are added up.

    ``pushed`` says that they come over OTLP, with their unit beside them; ``said`` is the unit that the name asks for.
    """

    name: str
    labels: tuple[tuple[str, str], ...] = ()
    pushed: bool = False
    said: str = ""

    @property
    def _root(self) -> tuple[str, bool]:
        """Return the name without what its kind appends, and whether it counts things whatever their unit."""
        for ending in ("_total", "_sum"):
            if self.name.endswith(ending):
                return self.name.removesuffix(ending), False
        return self.name.removesuffix("_count"), self.name.endswith("_count")

    @property
    def unit(self) -> str:
        """Return the unit that the name's ending says: ``ms``, ``bytes``, ``ratio`` or ``number``."""
        if self.pushed:
            return self.said or self._usual
        root, counts = self._root
        word = root.rpartition("_")[2]
        if counts:
            return "number"
        if word in _SCALES:
            return "ms"
        return {"bytes": "bytes", "ratio": "ratio"}.get(word, "number")

    @property
    def _usual(self) -> str:
        """Return the unit that a name of OpenTelemetry's has by its words; what the service says is held against it."""
        words = re.split(r"[._-]", self.name)
        last = words[-1]
        if last in ("count", "total"):
            return "number"
        if last in ("ratio", "utilization"):
            return "ratio"
        if last in _SCALES or set(words[-2:]) & _TIMES:
            return "ms"
        return "bytes" if last == "bytes" or "memory" in words else "number"

    @property
    def untold_scale(self) -> float | None:
        """Return what a value of unknown unit is multiplied by, as far as the name's last word tells; None if not."""
        if self.unit != "ms":
            return 1.0
        return _SCALES.get(re.split(r"[._-]", self.name)[-1])

    @property
    def scale(self) -> float:
        """Return what a value is multiplied by to be in ``unit``: names in seconds become milliseconds.

        What is pushed says its unit itself, and is kept in ``unit`` already.
        """
        if self.pushed:
            return 1.0
        return _SCALES[self._root[0].rpartition("_")[2]] if self.unit == "ms" else 1.0

    def __str__(self) -> str:
        """Return it as it is written, labels without needless quotation marks."""
        inside = ",".join(f"{name}={value}" for name, value in self.labels)
        return f"{self.name}{{{inside}}}" if inside else self.name


@dataclass(frozen=True)
class ServiceMetric:
    """One metric of the service, as its name says: what is read, over what it is divided, and how it is taken.

    ``how`` is empty for what is usual: counters per request, gauges as the mean of their readings, histograms and
    summaries as the mean of what they observed.
    """

    top: Selector
    below: Selector | None = None
    how: How = ""
    higher: bool = False

    @property
    def unit(self) -> str:
        """Return the unit of its values."""
        if self.below is not None:
            return "ratio" if self.top.unit == self.below.unit else self.top.unit
        if self.how == "per_second":
            return {"number": "1/s", "ms": "ratio", "bytes": "bytes/s"}.get(self.top.unit, self.top.unit)
        return self.top.unit

    @property
    def scale(self) -> float:
        """Return what a value as the service tells it is multiplied by to be in ``unit``."""
        scale = self.top.scale
        if self.below is not None:
            return scale / self.below.scale if self.unit == "ratio" else scale
        return scale / 1e3 if self.how == "per_second" and self.unit == "ratio" else scale

    @property
    def source(self) -> str:
        """Return how it is told: ``prometheus:`` or ``otlp:``."""
        return OTLP if self.top.pushed else PROMETHEUS

    @property
    def title(self) -> str:
        """Return it for people: the name that the service gives it, and how it is taken."""
        name = str(self.top) if self.below is None else f"{self.top} / {self.below}"
        if self.below is not None and self.below == replace(self.top, labels=()):
            labels = ", ".join(f"{label}={value}" for label, value in self.top.labels)
            name = f"{self.top.name} (share of {labels})"
        return f"{name}{' ' + self.how.replace('_', ' ') if self.how else ''}"


class BadNameError(ValueError):
    """A text is not the name of a metric of the service; ``fix`` says what to write."""

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix


@lru_cache(maxsize=4096)
def parse(text: str) -> ServiceMetric:
    """Return what a name says (without a prefix: one of ``prometheus:``); ``BadNameError`` if it is none."""
    source = next((each for each in PREFIXES if text.startswith(each)), PROMETHEUS)
    pushed = source == OTLP
    rest = text.removeprefix(source).strip()
    if len(rest) + len(source) > LONGEST:
        raise BadNameError(f"is longer than {LONGEST} characters", "name fewer labels")
    top, rest = _selector(rest, text, source)
    below = None
    if rest.startswith("/"):
        below, rest = _selector(rest[1:].lstrip(), text, source)
    words = [word.strip() for word in rest.split(":")]
    if words[0]:
        example = "http.server.request.duration{http.route=/items}" if pushed else "cache_requests_total{result=hit}"
        raise BadNameError(f"`{words[0][:40]}` is not understood", f"write it like {example}")
    known = (*WORDS, *UNITS) if pushed else WORDS
    unknown = [word for word in words[1:] if word not in known]
    if unknown:
        raise BadNameError(f"`{unknown[0][:40]}` is not understood", f"after a colon: {', '.join(known)}")
    units = [word for word in words[1:] if word in UNITS]
    hows = [word for word in words[1:] if word not in ("higher", "lower", *UNITS)]
    if max(len(units), len(hows), len(words) - 1 - len(hows) - len(units)) > 1:
        also = f"; one of {', '.join(UNITS)}" if pushed else ""
        raise BadNameError("says two things at once", f"keep one of per_second, last, max; one of higher, lower{also}")
    if below is not None and hows:
        raise BadNameError(f"a share cannot be taken {hows[0].replace('_', ' ')}", f"leave :{hows[0]} out")
    if units:
        top, below = replace(top, said=units[0]), below and replace(below, said=units[0])
    return ServiceMetric(top, below, hows[0] if hows else "", "higher" in words)  # type: ignore[arg-type]


def is_one(name: str) -> bool:
    """Tell whether a metric's name is that of a metric of the service, rightly written."""
    if not name.startswith(PREFIXES):
        return False
    try:
        parse(name)
    except BadNameError:
        return False
    return True


def named(text: str, usual: str) -> str:
    """Return a name with what it begins with: ``usual`` where it says nothing; ``BadNameError`` if it is none.

    A name with a dot is none of Prometheus', so it is taken for one of OTLP.
    """
    if not text.startswith(PREFIXES):
        dotted = "." in re.split(r"[{/:]", text, maxsplit=1)[0]
        text = (OTLP if dotted else usual) + text
    parse(text)
    return text


def _selector(text: str, whole: str, source: str) -> tuple[Selector, str]:
    grammar = _GRAMMARS[source]
    match = grammar.selector.match(text)
    if match is None:
        raise BadNameError(f"`{whole[:80]}` is not the name of a metric", "write it as the service shows it")
    labels = tuple(
        (name, re.sub(r"\\(.)", r"\1", quoted) if quoted else bare.strip())
        for name, quoted, bare in grammar.label.findall(match[2] or "")
    )
    return Selector(match[1], labels, source == OTLP), text[match.end() :].lstrip()
