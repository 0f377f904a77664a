"""The probe phase: before the load, each arm is started once for itself and asked one request at a time.

Counting costs time and timing must not, so the two never meet: the services of this phase (with the agent in them) are
stopped before the first timed round starts its own.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Literal

from perfproof.databases.merge import Observed, merge
from perfproof.databases.sources import Sources, opened
from perfproof.errors import LoadError, ServiceError, UnsendableError
from perfproof.http.json_paths import Steps, covers, parse, spell
from perfproof.http.response_diff import ComparedResponse, compare, is_json, rows_in, unlike_paths, unlike_texts
from perfproof.load.plan import ProbeReply
from perfproof.model.probe import Answer, Difference, ProbedArm, ProbedRequest, ProbedSize, Probing
from perfproof.model.scenario import Arm, Request, Scenario
from perfproof.queries.field_probe import FieldProbe
from perfproof.queries.probe_plan import ProbeCase, compared, plan, worth_probing
from perfproof.queries.slopes import rises
from perfproof.rounds.run_context import describe_wrong_answer, what_to_correct
from perfproof.rounds.single_start import PassContext
from perfproof.service.lifecycle import RunningService, run_command, start
from perfproof.service.processes import ProcessTree, cold
from perfproof.service.sockets import serving_pids

MORE_REPEATS = 3
"""Repeats added where the first ones did not run the same number of queries: a cache may have been filling."""
WARM_TRIES = 6
OK = 200
MOST_KEPT = 3
"""Responses to one request that are kept, the last among them: what differs between them changes by itself."""
REFINED = (1, 2)
"""Beside a smallest size that hints at growth, these many rows more are probed: an identity map may be saturated."""

WRITES = "it writes: opt in with `probe: {writes: true}` and a reset, or say `safe: true` if it does not"

__all__ = ["probe", "worth_probing"]

Replies = dict[tuple[str, int | None, str], list[ComparedResponse]]
"""The responses of one arm by request, size and values; in memory only."""


def probe(phase: PassContext) -> Probing:
    """Probe every arm of the scenario and compare their responses.

    Raises ServiceError (exit 4) when a probed request is answered with a status that the scenario does not expect: a
    mistyped URL must not reach the load. A source that fails is told in the result instead.
    """
    began = time.monotonic()
    arms: list[ProbedArm] = []
    replies: list[Replies] = []
    for number in range(len(phase.scenario.arms)):
        one = _ArmProbe(phase, number)
        arms.append(one.run())
        replies.append(one.replies)
    found = Probing(tuple(arms), policy=phase.scenario.responses.policy, seconds=time.monotonic() - began)
    return _compared(found, replies, phase.scenario) if phase.compare and len(replies) > 1 else found


@dataclass
class _ArmProbe:
    """One arm being probed."""

    phase: PassContext
    number: int
    replies: Replies = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.arm: Arm = self.phase.scenario.arms[self.number]
        self.logs = self.phase.private / f"probe-{self.arm.name}"
        self.logs.mkdir(mode=0o700, exist_ok=True)
        self.background: frozenset[str] = frozenset()

    def run(self) -> ProbedArm:
        """Start the arm, probe every request, stop it."""
        phase, arm = self.phase, self.arm
        kept = phase.kept.get(arm.name)
        injectable = kept is None and arm.service.command is not None
        with opened(arm, self.logs / "agent" if injectable else None) as sources, ExitStack() as stack:
            phase.observer.phase(f"probing {arm.name}: starting")
            asleep = sources.databases_now()
            service = kept if kept is not None else self._start(sources, stack)
            phase.load.open(self.number, service.base_url)
            self._warm(service)
            sources.settle()
            debugging = sources.debugging
            for what in debugging:
                phase.observer.note(f"{arm.name} runs in a mode for developing and is not what users get: {what}")
            idle, strays = sources.background()
            self.background = frozenset(each.statement.key for each in idle) | strays
            requests = []
            for index, request in self._in_order():
                phase.observer.phase(f"probing {arm.name}: {request.name}")
                requests.append((index, self._tried(index, request, sources, service)))
            unused = sources.unused(asleep) if kept is None else ()
            if unused and not any(size.queries and size.queries[1] for _, each in requests for size in each.sizes):
                requests = [(index, _uncounted(each)) for index, each in requests]
                sources.problems += [
                    f"{name} saw no statement at all from the start of {arm.name} until its last request, so nothing"
                    " was counted: name the database that the service really uses in `service.database`"
                    for name in unused
                ]
            self._restore()
            sources.problems.extend(sources.failures)
            limits = sources.limits if sources.any else ()
            return ProbedArm(
                arm=arm.name,
                requests=tuple(each for _, each in sorted(requests, key=lambda pair: pair[0])),
                sources=sources.reasons,
                problems=tuple(dict.fromkeys(map(phase.redactor, sources.problems))),
                limits=limits,
                background=idle,
                debugging=debugging,
            )

    def _start(self, sources: Sources, stack: ExitStack) -> RunningService:
        if self.arm.service.reset:
            self._command(self.arm.service.reset, "reset")
        cpus = self.phase.cpus.service
        (service,) = start([sources.arm(self.arm)], logs=self.logs, redactor=self.phase.redactor, cpus=cpus)
        stack.callback(service.stop)
        return service

    def _in_order(self) -> list[tuple[int, Request]]:
        """Return the requests with their place, those that only read first."""
        return sorted(enumerate(self.phase.scenario.requests), key=lambda pair: not pair[1].reads)

    def _warm(self, service: RunningService) -> None:
        """Let every worker process answer before anything counts: a first request connects and prepares."""
        shots = [
            (index, shot)
            for index, request in enumerate(self.phase.scenario.requests)
            if request.reads and not request.flow
            for shot in plan(request, counted=False)[:1]
        ]
        tree = ProcessTree(self.number, service.processes)
        before = tree.cpu_by_pid()
        for attempt in range(WARM_TRIES):
            serving = serving_pids(service.processes(), service.port) if service.port else ()
            times = 2 if attempt == 0 else 2 * max(1, len(serving))
            for index, shot in shots:
                for _ in range(times):
                    try:
                        self.phase.load.probe(self.number, index, shot.values, fresh_connection=len(serving) > 1)
                    except LoadError:
                        break  # a request that cannot be sent alone is told when its turn comes
            if len(serving) < 2 or not cold(before, tree.cpu_by_pid(), serving):
                break
            if all(request.reads for request in self.phase.scenario.requests):
                self.phase.load.warm(self.number, 0.25, fresh_connections=True)

    def _tried(self, index: int, request: Request, sources: Sources, service: RunningService) -> ProbedRequest:
        """Probe one request; where the phase is to go on, one that is answered wrongly is left out and told."""
        try:
            return self._request(index, request, sources, service)
        except ServiceError as error:
            if self.phase.failures is None or service.check():
                raise
            why = f" ({error.why})" if error.why else ""
            self.phase.failures.append(f"{error.what}{why}")
            return ProbedRequest(request.name)

    def _request(self, index: int, request: Request, sources: Sources, service: RunningService) -> ProbedRequest:
        """Probe one request at each of its sizes."""
        counted = bool(self.arm.service.database)
        if not request.reads and not request.probe.writes:
            if not (counted or request.scale):
                return ProbedRequest(request.name)
            return ProbedRequest(request.name, skipped=WRITES)
        if request.flow:
            return ProbedRequest(request.name, skipped="it is a step of a flow and cannot be sent alone")
        by = _by(request)
        sizes: list[ProbedSize] = []
        try:
            shots = plan(request, counted=counted)
            sizes.extend(self._shot(index, request, shot, sources, service) for shot in shots)
            if by == "parameter":
                sizes += self._refined(index, request, sizes, sources, service)
            if self.phase.compare and request.reads:
                for shot in compared(request):
                    self._shot(index, request, shot, Sources(), service)
        except UnsendableError as error:
            return ProbedRequest(request.name, skipped=f"{error.what}: {error.why}")
        sizes.sort(key=lambda size: (size.size is None, size.size))
        asking = FieldProbe(self._shot, self.replies, service.check)
        named, fields, untold = asking.run(index, request, sizes, sources, service)
        empty = request.method == "GET" and any(each.answer.status == OK and not each.answer.size for each in named)
        return ProbedRequest(request.name, named, by, fields=fields, fields_untold=untold, empty=empty)

    def _refined(
        self, index: int, request: Request, sizes: Sequence[ProbedSize], sources: Sources, service: RunningService
    ) -> Iterator[ProbedSize]:
        """Yield probes just above the smallest size where the next one hints at growth that may be saturated."""
        assert request.scale is not None and request.scale.parameter  # noqa: S101, PT018 - asked by the caller
        known = sorted(sizes, key=lambda size: size.size or 0)[:2]
        if len(known) < 2 or any(size.queries is None for size in known):
            return
        one, two = known
        span = (two.size or 0) - (one.size or 0)
        # Each statement by itself: by their sum one arm would be looked at closely and the other not, so that a
        # statement that both run alike would be an N+1 of one of them.
        if not any(0 < rise < span for rise in rises(one, two)):
            return
        for more in REFINED:
            size = (one.size or 0) + more
            if size < (two.size or 0):
                values = {**plan(request, counted=True)[0].values, request.scale.parameter: size}
                shot = ProbeCase(size, values, request.probe.repeat)
                yield replace(self._shot(index, request, shot, sources, service), added=True)

    def _shot(
        self, index: int, request: Request, shot: ProbeCase, sources: Sources, service: RunningService
    ) -> ProbedSize:
        """Send one request at one size until its repeats agree, or give up and let it vary."""
        if request.scale and request.scale.reseed and shot.size is not None:
            self._command(request.scale.reseed.replace("{size}", str(shot.size)), "reseed")
        observed: list[Observed] = []
        took: list[int] = []
        reply: ProbeReply | None = None
        key = (request.name, shot.size, repr(sorted(shot.values.items())))
        most = shot.repeats + (MORE_REPEATS if sources.any else 0)
        while len(observed) < shot.repeats or (len(observed) < most and not _agree(observed, shot.repeats, sources)):
            if not request.reads and self.arm.service.reset:
                self._command(self.arm.service.reset, "reset")
            before = sources.snapshots()
            reply = self.phase.load.probe(self.number, index, shot.values)
            took.append(reply.took_ns)
            seen = sources.count(before, reply.trace)
            self._check(request, shot, reply, service, sources)
            if seen is not None:
                observed.append(seen)
            kept = self.replies.setdefault(key, [])
            kept[MOST_KEPT - 1 :] = [
                ComparedResponse(reply.status, reply.headers.get("content-type", ""), reply.content, service.base_url)
            ]
        assert reply is not None  # noqa: S101 - there is at least one repeat
        merged = merge(observed[-shot.repeats :], self.background, prefer_agent=sources.prefer_agent)
        body = reply.content
        deep = request.scale is not None and request.scale.depth  # a size is no number of rows there
        rows, rows_at = (None, None) if deep else rows_in(body, request.rows)
        answer = Answer(reply.status, reply.wire, len(body), hashlib.sha256(body).hexdigest()[:16], rows, rows_at)
        doubts = [
            *merged.doubts,
            *([f"{request.rows} is no list in the response"] if request.rows and rows is None else []),
        ]
        return ProbedSize(
            size=shot.size,
            repeats=min(len(observed), shot.repeats),
            answer=answer,
            statements=merged.statements if sources.any else None,
            db_ns=merged.db_ns,
            source=merged.source,
            disagreement=merged.disagreement,
            doubts=tuple(map(self.phase.redactor, doubts)),
            added=shot.added,
            own=shot.own,
            strays=merged.strays,
            took_ns=tuple(took),
        )

    def _check(
        self, request: Request, shot: ProbeCase, reply: ProbeReply, service: RunningService, sources: Sources
    ) -> None:
        if reply.outcome == "ok":
            return
        where = "" if shot.size is None else f" at size {shot.size}"
        died = service.check()
        elsewhere = ""
        if 300 <= reply.status < 400 and "location" in reply.headers:
            there = f"it is a redirect to {reply.headers['location']}"
            elsewhere = f"{there}: write that path, or `follow_redirects: true`, which counts both"
        raise ServiceError(
            f"{self.arm.name} {describe_wrong_answer(request, reply.outcome, reply.status, where)}",
            why=self.phase.redactor(died or elsewhere or reply.problem or "; ".join(sources.problems[-1:])) or None,
            hint=what_to_correct(reply.outcome),
            log_tail=service.log_tail(),
        )

    def _command(self, line: str, purpose: str) -> None:
        # The placeholders of service commands are filled already; those of a request's reseed are not.
        work = self.phase.private / "work" / self.arm.name
        line = line.replace("{python}", sys.executable).replace("{work}", str(work))
        log = self.logs / f"{self.arm.name}.{purpose}.log"
        run_command(self.arm, line, purpose=purpose, log=log, redactor=self.phase.redactor)

    def _restore(self) -> None:
        """Bring back the data that reseeding has changed, where no reset does so before each round."""
        reseeded = any(request.scale and request.scale.reseed for request in self.phase.scenario.requests)
        if reseeded and self.arm.service.prepare and not self.arm.service.reset:
            self._command(self.arm.service.prepare, "prepare")


def _uncounted(request: ProbedRequest) -> ProbedRequest:
    """Return a request without its counts: nought from a database that the service does not use is no figure."""
    return replace(request, sizes=tuple(replace(size, statements=None, db_ns=(), source="") for size in request.sizes))


def _by(request: Request) -> Literal["parameter", "reseed", "depth", "none"]:
    """Return what a size of the request is."""
    if request.scale is None:
        return "none"
    return "depth" if request.scale.depth else "parameter" if request.scale.parameter else "reseed"


def _agree(observed: Sequence[Observed], repeats: int, sources: Sources) -> bool:
    """Tell whether the last repeats ran the same number of queries."""
    last = [each.total(prefer_agent=sources.prefer_agent) for each in observed[-repeats:]]
    return len(set(last)) == 1


def _compared(found: Probing, replies: Sequence[Replies], scenario: Scenario) -> Probing:
    """Compare the responses of each arm with the first's; what differs between two responses of one arm is told."""
    differences: list[Difference] = []
    volatile: dict[str, None] = {}
    compared = 0
    for arm, others in zip(scenario.arms[1:], replies[1:], strict=True):
        unlike, moving, count = _unlike(replies[0], others, scenario)
        name = arm.name if len(replies) > 2 else ""
        differences += [replace(each, arm=name) for each in unlike]
        volatile |= dict.fromkeys(moving)
        compared = max(compared, count)
    return replace(found, differences=tuple(differences), compared=compared, volatile=tuple(volatile))


def _unlike(first: Replies, other: Replies, scenario: Scenario) -> tuple[list[Difference], list[str], int]:
    """Return what two arms answer differently, what differs between two responses of one, and how many were held."""
    rules = scenario.responses
    ignore = [parse(path) for path in rules.ignore]
    differences: list[Difference] = []
    volatile: list[str] = []
    both = sorted(first.keys() & other.keys(), key=lambda key: (key[0], key[1] or 0, key[2]))
    for key in both:
        if not all(is_json(reply) for side in (first, other) for reply in side[key]):
            told = unlike_texts(first[key], other[key])
            if told is None:
                volatile.append(f"{key[0]} (no JSON)")
                continue
            unlike, left_out = told
            volatile += [f"{key[0]} {left_out}"] if left_out else []
            if unlike is not None:
                differences.append(Difference(key[0], key[1], unlike.what, unlike.paths))
            continue
        moving: set[Steps] = set()
        for side in (first, other):
            moving |= unlike_paths(side[key][0], side[key][-1], order=rules.order) or set()
        untold = sorted(spell(steps) for steps in moving if not any(covers(pattern, steps) for pattern in ignore))
        volatile += [f"{key[0]} {path}" for path in untold]
        unlike = compare(first[key][-1], other[key][-1], [*ignore, *moving], order=rules.order)
        if unlike is not None:
            differences.append(Difference(key[0], key[1], unlike.what, unlike.paths, unlike.more, unlike.doubtful))
    return differences, volatile, len(both)
