"""Reads the service's own metrics before and after each stretch of load, never during one.

A stretch is what lies between two readings of the service's CPU clock; scrapes lie outside of that, so that they cost
neither latency nor the CPU that is told. What a scrape itself adds to a counter (its own request is counted by many
services) is seen in scrapes right after one another before anything is measured, and taken off. What a service pushes
by itself is framed by its exports (``pushed``).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import urlsplit

from perfproof.model.recording import Block, Collected
from perfproof.model.service_metrics import PROMETHEUS, parse
from perfproof.rounds.pushed import Pushed, pushed
from perfproof.service.command import fill
from perfproof.service.lifecycle import RunningService
from perfproof.telemetry.metric_feed import MetricFeed
from perfproof.telemetry.prometheus import Page, Reading, ScrapeError, scrape

_IN_A_ROW = 4
_LONGEST = 1.0
"""Seconds that a scrape may take: it is made twice around every stretch."""
_SEVERAL = (
    "it went back from one scrape to the next: where several processes answer, each with figures of its own, "
    "use the multiprocess mode of the client library"
)


@dataclass
class Collector:
    """The metrics of all arms over one round. ``wanted`` are the names of what is scraped of any arm.

    ``unseen`` is what was told nothing of when all was prepared, in words, and may come up under load.
    """

    services: Sequence[RunningService]
    wanted: tuple[str, ...]
    pushed: Pushed = field(default_factory=lambda: Pushed((), {}, ()))
    collected: list[Collected] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    _own: dict[tuple[int, str], Reading] = field(default_factory=dict)
    _before: dict[int, tuple[float, Page | str]] = field(default_factory=dict)
    _problems: dict[tuple[int, str], str] = field(default_factory=dict)

    @staticmethod
    def of(services: Sequence[RunningService], feeds: Mapping[str, MetricFeed] | None = None) -> Collector:
        """Return what collects for these arms; ``feeds`` hear what they push."""
        asked = [each.arm.service.collect for each in services]
        every = tuple(dict.fromkeys(name for each in asked if each for name in each.metrics))
        scraped = tuple(name for name in every if name.startswith(PROMETHEUS))
        return Collector(services, scraped, pushed(services, feeds or {}, every))

    @property
    def every(self) -> tuple[str, ...]:
        """Return all names that any arm is to tell, however it does."""
        return (*self.wanted, *self.pushed.wanted)

    def prepare(self) -> list[str]:
        """See what a scrape adds to each counter, once an arm is warm; return what cannot be told, in words."""
        for arm in range(len(self.services)) if self.wanted else ():
            pages = self._in_a_row(arm)
            for name in self.wanted:
                try:
                    readings = [self._read(page, name) for page in pages]
                except ScrapeError as error:
                    self._problems[arm, name] = str(error)
                    continue
                if readings[0].kind == "gauge":
                    continue
                steps = [_rise(*each) for each in pairwise(readings)]
                if min(min(each.value, each.count) for each in steps) < 0:
                    self._problems[arm, name] = _SEVERAL
                    continue
                # The least of several: what else the service counts by itself meanwhile is not the scrape's.
                least = Reading("counter", min(s.value for s in steps), min(s.count for s in steps))
                self._own[arm, name] = least
        untold, unseen = self.pushed.prepare()
        self._problems |= untold
        self.unseen = [f"{self.services[arm].arm.name}: {name}" for arm, name in unseen]
        self.collected += [
            Collected(arm, -1, name, "none", problem=problem) for (arm, name), problem in self._problems.items()
        ]
        return [
            f"{self.services[arm].arm.name}: {name} is not collected: {why}"
            for (arm, name), why in self._problems.items()
        ]

    def _in_a_row(self, arm: int) -> list[Page | str]:
        """Scrape an arm several times, or until it is seen that this cannot be done at every stretch."""
        pages: list[Page | str] = []
        for _ in range(_IN_A_ROW):
            began = time.monotonic()
            pages.append(self._scrape(arm))
            took = time.monotonic() - began
            if not isinstance(pages[-1], str) and took > _LONGEST:
                pages.append(f"telling its metrics takes {took:.1f} s, too long at every stretch: have it tell less")
            if isinstance(pages[-1], str):
                return pages[-1:]
        return pages

    def _told(self, arm: int) -> bool:
        """Tell whether there is anything to read of an arm."""
        return any((arm, name) not in self._problems for name in self.wanted)

    def before(self, *arms: int) -> None:
        """Read the arms' metrics at the beginning of a stretch."""
        for arm in filter(self._told, arms):
            self._before[arm] = (time.monotonic(), self._scrape(arm))
        self.pushed.before(*arms)

    def after(self, blocks: Sequence[Block]) -> None:
        """Read them again at the end of a stretch, and note what they did over it."""
        self.pushed.after(blocks)
        read = [block for block in blocks if self._told(block.arm)]
        pages = {block.arm: (time.monotonic(), self._scrape(block.arm)) for block in read}
        for block in read:
            (began, before), (ended, after) = self._before.pop(block.arm), pages[block.arm]
            for name in self.wanted:
                if (block.arm, name) not in self._problems:
                    self.collected.append(self._over(block, name, before, after, ended - began))

    def finish(self) -> None:
        """Note what was pushed over all stretches, once they are over."""
        self.collected += self.pushed.finish()

    def _over(self, block: Block, name: str, before: Page | str, after: Page | str, seconds: float) -> Collected:
        def told(problem: str) -> Collected:
            return Collected(block.arm, block.pair, name, "none", problem=problem)

        try:
            first, last = self._read(before, name), self._read(after, name)
        except ScrapeError as error:
            return told(str(error))
        if first.kind != last.kind:
            return told("its kind changed from one scrape to the next")
        if last.kind == "gauge":
            below = (first.count + last.count) / 2
            average, highest = (first.value + last.value) / 2, max(first.value, last.value)
            return Collected(
                block.arm,
                block.pair,
                name,
                "gauge",
                average,
                below,
                last.value,
                highest,
                sent=block.sent,
                seconds=seconds,
            )
        rise = _rise(first, last)
        if min(rise.value, rise.count) < 0:
            return told(_SEVERAL)
        own = self._own.get((block.arm, name), Reading("counter", 0.0))
        value, count = max(0.0, rise.value - own.value), max(0.0, rise.count - own.count)
        return Collected(block.arm, block.pair, name, last.kind, value, count, sent=block.sent, seconds=seconds)

    def _scrape(self, arm: int) -> Page | str:
        """Return the page of an arm, or why there is none."""
        collect = self.services[arm].arm.service.collect
        if collect is None or collect.prometheus is None:
            return "nothing says where this version tells its metrics: add collect.prometheus to it"
        try:
            return scrape(address_of(self.services[arm], collect.prometheus))
        except ScrapeError as error:
            return str(error)

    @staticmethod
    def _read(page: Page | str, name: str) -> Reading:
        if isinstance(page, str):
            raise ScrapeError(page)
        return page.read(parse(name))


def address_of(service: RunningService, place: str) -> str:
    """Return where a service that runs tells its metrics: an address, or a path of its own origin."""
    filled = fill(place, service.arm.name, service.port, service.more)
    if not filled.startswith("/"):
        return filled
    parts = urlsplit(service.base_url)
    return f"{parts.scheme}://{parts.netloc}{filled}"


def _rise(first: Reading, last: Reading) -> Reading:
    return Reading(last.kind, last.value - first.value, last.count - first.count)
