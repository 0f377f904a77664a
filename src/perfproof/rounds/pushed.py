"""What a service pushes of itself over OTLP, over one round: from before its first stretch of load to after its last.

An export says how it stood when it was made, so the first one that was made after a stretch holds all that it did, as
nobody asks the service meanwhile. Two such exports frame the stretches of a round: after the warm-up and after the end.
Rejected: to frame each stretch (a wait of half an interval at every block, which lasts a tenth of a second), and to
share a rise out over time by the clock (what load brings up does not come evenly). Gauges are what exports said while
the load was on, and what the last one said where none fell into it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum

from perfproof.model.recording import Block, Collected
from perfproof.model.service_metrics import OTLP, parse
from perfproof.service.lifecycle import RunningService
from perfproof.telemetry.metric_feed import Export, MetricFeed
from perfproof.telemetry.prometheus import Reading, ScrapeError, UntoldError

_BACK = "it went back from one export to the next: have the SDK tell when a stream began"
_ELSEWHERE = "it was not started here, so it cannot be told where to push: collect over prometheus instead"


@dataclass
class Pushed:
    """The pushed metrics of all arms over one round. ``wanted`` are the names that any arm is to tell."""

    services: Sequence[RunningService]
    feeds: Mapping[str, MetricFeed]
    wanted: tuple[str, ...]
    _problems: dict[tuple[int, str], str] = field(default_factory=dict)
    _first: dict[int, Export] = field(default_factory=dict)
    _windows: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    _began: dict[int, int] = field(default_factory=dict)
    _blocks: dict[int, list[Block]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.wanted:
            names = [parse(name) for name in self.wanted]
            known = {each.top.name for each in names} | {each.below.name for each in names if each.below is not None}
            for feed in self.feeds.values():
                feed.begin(known)

    @property
    def waits(self) -> float:
        """Return the seconds that a round waits for exports, about."""
        return max((2 * feed.interval for feed in self.feeds.values()), default=0.0) if self.wanted else 0.0

    def prepare(self) -> tuple[dict[tuple[int, str], str], list[tuple[int, str]]]:
        """See how it stands once the arms are warm; return what cannot be told and why, and what may come yet."""
        unseen: list[tuple[int, str]] = []
        warm = time.time_ns()
        for arm, service in enumerate(self.services) if self.wanted else ():
            why = self._await(arm, service, warm)
            for name in self.wanted:
                problem = why
                if not problem:
                    try:
                        self._read(self._first[arm], name)
                    except UntoldError:
                        unseen.append((arm, name))
                    except ScrapeError as error:
                        problem = str(error)
                if problem:
                    self._problems[arm, name] = problem
        return self._problems, unseen

    def _await(self, arm: int, service: RunningService, warm: int) -> str:
        """Take down how an arm stands after ``warm``; return why that cannot be known."""
        collect = service.arm.service.collect
        if collect is None or collect.otlp is None:
            return "nothing says that this version pushes its metrics: add collect.otlp to it"
        feed = self.feeds.get(service.arm.name)
        if feed is None:
            return _ELSEWHERE
        exports, why = feed.since(warm)
        if not why:
            self._first[arm] = exports[-1]
        return why

    def before(self, *arms: int) -> None:
        """Note that a stretch begins on these arms."""
        self._began |= dict.fromkeys(arms, time.time_ns())

    def after(self, blocks: Sequence[Block]) -> None:
        """Note that it has ended."""
        now = time.time_ns()
        for block in blocks if self.wanted else ():
            self._windows.setdefault(block.arm, []).append((self._began[block.arm], now))
            self._blocks.setdefault(block.arm, []).append(block)

    def finish(self) -> list[Collected]:
        """Return what each metric did over all stretches of the round."""
        found = []
        for arm, blocks in self._blocks.items():
            untold = [name for name in self.wanted if (arm, name) not in self._problems]
            if not untold:
                continue
            exports, why = self.feeds[self.services[arm].arm.name].since(self._windows[arm][-1][1])
            for name in untold:
                if why:
                    found.append(Collected(arm, blocks[0].pair, name, "none", problem=why))
                else:
                    found.append(self._over(blocks, name, exports))
        return found

    def _over(self, blocks: Sequence[Block], name: str, exports: Sequence[Export]) -> Collected:
        arm, pair = blocks[0].arm, blocks[0].pair
        first, last = self._first[arm], exports[-1]
        sent, seconds = sum(block.sent for block in blocks), max(0, last.time_ns - first.time_ns) / 1e9
        try:
            after = self._read(last, name)
            if after.kind == "gauge":
                meant = [each for each in exports if self._loaded(arm, each)] or [last]
                readings = [reading for each in meant if (reading := self._standing(each, name)) is not None] or [after]
                values = [each.value for each in readings]
                below = fsum(each.count for each in readings) / len(readings)
                return Collected(
                    arm,
                    pair,
                    name,
                    "gauge",
                    fsum(values) / len(values),
                    below,
                    values[-1],
                    max(values),
                    sent=sent,
                    seconds=seconds,
                )
            try:
                before = self._read(first, name)
            except UntoldError:
                before = Reading(after.kind, 0.0)  # it came up under the load
            if before.kind != after.kind:
                raise ScrapeError("its kind changed from one export to the next")
            rise, count = after.value - before.value, after.count - before.count
            if min(rise, count) < 0:
                raise ScrapeError(_BACK)
        except ScrapeError as error:
            return Collected(arm, pair, name, "none", problem=str(error))
        return Collected(arm, pair, name, after.kind, rise, count, sent=sent, seconds=seconds)

    def _loaded(self, arm: int, export: Export) -> bool:
        return any(began <= export.time_ns <= ended for began, ended in self._windows[arm])

    def _standing(self, export: Export, name: str) -> Reading | None:
        try:
            return self._read(export, name)
        except ScrapeError:
            return None

    @staticmethod
    def _read(export: Export, name: str) -> Reading:
        return export.page.read(parse(name))


def pushed(services: Sequence[RunningService], feeds: Mapping[str, MetricFeed], wanted: Sequence[str]) -> Pushed:
    """Return what collects those of ``wanted`` that are pushed."""
    return Pushed(services, feeds, tuple(name for name in wanted if name.startswith(OTLP)))
