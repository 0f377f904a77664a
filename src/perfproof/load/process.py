"""The load process: hosts a Locust environment and obeys the parent's commands, JSON lines over an inherited socket.

Started as ``python -m perfproof.load.process FD``. It ends at once when the socket closes: the parent has had
enough, or is gone.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

# Locust replaces parts of the standard library when it is imported; it has to come before anything that uses them.
import locust  # isort: skip
import gc
import socket
import traceback

import gevent
from gevent.queue import Queue
from locust.env import Environment

from perfproof.errors import LoadError
from perfproof.load.engine import Engine
from perfproof.load.mask import MaskingStream
from perfproof.load.plan import decode, line
from perfproof.load.users import user_class


def main(descriptor: int) -> None:
    """Serve one parent over the socket ``descriptor`` until that closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interruption means
    channel = socket.socket(fileno=descriptor)
    lines = channel.makefile("rb")
    plan = decode(json.loads(lines.readline() or _gone()))
    sys.stdout = sys.stderr = MaskingStream(sys.stderr, plan.secrets)
    if plan.cpus:
        os.sched_setaffinity(0, plan.cpus)
    _allow_many_files()
    sources: Queue = Queue()
    engine = Engine(plan, sources.put)
    users = 1 if plan.load.model == "open" else plan.load.users
    environment = Environment(user_classes=[user_class(plan.load.model, sources)])
    runner = environment.create_local_runner()
    runner.start(users, spawn_rate=users)
    import pyarrow.parquet  # noqa: F401 - loaded now, so that no seal has to wait for it

    gc.collect()
    gc.freeze()  # what exists now lives as long as the process; no collection has to look at it again
    commands: Queue = Queue()
    gevent.spawn(_listen, lines, commands, engine)
    channel.sendall(line({"number": 0, "ok": {"locust": locust.__version__}}))
    _serve(channel, commands, _commands(engine))


def _commands(engine: Engine) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
    return {
        "open": lambda c: engine.open(c["arm"], c["url"]),
        "warm": lambda c: asdict(engine.warm(c["arm"], c["seconds"], c["requests"], fresh=c["fresh"])),
        "block": lambda c: asdict(engine.block(c["arm"], c["pair"], c["seconds"], c["seed"])),
        "probe": lambda c: engine.probe(c["arm"], c["request"], c["values"], fresh=c["fresh"]),
        "seal": lambda c: engine.seal(Path(c["path"])),
        "discard": lambda _: engine.discard(),
    }


def _listen(lines: Any, commands: Queue, engine: Engine) -> None:
    """Pass commands on in their order, but obey ``abort`` at once; end the process when the parent is gone."""
    while data := lines.readline():
        command = json.loads(data)
        if command["do"] == "abort":
            engine.abort()
        else:
            commands.put(command)
    _gone()


def _serve(channel: socket.socket, commands: Queue, known: Mapping[str, Callable[[Mapping[str, Any]], Any]]) -> None:
    while True:
        command = commands.get()
        reply: dict[str, Any] = {"number": command["number"]}
        try:
            reply["ok"] = known[command["do"]](command)
        except LoadError as error:
            reply["error"] = {"what": error.what, "why": error.why, "hint": error.hint}
        except Exception as error:  # noqa: BLE001 - the parent is told, and the log has the place
            traceback.print_exc()
            reply["error"] = {"what": f"the load process failed: {type(error).__name__}", "why": None, "hint": None}
        channel.sendall(line(reply))


def _gone() -> Any:
    os._exit(0)


def _allow_many_files() -> None:
    """Raise the limit of open files as far as allowed: every connection is one."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main(int(sys.argv[1]))
