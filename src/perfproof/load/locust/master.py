"""Several workers that together do what one engine does; the parent cannot tell the difference.

Workers are processes of this machine, or of others when the plan says where to listen. They connect as workers of a
Locust master, which places one user on each to run its load; our own messages travel over the same connection and
every one is answered. A worker that does not answer is lost, and with it everything it has not handed over: that is
an error, never a smaller number.
"""

from __future__ import annotations

import json
import logging
import secrets
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic_ns
from typing import Any

import gevent
from gevent.queue import Empty, Queue
from locust import runners
from locust.env import Environment
from locust.exception import RPCError, RPCReceiveError

from perfproof.core.redaction import Redactor
from perfproof.errors import LoadError
from perfproof.http.found_secrets import FoundSecrets
from perfproof.load.authentication import SHORTEST_TOKEN, Authentication, AuthenticationError
from perfproof.load.locust.host_users import host_class
from perfproof.load.locust.worker import boot
from perfproof.load.plan import BlockReport, LoadPlan, PairsReport, PairStretch, WarmReport, encode
from perfproof.load.rpc import result_of
from perfproof.load.sample_files import WorkerPart, merge_histograms, merge_parts, writing

_LEAD_NS = 30_000_000
_LEAD_PER_REQUEST_NS = 500
_PINGS = 9
_JOIN_SECONDS = 60.0
_SLACK = 60.0
_LOG = logging.getLogger(__name__)

# Locust counts a worker as missing after 3 s without a heartbeat, takes its user away and may end the test; but one
# that writes its samples, or starts on a busy machine, is silent for longer. Our own messages tell who is lost.
runners.HEARTBEAT_LIVENESS = 3600


class Worker:
    """One worker as the master knows it: ``ahead`` is how far its clock is before ours, in ns."""

    def __init__(self, name: str, send: Callable[[Mapping[str, Any]], None], trust: Authentication) -> None:
        self.name = name
        self.trust = trust
        self.boot: str | None = None
        self.pid = 0
        self.ahead = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.replies: Queue = Queue()
        self._send = send
        self._number = 0

    def tell(self, do: str, **command: Any) -> None:
        """Send a command; ``hear`` returns what came of it."""
        # Numbered, so that the late reply to a command nobody waits for any more is not taken for that of the next.
        self._number += 1
        self._send(self.trust.wrap(json.dumps({"do": do, "number": self._number, **command}).encode()))

    def abort(self) -> None:
        """Say that it shall stop sending; there is no reply, and that of the command under way still comes."""
        self._send(self.trust.wrap(b'{"do":"abort"}'))

    def hear(self, seconds: float) -> Any:
        """Return the result of the command told last; LoadError if it failed or the worker is lost."""
        deadline = monotonic_ns() + int(seconds * 1e9)
        while True:
            try:
                # In short waits: a worker that has died sends nothing that would end a long one.
                reply = self.replies.get(timeout=0.2)
            except Empty:
                if self.process is not None and self.process.poll() is not None:
                    raise LoadError(f"worker {self.name} has died (exit code {self.process.returncode})") from None
                if monotonic_ns() > deadline:
                    raise LoadError(f"worker {self.name} has not answered within {seconds:.0f} s") from None
                continue
            if reply["number"] == self._number:
                return result_of(reply)

    def ask(self, do: str, seconds: float = _SLACK, **command: Any) -> Any:
        """Send a command and return its result."""
        self.tell(do, **command)
        return self.hear(seconds)


class Master:
    """Has the commands of an ``LoadEngine`` and gives each worker its share."""

    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        self.found_secrets = FoundSecrets(Redactor(plan.secrets))
        self._folder = Path(plan.folder or ".")
        self._workers: list[Worker] = []
        self._ahead: list[dict[tuple[int, int], int]] = []
        self._owed = 0
        self._stopped_for: LoadError | None = None
        self._token = plan.token or secrets.token_hex(32)
        if len(self._token) < SHORTEST_TOKEN:
            raise LoadError("the token is too short", hint=f"use at least {SHORTEST_TOKEN} random characters")
        host, _, port = (plan.load.listen or "127.0.0.1:0").rpartition(":")
        count = plan.load.workers
        environment = Environment(user_classes=[host_class(Queue(), gevent.event.Event(), count)])
        self._runner = environment.create_master_runner(host.strip("[]"), int(port))
        self._host, self._port = host, self._runner.server.port
        self._joining: dict[str, Worker] = {}
        self._runner.register_message("perfproof", self._received)
        self._admit()

    def start(self) -> None:
        """Start the workers, or wait for those elsewhere, and hand each its plan; LoadError if one does not come."""
        count = self._plan.load.workers
        children = [] if self._plan.load.listen else [self._child() for _ in range(count)]
        deadline = monotonic_ns() + int(_JOIN_SECONDS * 1e9)
        while len(self._workers) < count:
            gevent.sleep(0.02)
            if monotonic_ns() > deadline or any(child.poll() is not None for child in children):
                came = f"{len(self._workers)} of {count} workers have joined at {self._host}:{self._port}"
                raise LoadError(came, hint="start `perfproof worker --join HOST:PORT --token-file FILE` on the others")
        for worker in self._workers:
            worker.process = next((child for child in children if child.pid == worker.pid), None)
        plan = encode(
            replace(
                self._plan,
                token="",
                cpus=() if self._plan.load.listen else self._plan.cpus,
                folder="" if self._plan.load.listen else self._plan.folder,
            )
        )
        self._ahead = [{} for _ in self._workers]
        for place, worker in enumerate(self._workers):
            worker.tell("plan", plan=plan, share=(place, count))
        self._hear_all(_SLACK)
        # Who connected and did not prove that it knows the token must not be given a user that one of ours then lacks.
        for name in set(self._runner.clients) - {worker.name for worker in self._workers}:
            del self._runner.clients[name]
        self._runner.start(count, spawn_rate=count)
        self._ask_all("ready")

    def open(self, arm: int, base_url: str) -> None:
        """Have every worker open the arm; each runs the set-up steps for itself, as separate users would."""
        steps = len(self._plan.setup) + 1
        self._ask_all("open", self._timeout() * steps + _SLACK, arm=arm, url=base_url)

    def warm(self, arm: int, seconds: float, requests: int, *, fresh: bool) -> WarmReport:
        """Warm with all workers; times are means over them, weighted by their requests."""
        each = -(-requests // len(self._workers))
        limit = seconds + 60.0 + 2 * self._timeout() + _SLACK
        reports = [
            WarmReport(**reply)
            for reply in self._ask_all("warm", limit, arm=arm, seconds=seconds, requests=each, fresh=fresh)
        ]
        good = max(1, sum(report.requests - report.failed for report in reports))

        def mean(name: str) -> int:
            return int(sum(getattr(report, name) * (report.requests - report.failed) for report in reports) // good)

        return WarmReport(
            requests=sum(report.requests for report in reports),
            failed=sum(report.failed for report in reports),
            mean_ns=mean("mean_ns"),
            p50_ns=mean("p50_ns"),
            connections=sum(report.connections for report in reports),
            took_ns=max(report.took_ns for report in reports),
        )

    def block(self, arm: int, pair: int, seconds: float, seed: int, *, rate: float | None = None) -> BlockReport:
        """Send one recorded block with all workers, who begin at the same instant."""
        load = self._plan.load
        self._ask_all("prepare", arm=arm)
        for place, worker in enumerate(self._workers):
            worker.ahead = _ahead(worker)
            self._ahead[place][arm, pair] = worker.ahead
        expected = seconds * max((rate or load.rate, *(stage.rate for stage in load.stages)))
        start = monotonic_ns() + _LEAD_NS + int(expected * _LEAD_PER_REQUEST_NS)
        for worker in self._workers:
            begin = start + worker.ahead
            worker.tell("block", arm=arm, pair=pair, seconds=seconds, seed=seed, rate=rate, start=begin)
        replies = self._hear_all(seconds + 2 * self._timeout() + _SLACK)
        reports = [
            BlockReport(**reply).on_clock(worker.ahead) for worker, reply in zip(self._workers, replies, strict=True)
        ]
        whole = BlockReport.merged(reports)
        if load.model == "closed":  # here each worker has looked at its own share of the rows only
            whole = replace(whole, unfed=sum(report.unfed for report in reports))
        self._owed += whole.intended + whole.not_started + whole.lost
        return whole

    def pairs(self, stretch: PairStretch) -> PairsReport:
        """Refuse: pairs are sent one at a time, which several workers cannot share."""
        del stretch
        raise LoadError("several workers cannot share pairs", hint="use `pairing: block`, or one worker")

    def alone(self, arm: int) -> int:
        """Have the first worker send a few requests one at a time."""
        took: int = self._workers[0].ask("alone", self._timeout() + _SLACK, arm=arm)
        return took

    def probe(self, arm: int, request: int, values: Any, *, fresh: bool, headers: Any, times: int) -> Any:
        """Have the first worker send one request alone."""
        given = {"arm": arm, "request": request, "values": values, "fresh": fresh, "headers": headers, "times": times}
        return self._workers[0].ask("probe", (1 + times) * self._timeout() + _SLACK, **given)

    def walk(self, arm: int, flow: int, step: int, variants: Any, *, fresh: bool, warming: bool) -> Any:
        """Have the first worker's users take one step of a flow."""
        given = {"flow": flow, "step": step, "variants": variants, "fresh": fresh, "warming": warming}
        return self._workers[0].ask("walk", (1 + len(variants)) * self._timeout() + _SLACK, arm=arm, **given)

    def try_out(self, arm: int) -> list[dict[str, Any]]:
        """Have the first worker send every request once."""
        found: list[dict[str, Any]] = self._workers[0].ask("try", self._tries() + _SLACK, arm=arm)
        return found

    def _tries(self) -> float:
        return 3 * self._timeout() * max(1, len(self._plan.requests))

    def learned(self) -> dict[str, Any]:
        """Return what all workers have learned."""
        replies = self._ask_all("learned")
        return {"names": [], "labels": [], "troubles": [each for reply in replies for each in reply["troubles"]]}

    def seal(self, path: Path) -> int:
        """Fetch what every worker recorded, write it as one file and have them forget it.

        LoadError, and nothing is forgotten, if a worker is lost or a single sample is missing.
        """
        with self._collected(path.parent) as parts:
            merge = merge_histograms if self._plan.load.samples == "histogram" else merge_parts
            with writing(path.name):
                rows = merge(path, parts)
        if rows != self._owed:
            path.unlink()
            raise LoadError(f"{self._owed} requests were made and the workers handed over {rows} samples")
        self.discard()
        return rows

    def discard(self) -> None:
        """Have the workers forget the samples since the last seal."""
        self._ask_all("discard")
        self._owed = 0
        self._ahead = [{} for _ in self._workers]

    def abort(self) -> None:
        """Have every worker stop sending; a worker that is gone sends nothing anyway."""
        for worker in self._workers:
            with suppress(Exception):
                worker.abort()

    def break_off(self, error: LoadError) -> None:
        """See Engine.break_off."""
        self._stopped_for = self._stopped_for or error
        self.abort()

    @contextmanager
    def _collected(self, folder: Path) -> Iterator[Sequence[WorkerPart]]:
        """Lend every worker's file of samples, fetched piece by piece: a message too many would be dropped unseen."""
        self._ask_all("write", 600.0)
        parts: list[WorkerPart] = []
        try:
            for place, worker in enumerate(self._workers):
                part = WorkerPart(folder / f".part-{place}", self._ahead[place])
                parts.append(part)
                with writing("what a worker recorded"), part.path.open("wb") as file:
                    while True:
                        piece = worker.ask("piece", offset=file.tell())
                        file.write(b64decode(piece["data"]))
                        if piece["last"]:
                            break
            yield parts
        finally:
            for part in parts:
                part.path.unlink(missing_ok=True)

    def _ask_all(self, do: str, limit: float = _SLACK, **command: Any) -> list[Any]:
        for worker in self._workers:
            worker.tell(do, **command)
        return self._hear_all(limit)

    def _hear_all(self, seconds: float) -> list[Any]:
        """Return every worker's reply; all are waited for before the first error is raised, so none comes later."""
        replies: list[Any] = []
        problem: LoadError | None = None
        for worker in self._workers:
            try:
                replies.append(worker.hear(seconds))
            except LoadError as error:
                problem = problem or error
        problem = self._stopped_for or problem
        if problem is not None:
            raise problem
        return replies

    def _timeout(self) -> float:
        return max((request.timeout for request in (*self._plan.requests, *self._plan.setup)), default=30.0)

    def _child(self) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            [sys.executable, "-m", "perfproof.load.locust.worker", self._host, str(self._port)], stdin=subprocess.PIPE
        )
        assert child.stdin is not None  # noqa: S101 - it was asked for
        child.stdin.write(self._token.encode() + b"\n")
        child.stdin.flush()
        return child

    def _admit(self) -> None:
        """Let nothing that comes from outside end the loop in which Locust takes messages, or pass for another's.

        Locust's own loop ends with the first message that is not laid out as it expects, and it believes the name that
        a message gives itself; the connection's is one that no one else can have at the same time.
        """
        runner: Any = self._runner
        receive, handle = runner.server.recv_from_client, runner.handle_message

        def received() -> Any:
            while True:
                try:
                    return receive()
                except Exception as error:
                    if isinstance(error, RPCError) and not isinstance(error, RPCReceiveError):
                        raise  # the network is broken, which Locust mends
                    _LOG.warning("something that is no message was ignored: %s", error)

        def handled(name: str, msg: Any) -> None:
            ours = {worker.name for worker in self._workers}
            complete = len(ours) == self._plan.load.workers
            if str(msg.node_id) != name or (complete and name not in ours):
                _LOG.warning("a message from %a, who is no worker of this measurement, was ignored", name)
                if name not in ours:  # whoever it says it is: the answer goes to whoever sent it
                    self._turn_away(name, msg.type)
                return
            if name not in ours and msg.type not in ("client_ready", "perfproof"):
                return  # nothing else is needed to join
            try:
                handle(name, msg)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next message is another's
                _LOG.warning("a message from %a was ignored: %s", name, error)

        runner.server.recv_from_client, runner.handle_message = received, handled

    def _turn_away(self, name: str, kind: str) -> None:
        """Tell one who comes too late that nobody else is needed: Locust's worker would ask again for five minutes."""
        if kind == "client_ready":
            self._runner.send_message("ack", {}, client_id=name)
        elif kind == "perfproof":
            self._send(name, {"complete": True})

    def _received(self, msg: Any, **_: Any) -> None:
        """Take a message from a worker; one that proves nothing is ignored, whoever sent it."""
        name, data = str(msg.node_id), msg.data
        worker = self._joining.get(name)
        try:
            if worker is None:
                trust = Authentication(self._token, "master")
                proof = trust.answer(data["challenge"])
                self._joining[name] = Worker(name, lambda message: self._send(name, message), trust)
                self._send(name, {"challenge": trust.challenge, "proof": proof})
            elif worker.boot is None:
                worker.trust.check(data["proof"])
                worker.boot, worker.pid = str(data["boot"]), int(data["pid"])
                if len(self._workers) < self._plan.load.workers:
                    self._workers.append(worker)
            else:
                reply = json.loads(worker.trust.unwrap(data))
                self.found_secrets.add(reply.pop("secrets", ()))
                worker.replies.put(reply)
        except (AuthenticationError, LookupError, TypeError, ValueError, AttributeError) as error:
            # Not told to whoever waits for this worker: anyone can send such a message. Should it be the worker's own,
            # its reply is missing, which is an error in time.
            _LOG.warning("a message from %a was refused: %s", name, error)

    def _send(self, name: str, message: Mapping[str, Any]) -> None:
        self._runner.send_message("perfproof", dict(message), client_id=name)


def _ahead(worker: Worker) -> int:
    """Return how far the worker's clock is before ours, in ns: from the quickest of some exchanges.

    Its reading fell somewhere within the exchange; taking the middle is off by half of that at most (Cristian 1989).
    """
    if worker.boot and worker.boot == boot():
        return 0
    best: tuple[int, int] | None = None
    for _ in range(_PINGS):
        before = monotonic_ns()
        theirs = worker.ask("clock")
        after = monotonic_ns()
        best = min(best or (after - before, 0), (after - before, theirs - (before + after) // 2))
    assert best is not None  # noqa: S101 - there were exchanges
    return best[1]
