"""Metrics that the service itself tells of: how their names are written, and what the names say of unit and reading.

    prometheus:db_pool_wait_seconds                                     a histogram: the mean of what it observed
    prometheus:gc_collections_total                                     a counter: per request
    prometheus:jobs_total:per_second                                    a counter: per second
    prometheus:event_loop_lag_seconds:max                               a gauge: the highest reading
    prometheus:cache_requests_total{result=hit}/cache_requests_total:higher   a share, and more is better

All that a report, a goal or a budget needs to know of such a metric is in its name, so that a stored run can be judged
again without the scenario, and nothing has to be registered anywhere. Rejected: short names defined in the scenario
(whether more is better would then be known only where the scenario is).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

PREFIX = "prometheus:"
LONGEST = 200
"""Characters that such a name may have."""
How = Literal["", "per_second", "last", "max"]
WORDS = ("per_second", "last", "max", "higher", "lower")

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_LABEL = rf'\s*({_NAME})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",{{}}]*))\s*'
_SELECTOR = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})?")
_ONE_LABEL = re.compile(_LABEL)
_SCALES = {"seconds": 1e3, "milliseconds": 1.0, "ms": 1.0, "microseconds": 1e-3, "nanoseconds": 1e-6}


@dataclass(frozen=True)
class Selector:
    """The series of one name, those with all of ``labels`` if there are any: their values are added up."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()

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
        root, counts = self._root
        word = root.rpartition("_")[2]
        if counts:
            return "number"
        if word in _SCALES:
            return "ms"
        return {"bytes": "bytes", "ratio": "ratio"}.get(word, "number")

    @property
    def scale(self) -> float:
        """Return what a value is multiplied by to be in ``unit``: names in seconds become milliseconds."""
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
    def title(self) -> str:
        """Return it for people: the name that the service gives it, and how it is taken."""
        name = str(self.top) if self.below is None else f"{self.top} / {self.below}"
        if self.below is not None and self.below == Selector(self.top.name):
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
    """Return what a name (with or without ``prometheus:``) says; ``BadNameError`` if it is none."""
    rest = text.removeprefix(PREFIX).strip()
    if len(rest) + len(PREFIX) > LONGEST:
        raise BadNameError(f"is longer than {LONGEST} characters", "name fewer labels")
    top, rest = _selector(rest, text)
    below = None
    if rest.startswith("/"):
        below, rest = _selector(rest[1:].lstrip(), text)
    words = [word.strip() for word in rest.split(":")]
    if words[0]:
        raise BadNameError(f"`{words[0][:40]}` is not understood", "write it like cache_requests_total{result=hit}")
    unknown = [word for word in words[1:] if word not in WORDS]
    if unknown:
        raise BadNameError(f"`{unknown[0][:40]}` is not understood", f"after a colon: {', '.join(WORDS)}")
    hows = [word for word in words[1:] if word not in ("higher", "lower")]
    if len(hows) > 1 or len(words) - 1 - len(hows) > 1:
        raise BadNameError("says two things at once", "keep one of per_second, last, max; one of higher, lower")
    if below is not None and hows:
        raise BadNameError(f"a share cannot be taken {hows[0].replace('_', ' ')}", f"leave :{hows[0]} out")
    return ServiceMetric(top, below, hows[0] if hows else "", "higher" in words)  # type: ignore[arg-type]


def is_one(name: str) -> bool:
    """Tell whether a metric's name is that of a metric of the service, rightly written."""
    if not name.startswith(PREFIX):
        return False
    try:
        parse(name)
    except BadNameError:
        return False
    return True


def _selector(text: str, whole: str) -> tuple[Selector, str]:
    match = _SELECTOR.match(text)
    if match is None:
        raise BadNameError(f"`{whole[:80]}` is not the name of a metric", "write it as the service shows it")
    labels = tuple(
        (name, re.sub(r"\\(.)", r"\1", quoted) if quoted else bare.strip())
        for name, quoted, bare in _ONE_LABEL.findall(match[2] or "")
    )
    return Selector(match[1], labels), text[match.end() :].lstrip()
