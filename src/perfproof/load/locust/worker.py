"""A worker process: one of several engines that share the load, commanded by a master over Locust's own connection.

Started as ``python -m perfproof.load.locust.worker HOST PORT`` with the token as the first line of its standard
input, and ends when that closes: who started it has had enough, or is gone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from base64 import b64encode
from dataclasses import asdict
from pathlib import Path
from typing import Any

# Locust replaces parts of the standard library when it is imported; it has to come before anything that uses them.
import locust  # noqa: F401 # isort: skip
import gc
import tempfile
from time import monotonic_ns

import gevent
from gevent.event import Event
from gevent.fileobject import FileObject
from gevent.queue import Queue
from locust.env import Environment
from locust.runners import WorkerRunner
from zmq import EVENT_DISCONNECTED
from zmq.utils.monitor import recv_monitor_message

from perfproof.core.owner import Owner
from perfproof.core.redaction import MaskingStream, Redactor
from perfproof.errors import LoadError
from perfproof.load.authentication import Authentication, AuthenticationError
from perfproof.load.engine import LoadEngine
from perfproof.load.faults import end_on_faults
from perfproof.load.locust.host_users import host_class
from perfproof.load.plan import decode
from perfproof.load.rpc import commands, dispatch, settle

PIECE = 1 << 20
"""Bytes of a file of samples in one message: the master asks for the next when it has this one."""

_JOIN_SECONDS = 30.0


def boot() -> str:
    """Return what tells this start of this machine from all others: where it is the same, so is CLOCK_MONOTONIC."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def main(host: str, port: int) -> None:
    """Join the master and do as it says, until it or whoever started this process is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines = FileObject(sys.stdin.buffer, "rb")
    trust = Authentication(lines.readline().decode().strip(), "worker")
    gevent.spawn(_end_with, lines)
    sources: Queue = Queue()
    ready = Event()
    environment = Environment(user_classes=[host_class(sources, ready, 1)])
    runner = environment.create_worker_runner(host, port)
    messages: Queue = Queue()
    runner.register_message("perfproof", lambda msg, **_: messages.put(msg.data))
    runner.send_message("perfproof", {"challenge": trust.challenge})
    try:
        answer = messages.get(timeout=_JOIN_SECONDS)
        if "complete" in answer:
            sys.exit(f"the measurement at {host}:{port} has all its workers already")
        proof = trust.answer(answer["challenge"])
        trust.check(answer["proof"])
    except (gevent.queue.Empty, KeyError, TypeError, AuthenticationError) as error:
        sys.exit(f"the master at {host}:{port} does not know the token: {error}")
    runner.send_message("perfproof", {"proof": proof, "boot": boot(), "pid": os.getpid()})
    _CommandLoop(runner, trust, messages, sources, ready).go_on()


class _CommandLoop:
    """Commands of the master, carried out in their order; ``abort`` at once."""

    def __init__(
        self, runner: WorkerRunner, trust: Authentication, messages: Queue, sources: Queue, ready: Event
    ) -> None:
        self._runner = runner
        self._trust = trust
        self._messages = messages
        self._sources = sources
        self._ready = ready
        self._engine: LoadEngine | None = None
        self._file = Path(tempfile.gettempdir(), f"perfproof-{Owner.mine()}-samples.parquet")
        self._known: dict[str, Any] = {
            "plan": self._plan,
            "ready": self._wait_for_user,
            "clock": lambda _: monotonic_ns(),
        }

    def go_on(self) -> None:
        """Serve until the master is gone."""
        waiting: Queue = Queue()
        gevent.spawn(self._listen, waiting)
        gevent.spawn(self._end_with_master)
        while True:
            reply = dispatch(waiting.get(), self._known, self._engine.found_secrets if self._engine else None)
            self._runner.send_message("perfproof", self._trust.wrap(json.dumps(reply).encode()))

    def _end_with_master(self) -> None:
        """End the process when its connection to the master does: at the end of the measurement, however that came.

        Locust's heartbeats would tell 60 s later, and only while nothing is measured. A connection that comes back
        would be of no use, for what was under way is lost.
        """
        monitor = self._runner.client.socket.get_monitor_socket(EVENT_DISCONNECTED)
        recv_monitor_message(monitor)
        if self._engine is None:
            print("the measurement ended without this worker", file=sys.stderr, flush=True)  # noqa: T201 - as below
            os._exit(1)
        self._file.unlink(missing_ok=True)
        os._exit(0)

    def _listen(self, waiting: Queue) -> None:
        while True:
            try:
                command = json.loads(self._trust.unwrap(self._messages.get()))
            except AuthenticationError as error:
                print(f"ended: {error}", file=sys.stderr, flush=True)  # noqa: T201 - the load process's own log
                os._exit(1)
            if command["do"] != "abort":
                waiting.put(command)
            elif self._engine is not None:
                self._engine.abort()

    def _plan(self, command: dict[str, Any]) -> None:
        plan = decode(command["plan"])
        sys.stdout = sys.stderr = MaskingStream(sys.stderr, Redactor(plan.secrets))
        settle(plan.cpus)
        engine = LoadEngine(plan, self._sources.put, tuple(command["share"]))
        if plan.folder:
            self._file = Path(plan.folder, f".samples-{os.getpid()}.parquet")
        end_on_faults(engine.break_off, engine.found_secrets.redactor)
        import pyarrow.parquet  # noqa: F401 - loaded now, so that no seal has to wait for it

        gc.collect()
        gc.freeze()
        self._engine = engine
        self._known |= commands(engine) | {
            "prepare": lambda c: engine.prepare(c["arm"]),
            "block": lambda c: asdict(
                engine.block(c["arm"], c["pair"], c["seconds"], c["seed"], rate=c["rate"], start=c["start"])
            ),
            "write": lambda _: engine.write(self._file),
            "piece": self._piece,
            "discard": self._discard,
        }

    def _wait_for_user(self, _: dict[str, Any]) -> None:
        if not self._ready.wait(10.0):
            raise LoadError("Locust has placed no user on this worker", hint="has another process joined?")

    def _piece(self, command: dict[str, Any]) -> dict[str, Any]:
        with self._file.open("rb") as file:
            file.seek(command["offset"])
            data = file.read(PIECE)
            return {"data": b64encode(data).decode(), "last": file.tell() == os.fstat(file.fileno()).st_size}

    def _discard(self, _: dict[str, Any]) -> None:
        assert self._engine is not None  # noqa: S101 - known only once there is a plan
        self._engine.discard()
        self._file.unlink(missing_ok=True)


def _end_with(lines: Any) -> None:
    while lines.read(1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
