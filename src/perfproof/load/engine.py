"""What the load process can do, one command at a time: open an arm, warm it, send a block, seal what was recorded."""

from __future__ import annotations

import gc
import secrets as randomness
import socket
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import islice
from time import monotonic_ns
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from gevent import get_hub

from perfproof.errors import LoadError
from perfproof.http.body import Files, read_files
from perfproof.http.cookies import Jar
from perfproof.http.exchange import Message, Place
from perfproof.http.feeds import Supply, Turns
from perfproof.http.flow import Flow
from perfproof.http.pool import Pool, ignore
from perfproof.http.redirect import AllowedOrigins
from perfproof.http.target import Target, locate
from perfproof.http.tls import Secure
from perfproof.load.generator_health import Usage
from perfproof.load.histogram_recorder import HistogramRecorder
from perfproof.load.limits import LoadGuard, connections_of, most_rate, refuse_connections, refuse_rate
from perfproof.load.pairs import PairSource
from perfproof.load.plan import BlockReport, LoadPlan, PairsReport, PairStretch, WarmReport, WrongAnswer
from perfproof.load.recording_engine import WARM_LIMIT_NS, RecordingEngine
from perfproof.load.request_source import RequestSource, variants_of, weights
from perfproof.load.sample_recorder import Recorder
from perfproof.load.schedule import DECK, arrivals, mean_rate, sequence, steady
from perfproof.load.setup import run_setup
from perfproof.load.single_requests import pool_of_one, send_alone
from perfproof.load.traffic import ClosedLoopUser, LoadSource, Pacer, Quota, Together
from perfproof.load.walk import Walk
from perfproof.model.recording import COMPLETED, LEFT_OUT, Outcome
from perfproof.model.scenario import JsonValue, Stage

_LEAD_NS = 5_000_000
_ABORT_GRACE_NS = 900_000_000
_ABANDON_NS = 2 * _ABORT_GRACE_NS
"""Sources that have not ended by then are let go. Not at the grace itself: the pools give up only then, and what that
ends still has to reach its source."""
_LOOK_SECONDS = 0.5
_LARGEST_DECK = 100_000
_ROWS_LOOKED_AT = 2000
"""Rows of a feed of which those columns are masked in logs that are named like a secret."""
_ALONE_REQUESTS = 9
_ALONE_NS = 1_000_000_000
TRIES = 3
"""How often a request that is not answered as expected is sent before any load."""


class LoadEngine(RecordingEngine):
    """Arms, recorder and the sources under way. ``hand_out`` gives a source to a greenlet to run.

    ``share`` (k, n) makes this worker k of n: of the whole load it puts every n-th request or user, from the k-th on.
    """

    def __init__(self, plan: LoadPlan, hand_out: Callable[[LoadSource], None], share: tuple[int, int] = (0, 1)) -> None:
        super().__init__(plan, variants_of(plan.requests))
        self._share = share
        self._hand_out = hand_out
        self._loop = get_hub().loop
        self._pools: dict[int, Pool] = {}
        self._stocks: dict[int, RequestSource] = {}
        self._files: Files = {}
        self._supplies: dict[str, Supply] = {}
        self._turns = Turns()
        self._alone: dict[int, Pool] = {}
        self._walks: dict[int, Walk] = {}
        self._sources: Sequence[LoadSource] = ()
        self._dealt: Iterator[Message | Flow] = iter(())

    def open(self, arm: int, base_url: str) -> None:
        """Find the arm's service, run the set-up steps on it and prepare every request; LoadError if any of it fails.

        Connections that this arm had before are closed.
        """
        self._refuse_if_aborted()
        if arm in self._pools:
            self._pools.pop(arm).close()
        plan, load = self._plan, self._plan.load
        self._files = self._files or read_files((*plan.setup, *plan.requests))
        if not self._supplies:
            self._supplies = {feed.name: Supply(feed) for feed in plan.feeds}
            for supply in self._supplies.values():
                with suppress(LoadError):  # a row that cannot be read is told when it is to be sent
                    self.found_secrets.rows(map(supply.rows.__getitem__, range(min(len(supply.rows), _ROWS_LOOKED_AT))))
        target = locate(base_url, plan.allow)
        refuse_rate(load, target)
        family, address = _answering(target)
        secure = Secure(plan.tls[arm] if plan.tls else None, target.host) if target.scheme == "https" else None
        size = len(range(self._share[0], connections_of(load), self._share[1]))
        refuse_connections(size * plan.arms)
        pool = Pool(self._loop, (family, (address, target.port)), size, self._next_id, arm=arm, secure=secure)
        one = Pool(self._loop, pool.peer, 1, self._next_id, secure=secure)
        place, jar = Place(target, AllowedOrigins(plan.allow), self.found_secrets), Jar(secure=secure is not None)
        try:
            over = lambda: bool(self._aborted_at)  # noqa: E731 - read only here
            captured = run_setup(plan.setup, one, place, self._files, jar, over)
        finally:
            one.close()
        self._turns.restart(afresh=plan.afresh)
        self._stocks[arm] = RequestSource(
            plan.requests,
            place,
            captured,
            jar,
            self._files,
            self._supplies,
            self._turns,
            arm,
            self.found_secrets.redactor,
        )
        self._guards.setdefault(arm, LoadGuard(load.limits, most_rate(load.limits, target)))
        self._pools[arm] = pool
        if arm in self._alone:
            self._alone.pop(arm).close()
        self._walks[arm] = Walk()

    def warm(self, arm: int, seconds: float, requests: int, *, fresh: bool) -> WarmReport:
        """Put load on an arm for ``seconds`` and until ``requests`` were sent; nothing is kept but the report.

        With ``fresh`` every request opens a connection of its own. The time is that of the scenario's load model; the
        requests still missing then are sent by users without think time.
        """
        pool = self._pool(arm)
        recorder = self._unrecorded
        recorder.clear()
        opened, began = pool.opened, monotonic_ns()
        seed = randomness.randbits(32)
        pool.fresh = fresh
        if fresh:
            pool.close()
        try:
            if seconds > 0:
                load = self._plan.load
                rate = mean_rate(load.stages, load.rate) if load.stages else load.rate
                start = monotonic_ns() + _LEAD_NS
                self._run([pool], recorder, -1, self._traffic(arm, steady(rate, seconds), rate, seed, start))
            missing = requests - len(recorder)
            if missing > 0:
                until = monotonic_ns() + WARM_LIMIT_NS
                messages = islice(self._own(arm, seed + 1), missing)
                quota = Quota(missing)
                users = min(missing, len(pool.connections))
                visitors = [ClosedLoopUser(pool, messages, 0, least=quota) for _ in range(users)]
                self._run([pool], recorder, -1, [Together(visitors)], until)
        finally:
            pool.fresh = False
        rows = recorder.rows()
        good = rows["done_ns"][rows["outcome"] == Outcome.OK] - rows["intended_ns"][rows["outcome"] == Outcome.OK]
        return WarmReport(
            requests=len(rows),
            failed=int((~np.isin(rows["outcome"], (*COMPLETED, *LEFT_OUT))).sum()),
            mean_ns=int(good.mean()) if len(good) else 0,
            p50_ns=int(np.median(good)) if len(good) else 0,
            connections=pool.opened - opened,
            took_ns=monotonic_ns() - began,
        )

    def alone(self, arm: int) -> int:
        """Send a few requests of the mix, each when the one before has ended; return their median service time in ns.

        Nothing else is kept of them; 0 when none was answered as it should be. It takes about a second at most.
        """
        pool, recorder = self._pool(arm), self._unrecorded
        recorder.clear()
        messages = islice(self._own(arm, randomness.randbits(32)), _ALONE_REQUESTS)
        self._run([pool], recorder, -1, [ClosedLoopUser(pool, messages, monotonic_ns() + _ALONE_NS)])
        rows = recorder.rows()
        took = (rows["done_ns"] - rows["sent_ns"])[rows["outcome"] == Outcome.OK]
        return int(np.median(took)) if len(took) else 0

    def probe(
        self,
        arm: int,
        request: int,
        values: Mapping[str, JsonValue],
        *,
        fresh: bool,
        headers: Mapping[str, str] = MappingProxyType({}),
        times: int = 1,
    ) -> dict[str, Any]:
        """Send one request alone, its variables filled from ``values`` and the set-up; return its ``ProbeReply``.

        ``headers`` take the place of the request's own; with ``times`` it is sent that often, one after the other.
        """
        self._refuse_if_aborted()
        pool = self._alone.setdefault(arm, pool_of_one(self._pool(arm)))
        message = self._stocks[arm].alone(request, values, headers, self._share)
        return send_alone(pool, message, lambda: bool(self._aborted_at), fresh=fresh, times=times)

    def walk(
        self, arm: int, flow: int, step: int, variants: Sequence[int], *, fresh: bool, warming: bool
    ) -> dict[str, Any]:
        """Have users take one step of the flow that begins with request ``flow``, each when the one before is through.

        The first step (0) is taken by new users, one for each of ``variants``; each later one by the same users again.
        Return a ``WalkReply``. With ``warming`` their rows are those of the warm-up.
        """
        self._refuse_if_aborted()
        pool = self._alone.setdefault(arm, pool_of_one(self._pool(arm)))
        walk, stock = self._walks[arm], self._stocks[arm]
        if step == 0:
            walk.begin(stock, flow, variants, warming=warming, share=self._share)
        return walk.take_step(pool, lambda: bool(self._aborted_at), fresh=fresh, hide=self.found_secrets.redactor)

    def try_out(self, arm: int) -> list[dict[str, Any]]:
        """Send every request and flow once, before any load, and return a ``WrongAnswer`` for each that failed.

        What fails is sent anew, ``TRIES`` times in all: a service that fails now and then is measured, not refused.
        """
        self._refuse_if_aborted()
        pool, recorder, found, index = self._pool(arm), self._unrecorded, [], 0
        for variants in weights(self._plan.requests)[1]:
            for _ in range(TRIES):
                recorder.clear()
                dealt = self._stocks[arm].deal(iter((index,)), randomness.randbits(32), -1, self._share)
                self._run([pool], recorder, -1, [ClosedLoopUser(pool, dealt, 0, least=Quota(1))])
                rows = recorder.rows()
                wrong = rows[~np.isin(rows["outcome"], (*COMPLETED, Outcome.MESSAGE))]
                if not len(wrong) or self._aborted_at:
                    break
            else:
                outcome, problem = Outcome(int(wrong["outcome"][0])), pool.free[-1].problem
                number, status = int(wrong["request"][0]), int(wrong["status"][0])
                why = "" if outcome is Outcome.BAD_STATUS else self.found_secrets.redactor(problem)
                found.append(asdict(WrongAnswer(number, outcome.name.lower(), status, why)))
            index += variants
        return found

    def learned(self) -> dict[str, Any]:
        """Return in what way measured responses were not as expected, since this was last asked, as ``Learned``."""
        troubles = []
        for arm, pool in self._pools.items():
            troubles += [
                {"arm": arm, "kind": "answer", "text": self.found_secrets.redactor(text), "count": count}
                for text, count in pool.wrong.items()
            ]
            pool.wrong.clear()
        return {"names": [], "labels": [], "troubles": troubles}

    def prepare(self, arm: int) -> None:
        """Make ready for a block of the arm: no connection is left that the block before had no use for, no garbage."""
        self._pool(arm).thin()
        gc.collect()

    def block(
        self, arm: int, pair: int, seconds: float, seed: int, *, rate: float | None = None, start: int = 0
    ) -> BlockReport:
        """Send one recorded block and return what came of it, once everything in flight has ended.

        With stages the block takes as long as they do. ``rate`` stands in for the plan's. ``start`` is when its
        schedule begins (ns; 0: as soon as can be); to be asked for only after ``prepare``.
        """
        load = self._plan.load
        rate = load.rate if rate is None else rate
        stages = load.stages or steady(rate, seconds)
        pool = self._pool(arm)
        if not start:
            self.prepare(arm)
        opened, connecting, mark = pool.opened, pool.connecting_ns, len(self._recorder)
        request_source = self._stocks[arm]
        unfed = sum(request_source.unfed.values())
        sources = self._traffic(arm, stages, rate, seed, start or monotonic_ns() + _LEAD_NS, pair)
        before, started = Usage.now(), monotonic_ns()
        length = int(sum(stage.seconds for stage in stages) * 1e9)
        self._recorder.begin(arm, pair, started, length)
        self._run([pool], self._recorder, pair, sources)
        ended = monotonic_ns()
        used = Usage.now().since(before)
        if not self._aborted_at:
            deque(self._dealt, maxlen=0)  # to its end, whoever sends the last: there the next pair begins for all
        pacers = [source for source in sources if isinstance(source, Pacer)]
        turns = [
            source.turn_over - started for source in sources if isinstance(source, ClosedLoopUser) and source.turn_over
        ]
        outcomes = self._recorder.outcomes(mark)
        # What was never started because a step before it failed was not intended for any moment.
        completed, dropped, intended = (
            int(n)
            for n in (
                outcomes[list(COMPLETED)].sum(),
                outcomes[Outcome.DROPPED],
                outcomes.sum() - outcomes[list(LEFT_OUT)].sum(),
            )
        )
        return BlockReport(
            started_ns=started,
            ended_ns=min(ended, started + length),
            drained_ns=ended,
            intended=intended,
            sent=intended - dropped,
            completed=completed,
            failed=intended - dropped - completed,
            dropped=dropped,
            late=sum(pacer.late for pacer in pacers),
            opened=pool.opened - opened,
            connecting_ns=pool.connecting_ns - connecting,
            not_started=int(outcomes[Outcome.NOT_STARTED]),
            resent=int(outcomes[Outcome.RESENT]),
            lost=int(outcomes[Outcome.LOST]),
            unfed=sum(request_source.unfed.values()) - unfed,
            turns_ns=sum(turns) // max(1, len(turns)),
            **self._generator(used, sum(pacer.idle_ns for pacer in pacers)),
        )

    def pairs(self, stretch: PairStretch) -> PairsReport:
        """Send a stretch of pairs and return what came of it.

        It opens connections of its own, so that over a round the stretches meet every process of a service, and none
        is left idle in between.
        """
        arms, pair, seed = stretch.arms, stretch.pair, stretch.seed
        pools = {arm: self._pool(arm) for arm in arms}
        recorder = self._recorder if stretch.record else self._unrecorded
        if isinstance(recorder, HistogramRecorder):
            raise LoadError("pairs need samples one by one", hint="use `samples: raw` or `pairing: block`")
        if not stretch.record:
            recorder.clear()
        opened = {arm: (pool.opened, pool.connecting_ns) for arm, pool in pools.items()}
        for pool in pools.values():
            pool.close()
        mark, unfed = len(recorder), {arm: sum(self._stocks[arm].unfed.values()) for arm in arms}
        gc.collect()
        variants = weights(self._plan.requests)[1]
        total = sum(stretch.counts)
        messages = {}
        for arm in arms:
            order = islice(sequence(stretch.counts, variants, seed, total), total)
            messages[arm] = self._stocks[arm].deal(order, seed, pair)
        before, started = Usage.now(), monotonic_ns()
        until, gap = started + int(stretch.seconds * 1e9), int(stretch.gap * 1e9)
        source = PairSource(pools, messages, pairs=total, seed=seed, until=until, gap_ns=gap, patience=stretch.patience)
        self._run(list(pools.values()), recorder, pair, [source])
        ended = monotonic_ns()
        used = Usage.now().since(before)
        rows = recorder.rows(mark)
        reports = []
        for arm in arms:
            mine = np.bincount(rows["outcome"][rows["arm"] == arm], minlength=len(Outcome))
            completed = int(mine[list(COMPLETED)].sum())
            intended = int(mine.sum() - mine[list(LEFT_OUT)].sum())
            reports.append(
                BlockReport(
                    started_ns=started,
                    ended_ns=ended,
                    drained_ns=ended,
                    intended=intended,
                    sent=intended,
                    completed=completed,
                    failed=intended - completed,
                    dropped=0,
                    late=0,
                    opened=pools[arm].opened - opened[arm][0],
                    connecting_ns=pools[arm].connecting_ns - opened[arm][1],
                    not_started=int(mine[Outcome.NOT_STARTED]),
                    resent=int(mine[Outcome.RESENT]),
                    lost=int(mine[Outcome.LOST]),
                    unfed=sum(self._stocks[arm].unfed.values()) - unfed[arm],
                    **self._generator(used),
                )
            )
        took = _took(rows, arms, len(self._plan.requests))
        return PairsReport(source.pairs, tuple(reports), took, tuple(source.hung.values()))

    def abort(self) -> None:
        """Stop sending now and for good; what is in flight may end within a second. Safe to call at any time."""
        self._aborted_at = self._aborted_at or monotonic_ns()
        for source in self._sources:
            source.stop()
        for pool in self._pools.values():
            pool.halt()

    def _is_abandoned(self) -> bool:
        return bool(self._aborted_at) and monotonic_ns() > self._aborted_at + _ABANDON_NS

    def _pool(self, arm: int) -> Pool:
        if arm not in self._pools:
            raise LoadError(f"arm {arm} has not been opened")
        return self._pools[arm]

    def _own(self, arm: int, seed: int, pair: int = -1) -> Iterator[Message | Flow]:
        """Yield without end what this worker sends where each goes at its own pace."""
        first, step = self._share
        order = islice(sequence(*weights(self._plan.requests), seed, DECK), first, None, step)
        return self._stocks[arm].deal(order, seed, pair, self._share)

    def _traffic(
        self, arm: int, stages: Sequence[Stage], rate: float, seed: int, start: int, pair: int = -1
    ) -> Sequence[LoadSource]:
        """Return this worker's share of the traffic from ``start`` on, through ``stages`` that begin with ``rate``."""
        load, pool = self._plan.load, self._pool(arm)
        first, step = self._share
        if load.model == "open":
            # Every worker makes the whole schedule and takes each of its own places in it, so that what is sent when
            # does not depend on how many there are.
            whole = arrivals(stages, rate, seed, load.arrivals)
            due = array("q", (whole[first::step] + start).tobytes())
            # One deck for the whole block, if it fits into memory: its mix of requests is then exact.
            deck = min(max(len(whole), 1), _LARGEST_DECK)
            request_source = self._stocks[arm]
            if pair < 0:
                return [Pacer(pool, due, self._own(arm, seed), request_source.longest_ns)]
            order = sequence(*weights(self._plan.requests), seed, deck)
            self._dealt = request_source.deal_part(order, seed, pair, self._share, len(whole))
            return [Pacer(pool, due, self._dealt, request_source.longest_ns)]
        messages = self._own(arm, seed, pair)
        until = start + int(sum(stage.seconds for stage in stages) * 1e9)
        think = int(load.think_time * 1e9)
        users = len(range(first, load.users, step))
        return [ClosedLoopUser(pool, messages, until, think_ns=think) for _ in range(users)]

    def _run(
        self,
        pools: Sequence[Pool],
        recorder: Recorder | HistogramRecorder,
        pair: int,
        sources: Sequence[LoadSource],
        until: int | None = None,
    ) -> None:
        """Hand the sources to the greenlets that run them and wait until all are done, ticking meanwhile."""
        if self._aborted_at:
            return
        for pool in pools:
            pool.record, pool.pair = recorder.add, pair
        self._sources = sources
        guards = [(pool, self._guards[pool.arm]) for pool in pools]
        began, before = monotonic_ns(), len(recorder)

        def tick(now: int) -> None:
            for pool, guard in guards:
                self._guard(guard, began, len(recorder) - before, pool.failures, pool.failed_with)
                pool.sweep(now)
            for source in sources:
                source.tick(now)
            if self._aborted_at and now > self._aborted_at + _ABORT_GRACE_NS:
                for pool in pools:
                    pool.give_up()
            if until is not None and now > until:
                for source in sources:
                    source.stop()

        # A collection amid a block would be milliseconds of somebody's latency; `prepare` has just made one.
        gc.disable()
        try:
            with self._ticking(tick):
                for source in sources:
                    self._hand_out(source)
                for source in sources:
                    while not source.done.wait(_LOOK_SECONDS):
                        if self._is_abandoned():
                            for each in sources:
                                each.done.set()  # whatever it waits for will not come any more
                    if source.error is not None:
                        raise source.error
        finally:
            gc.enable()
            self._sources = ()
            for pool, guard in guards:
                pool.record = ignore
                guard.spent_ns += monotonic_ns() - began
        problem = self._stopped_for or next((p for pool in pools if (p := self._stocks[pool.arm].problem)), None)
        if problem is not None:
            raise problem


def _took(rows: npt.NDArray[Any], arms: Sequence[int], requests: int) -> tuple[tuple[int, ...], ...]:
    """Return by arm and request the median service time in ns of what was completed; 0 where nothing was."""
    found = []
    for arm in arms:
        mine = rows[(rows["arm"] == arm) & (rows["outcome"] == Outcome.OK)]
        times = mine["done_ns"] - mine["sent_ns"]
        found.append(
            tuple(int(np.median(t)) if len(t := times[mine["request"] == number]) else 0 for number in range(requests))
        )
    return tuple(found)


def _answering(target: Target) -> tuple[int, str]:
    """Return the first of the checked addresses that takes a connection; the very first if none does.

    "localhost" often means ::1 as well as 127.0.0.1 while a service listens on one of them.
    """
    for family, address in target.addresses[1:] and target.addresses:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            if probe.connect_ex((address, target.port)) == 0:
                return family, address
    return target.addresses[0]
