"""An engine that sends no load: what a request takes is read from the scenario, with a seeded spread around it.

It stands where the load process does and is asked the same commands in the same JSON (``perfproof.load.rpc``), so
everything before and behind it is real: the scenario, the services that are started and probed, the rounds, what is
recorded, judged, stored and reported. Its figures are the same in every run and on every machine, so a test can say
which verdict they come to. ``tests/load/test_fake_engine.py`` holds it to the real engine.

A request takes what the service of the tests (``services/tiny.py``) was told to take: ``WORK_US`` of CPU and
``SLEEP_MS`` of waiting, from the arm's environment or, where two versions of the file are compared, from the file. A
``STATUS`` is answered with an error. Time passes on a clock of its own, on which a block of 300 ms is over at once.

It knows no flows, redirects, feeds, workers, stages, histograms or Locust files: those need the real engine, as it
says.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import time
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from secrets import randbits
from types import SimpleNamespace
from typing import Any

import numpy as np

from perfproof.errors import LoadError
from perfproof.http import json_paths
from perfproof.http.message import TRACE, outgoing, trace_header
from perfproof.http.target import locate
from perfproof.http.template import combinations
from perfproof.load.load_client import LoadProcess
from perfproof.load.orders import leaders
from perfproof.load.plan import (
    BlockReport,
    LoadPlan,
    PairsReport,
    PairStretch,
    ProbeReply,
    WarmReport,
    WrongAnswer,
    decode,
    encode,
    line,
    plan_of,
)
from perfproof.load.request_source import asked_for, weights
from perfproof.load.rpc import commands, dispatch, error_of
from perfproof.load.sample_files import write_samples
from perfproof.load.schedule import DECK, arrivals, sequence, steady
from perfproof.model.recording import SAMPLE_COLUMNS, Outcome
from perfproof.model.scenario import Arm, Request, Scenario
from perfproof.service.processes import ProcessTree

OVERHEAD_NS = 400_000
"""What a request takes beside the work of the service."""
SPREAD = 0.04
"""Spread of single requests, as the standard deviation of the logarithm."""
START_SPREAD = 0.004
"""By how much one start of a service differs from another."""
_BODY = 60
QUEUE = 10
"""Requests that may wait for each connection: ``QUEUE_PER_CONNECTION`` of ``load/traffic.py``, which imports gevent."""


class FakeEngine:
    """The commands of ``perfproof.load.rpc.LoadCommands``. ``cpu_ns`` is by arm what its service would have used."""

    def __init__(self, plan: LoadPlan, arms: tuple[Arm, ...]) -> None:
        _refuse_unknown(plan)
        self._secrets: list[str] = []
        self.found_secrets = SimpleNamespace(take=self._learned_secrets)
        self.cpu_ns = [0] * len(arms)
        self._plan = plan
        self._takes = [takes(arm) for arm in arms]
        self._targets: dict[int, Any] = {}
        self._captured: list[dict[str, Any]] = [{} for _ in arms]
        self._starts = [0] * len(arms)
        self._factor = [1.0] * len(arms)
        self._chunks: list[dict[str, Any]] = []
        self._clock = 0
        self._id = 1
        self._aborted = False

    def open(self, arm: int, base_url: str) -> None:
        """See Engine.open."""
        if self._aborted:
            raise LoadError("aborted")
        target = self._targets[arm] = locate(base_url, self._plan.allow)
        captured: dict[str, Any] = {"port": target.port}
        for step in self._plan.setup:
            reply = self._send(arm, step, {**combinations(step)[0], **captured}, {})
            if reply.outcome != "ok":
                raise LoadError(f"set-up step {step.name!r} was answered with status {reply.status}")
            for name, path in step.capture.items():
                captured[name] = json_paths.find_one(json.loads(reply.content), path)
        self._captured[arm] = captured
        self._secrets += [value for value in captured.values() if isinstance(value, str)]
        self._starts[arm] += 1
        draw = np.random.default_rng([self._plan.load.seed, arm, self._starts[arm]])
        self._factor[arm] = float(np.exp(draw.normal(0.0, START_SPREAD)))

    def warm(self, arm: int, seconds: float, requests: int, *, fresh: bool) -> WarmReport:
        """See Engine.warm."""
        load = self._plan.load
        each = self._mean(arm)
        sent = load.rate * seconds if load.model == "open" else load.users * seconds / (each / 1e9 + load.think_time)
        sent = max(round(sent), requests, 1)
        failed = sent if self._takes[arm][2] else 0
        good = 0 if failed else each
        return WarmReport(sent, failed, good, good, connections=sent if fresh else 0, took_ns=int(seconds * 1e9))

    def alone(self, arm: int) -> int:
        """See Engine.alone."""
        return 0 if self._takes[arm][2] else self._mean(arm)

    def probe(self, arm: int, request: int, values: Any, *, fresh: bool, headers: Any, times: int) -> dict[str, Any]:
        """See Engine.probe: this one is really sent."""
        replies = [self._ask(arm, request, values, headers) for _ in range(times)]
        each = tuple(reply.took_ns for reply in replies) if times > 1 else ()
        return asdict(replace(replies[-1], each_ns=each))

    def try_out(self, arm: int) -> list[dict[str, Any]]:
        """See Engine.try_out."""
        found = []
        for number, request in enumerate(self._plan.requests):
            reply = self._ask(arm, number, next(iter(combinations(request))), {})
            if reply.outcome != "ok":
                found.append(asdict(WrongAnswer(number, reply.outcome, reply.status, "")))
        return found

    def block(self, arm: int, pair: int, seconds: float, seed: int, *, rate: float | None = None) -> BlockReport:
        """See Engine.block."""
        load = self._plan.load
        started = max(time.monotonic_ns(), self._clock)
        length = int(seconds * 1e9)
        if load.model == "open":
            due = arrivals(steady(rate or load.rate, seconds), rate or load.rate, seed, load.arrivals)
            carried = int(load.connections * seconds * 1e9 / self._mean(arm)) + QUEUE * load.connections
        else:
            turn = self._mean(arm) + int(load.think_time * 1e9)
            due = np.repeat(np.arange(0, length, turn), load.users)
            carried = len(due)
        columns, took = self._rows(arm, pair, started + due, seed)
        dropped = _drop(columns, carried)
        self._chunks.append(columns)
        self._clock = started + length
        turns = int(len(due) / load.users * took.mean()) if load.model == "closed" and len(due) else 0
        sent, last = len(due) - dropped, int(columns["done_ns"].max(initial=0))
        report = self._report(arm, started, started + length, sent, last, turns)
        return replace(report, intended=len(due), dropped=dropped)

    def pairs(self, stretch: PairStretch) -> PairsReport:
        """See Engine.pairs."""
        order = _dealt(stretch, self._plan)
        started = at = max(time.monotonic_ns(), self._clock)
        rows: dict[int, list[int]] = {arm: [] for arm in stretch.arms}
        drawn = {arm: self._took(arm, len(order), stretch.seed) for arm in stretch.arms}
        for place, turn in zip(
            range(len(order)), leaders(sorted(stretch.arms), len(order), stretch.seed), strict=False
        ):
            for arm in turn:
                rows[arm].append(at)
                at += int(drawn[arm][place]) + int(stretch.gap * 1e9)
        took = []
        for arm in stretch.arms:
            columns, each = self._rows(arm, stretch.pair, np.array(rows[arm], dtype=np.int64), stretch.seed, order)
            if stretch.record:
                self._chunks.append(columns)
            numbers = columns["request"]
            took.append(tuple(
                int(np.median(each[numbers == n])) if (numbers == n).any() and not self._takes[arm][2] else 0
                for n in range(len(self._plan.requests))
            ))  # fmt: skip
        self._clock = at
        reports = tuple(self._report(arm, started, at, len(order), at, 0) for arm in stretch.arms)
        return PairsReport(len(order), reports, tuple(took), (0,) * len(stretch.arms))

    def learned(self) -> dict[str, Any]:
        """See Engine.learned."""
        return {"names": [], "labels": [], "troubles": []}

    def seal(self, path: Path) -> int:
        """See Engine.seal."""
        chunks, self._chunks = self._chunks, []
        return write_samples(path, chunks)

    def discard(self) -> None:
        """See Engine.discard."""
        self._chunks = []

    def abort(self) -> None:
        """See Engine.abort."""
        self._aborted = True

    def break_off(self, error: LoadError) -> None:
        """See Engine.break_off."""
        self._aborted = True

    def walk(self, arm: int, flow: int, step: int, variants: Any, *, fresh: bool, warming: bool) -> Any:
        """See Engine.walk: there are no flows here."""
        raise LoadError("flows need the real engine")

    def _mean(self, arm: int) -> int:
        work, sleep, _ = self._takes[arm]
        return int((OVERHEAD_NS + work + sleep) * self._factor[arm])

    def _took(self, arm: int, count: int, seed: int) -> Any:
        draw = np.random.default_rng([seed, arm, self._starts[arm]])
        return (self._mean(arm) * np.exp(draw.normal(0.0, SPREAD, count))).astype(np.int64)

    def _rows(self, arm: int, pair: int, at: Any, seed: int, order: Any = None) -> tuple[dict[str, Any], Any]:
        """Return the samples of requests sent ``at`` these moments, and what each took."""
        count, work, status = len(at), self._takes[arm][0], self._takes[arm][2]
        took = self._took(arm, count, seed)
        flat = order if order is not None else _flat(self._plan, count, seed)
        starts = np.concatenate(([0], np.cumsum(weights(self._plan.requests)[1])))
        request = np.searchsorted(starts, flat, side="right") - 1
        self.cpu_ns[arm] += int(work * self._factor[arm]) * count
        values = {
            "arm": arm, "pair": pair, "request": request, "variant": flat - starts[request], "intended_ns": at,
            "sent_ns": at, "first_byte_ns": at + took - took // 20, "done_ns": at + took, "status": status or 200,
            "bytes": _BODY, "outcome": int(Outcome.BAD_STATUS if status else Outcome.OK), "reconnected": 0,
            "id": np.arange(self._id, self._id + count),
        }  # fmt: skip
        self._id += count
        kinds = SAMPLE_COLUMNS.items()
        return {name: np.broadcast_to(np.asarray(values[name]), count).astype(kind) for name, kind in kinds}, took

    def _report(self, arm: int, started: int, ended: int, sent: int, drained: int, turns: int) -> BlockReport:
        failed = sent if self._takes[arm][2] else 0
        return BlockReport(
            started_ns=started, ended_ns=ended, intended=sent, sent=sent, completed=sent - failed, failed=failed,
            dropped=0, late=0, generator_cpu_ns=50_000 * sent, lag_max_ns=100_000, steal_ns=0,
            drained_ns=max(drained, ended), turns_ns=turns, run_queue=1.0,
        )  # fmt: skip

    def _learned_secrets(self) -> list[str]:
        found, self._secrets = self._secrets, []
        return found

    def _ask(self, arm: int, number: int, values: Any, headers: Any) -> ProbeReply:
        request = asked_for(self._plan.requests[number], values)
        return self._send(arm, request, {**self._captured[arm], **values}, headers, number)

    def _send(self, arm: int, request: Request, values: Any, headers: Any, number: int = 0) -> ProbeReply:
        """Send one request, really."""
        target = self._targets[arm]
        out = outgoing(request, values, target.prefix)
        (_, address), *_ = target.addresses
        connection = http.client.HTTPConnection(address, target.port, timeout=request.timeout)
        began = time.monotonic_ns()
        try:
            sample = randbits(62)  # what an agent in the service finds the request by
            traced = {TRACE: trace_header(sample, number)}
            connection.request(out.method, out.target, out.body, {**out.headers, **traced, **headers})
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        took = time.monotonic_ns() - began
        accepted = request.expect.status or range(200, 300)
        outcome = Outcome.OK if response.status in accepted else Outcome.BAD_STATUS
        return ProbeReply(
            outcome.name.lower(), response.status, {name.lower(): value for name, value in response.getheaders()},
            len(body), base64.b64encode(body).decode(), cut=False, trace=f"{sample:032x}", took_ns=took,
        )  # fmt: skip


def takes(arm: Arm) -> tuple[int, int, int]:
    """Return CPU and waiting of a request (ns), and the status of an error (0: none), as the arm's service was told."""
    environ, source = arm.service.environment, ""
    file = arm.service.directory / "tiny.py"
    if file.is_file():
        source = file.read_text(encoding="utf-8")
    given = re.search(r'"WORK_US", "(\d+)"', source)
    work = float(environ.get("WORK_US") or (given[1] if given else 500))
    status = int(environ.get("STATUS", 200))
    return int(work * 1e3), int(float(environ.get("SLEEP_MS", 0)) * 1e6), status if status >= 400 else 0


def _refuse_unknown(plan: LoadPlan) -> None:
    load = plan.load
    unknown = {
        "a Locust file": plan.locustfile, "feeds": plan.feeds, "stages": load.stages,
        "workers": load.workers > 1 or load.listen, "histograms": load.samples != "raw", "TLS": any(plan.tls),
        "flows": any(request.flow for request in plan.requests),
        "captures but of JSON": any(not isinstance(c, str) for step in plan.setup for c in step.capture.values()),
        "redirects": any(request.follow_redirects for request in plan.requests),
    }  # fmt: skip
    found = [name for name, there in unknown.items() if there]
    if found:
        raise LoadError(f"the fake engine knows no {' and no '.join(found)}", hint="take the real one for this test")


def _drop(columns: dict[str, Any], carried: int) -> int:
    """Mark as dropped what is beyond ``carried`` requests, spread evenly, as the real engine does; return how many."""
    count = len(columns["outcome"])
    if count <= carried:
        return 0
    lost = np.ones(count, dtype=bool)
    lost[np.linspace(0, count - 1, carried).astype(np.int64)] = False
    for name, value in {
        "sent_ns": 0,
        "first_byte_ns": 0,
        "status": 0,
        "bytes": 0,
        "outcome": int(Outcome.DROPPED),
    }.items():
        columns[name][lost] = value
    columns["done_ns"][lost] = columns["intended_ns"][lost]
    return int(lost.sum())


def _flat(plan: LoadPlan, count: int, seed: int) -> Any:
    """Return the requests of a block as flat indices, in the order that the real engine sends them in."""
    shares, variants = weights(plan.requests)
    drawn = sequence(shares, variants, seed, max(count, 1) if plan.load.model == "open" else DECK)
    return np.fromiter(islice(drawn, count), dtype=np.int64, count=count)


def _dealt(stretch: PairStretch, plan: LoadPlan) -> Any:
    """Return the requests of a stretch as flat indices, as the real engine sends them."""
    total = sum(stretch.counts)
    drawn = sequence(stretch.counts, weights(plan.requests)[1], stretch.seed, total)
    return np.fromiter(islice(drawn, total), dtype=np.int64, count=total)


class FakeLoad(LoadProcess):
    """The parent's side: every command goes through the same JSON, to an engine in this process."""

    @classmethod
    def start(cls, scenario: Scenario, **options: Any) -> FakeLoad:  # type: ignore[override]
        """See LoadProcess.start."""
        plan = decode(json.loads(line(encode(plan_of(scenario, None, options["log"].parent)))))
        options["log"].touch()
        engine = FakeEngine(plan, scenario.arms)
        child = SimpleNamespace(pid=0, returncode=0)
        channel = SimpleNamespace(close=lambda: None)
        made = cls(scenario, child, channel, options["log"], options.get("redactor"))  # type: ignore[arg-type]
        made.engine = engine
        made._known = commands(engine)  # type: ignore[arg-type]
        return made

    engine: FakeEngine

    def _ask(self, command: dict[str, Any], seconds: float = 0.0) -> Any:
        self._number += 1
        asked = json.loads(line({**command, "number": self._number}))
        reply = json.loads(line(dispatch(asked, self._known, self.engine.found_secrets)))  # type: ignore[arg-type]
        if "error" in reply:
            raise error_of(reply["error"])
        return reply["ok"]

    def abort(self) -> None:
        """See LoadProcess.abort."""
        self.engine.abort()


def take_its_place() -> None:
    """Have everything in this process that starts a load process start this engine, with the CPU time that it says."""
    engines: list[FakeEngine] = []
    real = ProcessTree.cpu_ns

    def start(cls: type[LoadProcess], scenario: Scenario, **options: Any) -> FakeLoad:
        load = FakeLoad.start(scenario, **options)
        engines.append(load.engine)
        return load

    def cpu_ns(tree: ProcessTree) -> int:
        real(tree)  # it is looked at all the same: workers that end, memory
        return engines[-1].cpu_ns[tree.arm] if engines else 0

    LoadProcess.start = classmethod(start)  # type: ignore[method-assign,assignment]
    ProcessTree.cpu_ns = cpu_ns  # type: ignore[method-assign]
