"""The load process: obeys the parent's commands, JSON lines over an inherited socket.

Started as ``python -m perfproof.load.process FD``. It ends at once when the socket closes: the parent has had enough,
or is gone. Locust is imported for Locust files and for several workers alone.
"""

from __future__ import annotations

# gevent replaces parts of the standard library, which has to come before anything that uses them.
from gevent import monkey  # isort: skip

monkey.patch_all()

import gc
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

import gevent
from gevent.queue import Queue

from perfproof.core.redaction import MaskingStream, Redactor
from perfproof.errors import LoadError, UsageError
from perfproof.load.engine import LoadEngine
from perfproof.load.faults import end_on_faults
from perfproof.load.hosts import host
from perfproof.load.plan import LoadPlan, decode, line
from perfproof.load.rpc import LoadCommands, commands, dispatch, error_payload, settle


def main(descriptor: int) -> None:
    """Serve one parent over the socket ``descriptor`` until that closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interruption means
    channel = socket.socket(fileno=descriptor)
    lines = channel.makefile("rb")
    plan = decode(json.loads(lines.readline() or _gone()))
    sys.stdout = sys.stderr = MaskingStream(sys.stderr, Redactor(plan.secrets))
    settle(plan.cpus)
    try:
        engine, expected = _engine(plan)
    except (LoadError, UsageError) as error:
        channel.sendall(line({"number": 0, "error": error_payload(error)}))
        _gone()
    end_on_faults(engine.break_off, engine.found_secrets.redactor, expected)
    import pyarrow.parquet  # noqa: F401 - loaded now, so that no seal has to wait for it

    gc.collect()
    gc.freeze()  # what exists now lives as long as the process; no collection has to look at it again
    waiting: Queue = Queue()
    gevent.spawn(_listen, lines, waiting, engine)
    channel.sendall(line({"number": 0, "ok": {}}))
    known = commands(engine)
    while True:
        channel.sendall(line(dispatch(waiting.get(), known, engine.found_secrets)))


def _engine(plan: LoadPlan) -> tuple[LoadCommands, tuple[type[Exception], ...]]:
    """Return what carries out the plan, and the exceptions in code of a Locust file that it counts itself."""
    if plan.load.workers > 1 or plan.load.listen:
        from perfproof.load.locust.master import Master

        master = Master(plan)
        master.start()
        return master, ()
    if plan.locustfile is not None:
        from perfproof.load.locust.egress_guard import EgressRefusedError, StoppedError
        from perfproof.load.locust.engine import LocustEngine

        return LocustEngine(plan), (EgressRefusedError, StoppedError)
    sources = host(1 if plan.load.model == "open" else plan.load.users)
    return LoadEngine(plan, sources.put), ()


def _listen(lines: Any, waiting: Queue, engine: LoadCommands) -> None:
    """Pass commands on in their order, but obey ``abort`` at once; end the process when the parent is gone."""
    with suppress(OSError):  # reset, when the parent died with a reply unread
        while data := lines.readline():
            command = json.loads(data)
            if command["do"] == "abort":
                engine.abort()
            else:
                waiting.put(command)
    _gone()


def _gone() -> Any:
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
