"""One start of one arm whose instructions are counted: sends requests one at a time and takes the counts between."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

from perfproof.errors import LoadError, ServiceError
from perfproof.instructions.functions import Graph
from perfproof.instructions.source import InstructionCounter
from perfproof.load.load_client import LoadProcess
from perfproof.load.plan import ProbeReply
from perfproof.model.instructions import RequestCount
from perfproof.model.scenario import Request, Scalar
from perfproof.service.lifecycle import RunningService
from perfproof.service.sockets import serving_pids

COMPILING = ("node", "nodejs", "deno", "bun", "java", "dotnet", "ruby", "pypy")
"""Programs that compile what runs often."""
IDLE_SECONDS = 1.5
"""How long each start is watched before and after while no request is sent; the quieter stretch tells what always runs:
compiling and collecting go on for a while when the requests have ended, and are none of it."""

ENDS_WITHIN = 3.0
"""Seconds in which a service that has closed a connection may turn out to have ended."""

Values = Mapping[str, Scalar]


@dataclass(frozen=True)
class CountCase:
    """One request name to count: its place in the scenario and the combinations of values it is sent with."""

    index: int
    request: Request
    variants: tuple[Values, ...]


@dataclass(frozen=True)
class CountedArm:
    """One start of one arm being counted; its methods are for one thread at a time."""

    place: int
    service: RunningService
    counter: InstructionCounter
    load: LoadProcess
    shots: Sequence[CountCase]
    redactor: Callable[[str], str]
    functions: bool

    def open(self) -> dict[str, str]:
        """Log in, and let every request be answered once: first requests import and connect.

        Return those that are not answered as they should be, with the reason.
        """
        self.load.open(self.place, self.service.base_url)
        refused = {}
        for shot in self.shots:
            try:
                self._send(shot, 1)
            except (ServiceError, LoadError) as error:
                if self.service.check():
                    raise
                refused[shot.request.name] = ": ".join(filter(None, (error.what, error.why)))
        return refused

    def begin(self) -> None:
        """Count from now on."""
        self.counter.begin(self.service.processes)

    def send(self, requests: Sequence[int]) -> None:
        """Send so many requests of each name."""
        for shot, count in zip(self.shots, requests, strict=True):
            self._send(shot, count)

    def timed(self) -> list[float]:
        """Send a few requests of each name; return the seconds that one took."""
        found = []
        for shot in self.shots:
            began = time.monotonic()
            sent = self._send(shot, 1)
            found.append((time.monotonic() - began) / sent)
        return found

    def count(self, requests: Sequence[int]) -> tuple[tuple[RequestCount, ...], list[Graph]]:
        """Count so many requests of each name, between two idle stretches."""
        self.counter.take()
        quiet = self._idle()
        counts: list[RequestCount] = []
        seconds: list[float] = []
        graphs: list[Graph] = []
        taken = time.monotonic()
        for shot, wanted in zip(self.shots, requests, strict=True):
            sent = self._send(shot, wanted)
            counts.append(RequestCount(shot.request.name, sent, self.counter.take()))
            seconds.append(time.monotonic() - taken)
            taken = time.monotonic()
            if self.functions and (graph := self.counter.graph()) is not None:
                graphs.append(graph)
        quiet = _quiet(quiet, self._idle())
        told = [replace(each, idle=quiet * took) for each, took in zip(counts, seconds, strict=True)]
        return tuple(told), graphs

    def compiles(self) -> bool:
        """Tell whether one of its programs compiles code while it runs."""
        words = shlex.split(self.service.arm.service.command or "")
        for pid in self.service.processes():
            words += _command_line(pid)
        return any(Path(word).name.rstrip("0123456789.") in COMPILING for word in words)

    def workers(self) -> int:
        """Return how many processes answer requests, as far as can be seen."""
        port = self.service.port
        return len(serving_pids(self.service.processes(), port)) if port is not None else 1

    def _idle(self) -> float:
        """Return the instructions in a second without requests."""
        began = time.monotonic()
        time.sleep(IDLE_SECONDS)
        return self.counter.take() / (time.monotonic() - began)

    def _send(self, shot: CountCase, requests: int) -> int:
        """Send at least ``requests`` of one name, the same number with each combination of values; return how many."""
        each = max(1, ceil(requests / len(shot.variants)))
        several = self.workers() > 1
        for values in shot.variants:
            # What writes is filled anew each time: a name that is taken would be refused.
            for times in [each] if shot.request.reads else [1] * each:
                reply = self.load.probe(self.place, shot.index, values, fresh_connection=several, times=times)
                self._check(shot, reply)
        return each * len(shot.variants)

    def _check(self, shot: CountCase, reply: ProbeReply) -> None:
        if reply.outcome == "ok" or (shot.request.follow_redirects and 300 <= reply.status < 400):
            return
        name = self.service.arm.name
        died = self.service.check() if reply.outcome == "bad_status" else self._ending()
        if died:
            raise ServiceError(f"{name} {died} while its instructions were counted", log_tail=self.service.log_tail())
        told = (
            f"was answered with status {reply.status}" if reply.outcome == "bad_status" else f"failed ({reply.outcome})"
        )
        raise ServiceError(
            f"{shot.request.name!r} {told} by {name} while its instructions were counted",
            why=self.redactor(reply.problem) or None,
        )

    def _ending(self) -> str | None:
        """Return how the service ended, where it does so now: under Valgrind it closes long before it is gone."""
        deadline = time.monotonic() + ENDS_WITHIN
        while (died := self.service.check()) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        return died


def _quiet(before: float, after: float) -> float:
    """Return what always runs, from two idle stretches: their mean where they are alike, else the quieter one."""
    low, high = sorted((before, after))
    return (low + high) / 2 if high <= 2 * low else low


def _command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return []
