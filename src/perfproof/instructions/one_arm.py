"""One start of one arm whose instructions are counted: sends requests one at a time and takes the counts between."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from perfproof.errors import LoadError, ServiceError
from perfproof.http.flow import FlowStep
from perfproof.instructions.functions import Graph
from perfproof.instructions.source import InstructionCounter
from perfproof.load.load_client import LoadProcess
from perfproof.load.plan import ProbeReply, WalkReply
from perfproof.load.request_source import drawn_names
from perfproof.model.instructions import CountPart, RequestCount
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

PARTS = 5
"""Stretches in which each request is counted in a start, so that what falls into one of them can be told apart."""
MOST_ABREAST = 25
"""Users who walk a flow side by side: each step is counted with one look for all of them."""

Values = Mapping[str, Scalar]


@dataclass(frozen=True)
class Variant:
    """One combination of a request's values, and its number among all of them."""

    number: int
    values: Values


@dataclass(frozen=True)
class CountCase:
    """One request name to count, or a flow with its steps, and the combinations of values it is sent with.

    ``index`` is the place of its (first) request in the scenario. Of a flow ``abreast`` users walk side by side; with 1
    each walks alone.
    """

    index: int
    steps: tuple[Request, ...]
    variants: tuple[Variant, ...]
    abreast: int = MOST_ABREAST

    @property
    def flow(self) -> bool:
        """Tell whether it is a flow: what it sends depends on what was answered before."""
        return bool(self.steps[0].flow)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the request names that it counts."""
        return tuple(step.name for step in self.steps)

    @property
    def same(self) -> bool:
        """Tell whether it may be sent again as it is: nothing is drawn for it anew, and it writes nothing."""
        return self.steps[0].reads and not drawn_names((FlowStep(self.steps[0], self.index),))


class NotAnsweredError(ServiceError):
    """A step of a case (by number) was not answered as it should be by a service that lives.

    ``alone`` says that no other user was under way, who could have been in this one's way.
    """

    def __init__(self, case: CountCase, at: int, what: str, why: str | None, *, alone: bool = False) -> None:
        super().__init__(what, why=why)
        self.case, self.at = case, at
        self.alone = case.abreast == 1 or alone
        self.reason = ": ".join(filter(None, (what, why)))


@dataclass(frozen=True)
class _Seen:
    """What was counted of one step in one stretch."""

    requests: int
    instructions: float
    seconds: float


Look = Callable[[int, int], None]
"""Told the number of a step that has just been taken, and how many requests that were."""


def unseen(_step: int, _sent: int) -> None:
    """Look at nothing."""


@dataclass(frozen=True)
class CountedArm:
    """One start of one arm being counted; its methods are for one thread at a time."""

    place: int
    service: RunningService
    counter: InstructionCounter
    load: LoadProcess
    cases: Sequence[CountCase]
    redactor: Callable[[str], str]
    functions: bool

    def open(self) -> list[NotAnsweredError]:
        """Log in, and let every request be answered once: first requests import and connect.

        Return those that are not answered as they should be.
        """
        self.load.open(self.place, self.service.base_url)
        refused = []
        for case in self.cases:
            try:
                self._send(case, 1)
            except NotAnsweredError as error:
                refused.append(error)
            except LoadError as error:
                if self.service.check():
                    raise
                refused.append(NotAnsweredError(case, 0, error.what, error.why))
        return refused

    def begin(self) -> None:
        """Count from now on."""
        self.counter.begin(self.service.processes)

    def send(self, times: Sequence[int]) -> None:
        """Send each case so many times."""
        for case, wanted in zip(self.cases, times, strict=True):
            self._send(case, wanted)

    def timed(self, *, counting: bool) -> list[float]:
        """Send a few of each case; return the seconds that one took: of a flow, all of it.

        With ``counting`` those that counts take are among them, where a user walks alone.
        """
        found = []
        for case in self.cases:

            def look(*_: int, alone: bool = counting and case.flow and case.abreast == 1) -> None:
                if alone:
                    self.counter.take()

            began = time.monotonic()
            sent = self._send(case, 1, look)
            found.append((time.monotonic() - began) / max(1, sent))
        return found

    def count(self, times: Sequence[int]) -> tuple[tuple[RequestCount, ...], list[tuple[str, Graph]]]:
        """Count so many of each case, between two idle stretches; return counts, and graphs by request name."""
        self.counter.take()
        quiet = self._idle()
        seen: dict[str, list[_Seen]] = {}
        graphs: list[tuple[str, Graph]] = []
        taken = time.monotonic()
        for case, wanted in zip(self.cases, times, strict=True):

            def look(at: int, sent: int, names: tuple[str, ...] = case.names) -> None:
                nonlocal taken
                instructions, now = self.counter.take(), time.monotonic()
                seen.setdefault(names[at], []).append(_Seen(sent, instructions, now - taken))
                taken = now
                if self.functions and (graph := self.counter.graph()) is not None:
                    graphs.append((names[at], graph))

            walked = [self._send(case, part, look, warming=False) for part in parts(wanted, case)]
            if not any(walked):
                raise NotAnsweredError(case, 0, "its feed has no rows left that were not used yet", None)
        quiet = _quiet(quiet, self._idle())
        told = [
            RequestCount.whole(
                name, [CountPart(each.requests, each.instructions, quiet * each.seconds) for each in stretches]
            )
            for name, stretches in seen.items()
        ]
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

    def _send(self, case: CountCase, times: int, look: Look = unseen, *, warming: bool = True) -> int:
        """Send a case at least so many times; return how often. ``look`` is told of each step, and how much was sent.

        Of a single request as many with each combination of its values.
        """
        if case.flow:
            return self._walk(case, times, look, warming=warming)
        each = max(1, ceil(times / len(case.variants)))
        several = self.workers() > 1
        for variant in case.variants:
            # What writes is filled anew each time: a name that is taken would be refused. So is what is drawn.
            for again in [each] if case.same else [1] * each:
                reply = self.load.probe(self.place, case.index, variant.values, fresh_connection=several, times=again)
                self._check(case, 0, reply)
        look(0, each * len(case.variants))
        return each * len(case.variants)

    def _walk(self, case: CountCase, times: int, look: Look, *, warming: bool) -> int:
        """Have so many users walk a flow, some side by side; return how many did: fewer where a feed has ended.

        Nobody thinks in between: what a service does while its users think is no request's.
        """
        several = self.workers() > 1
        walked = 0
        while walked < times:
            users = range(walked, min(times, walked + case.abreast))
            variants = [case.variants[at % len(case.variants)].number for at in users]
            ended = False
            for at in range(len(case.steps)):
                reply = self.load.walk(self.place, case.index, at, variants, fresh_connection=several, warming=warming)
                if at == 0 and reply.users == 0 and warming and times == 1:
                    # A feed may be too small to set rows aside for the warm-up; one user must be seen nevertheless.
                    reply = self.load.walk(
                        self.place, case.index, at, variants, fresh_connection=several, warming=False
                    )
                if reply.users == 0:
                    return walked
                self._check(case, at, reply)
                look(at, reply.sent)
                ended = ended or reply.users < len(users)
            walked += reply.users
            if ended:
                break
        return walked

    def _check(self, case: CountCase, at: int, reply: ProbeReply | WalkReply) -> None:
        step = case.steps[at]
        if reply.outcome == "ok" or (not case.flow and step.follow_redirects and 300 <= reply.status < 400):
            return
        name = self.service.arm.name
        died = self.service.check() if reply.outcome == "bad_status" else self._ending()
        if died:
            raise ServiceError(f"{name} {died} while its instructions were counted", log_tail=self.service.log_tail())
        if reply.outcome == "bad_status":
            told = f"was answered with status {reply.status}"
        else:
            told = f"failed ({reply.outcome.replace('_', ' ')})"
        raise NotAnsweredError(
            case,
            at,
            f"{step.name!r} {told} by {name} while its instructions were counted",
            self.redactor(reply.problem) or None,
            alone=isinstance(reply, WalkReply) and reply.users == 1,
        )

    def _ending(self) -> str | None:
        """Return how the service ended, where it does so now: under Valgrind it closes long before it is gone."""
        deadline = time.monotonic() + ENDS_WITHIN
        while (died := self.service.check()) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        return died


def parts(times: int, case: CountCase) -> list[int]:
    """Return in what stretches a case is sent at least so many times, each with every combination of its values. Pure.

    There are fewer stretches where some would not have them all, and more where users walk side by side and would be
    too many. A user who walks alone is looked at after every step anyway.
    """
    mix = len(case.variants)
    mixes = ceil(times / mix)
    if case.flow and case.abreast == 1:
        return [mixes * mix]
    stretches = min(PARTS, mixes)
    if case.flow:
        stretches = max(stretches, ceil(mixes / max(1, case.abreast // mix)))
    each, more = divmod(mixes, stretches)
    return [(each + (at < more)) * mix for at in range(stretches)]


def _quiet(before: float, after: float) -> float:
    """Return what always runs, from two idle stretches: their mean where they are alike, else the quieter one."""
    low, high = sorted((before, after))
    return (low + high) / 2 if high <= 2 * low else low


def _command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return []
