"""The way out: one file of JSON lines per process, in a private directory that perfproof reads.

A file rather than a socket: it needs no reader, holds no one up, survives fork (each process opens its own) and keeps
what a crashed worker said. Lines: ``hello`` (a process), ``b``/``e`` (a request begins, ends), ``q`` (a statement),
``x`` (the agent failed somewhere; never with a value of the service), ``debug`` (a mode for developing is on),
``driver`` (a database driver that it watches, with its version).
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

_PRIVATE = 0o600
_state: dict[str, Any] = {"pid": None, "fd": None}


def send(*lines: dict[str, Any]) -> None:
    """Append lines at once; never raises."""
    try:
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
        os.write(_descriptor(), text.encode("utf-8", "backslashreplace"))
    except Exception:  # noqa: BLE001, S110 - a full disk or a directory that is gone must not reach the service
        pass


def complain(where: str, *, module: Any = None, lost: str = "") -> None:
    """Report that the agent failed in ``where``, with the place in the agent's code but without the message.

    ``module`` is what it could not be fitted to, whose version is told; ``lost`` what is not seen for it, in words.
    """
    try:
        kind, _, trace = sys.exc_info()
        line = 0
        while trace is not None:
            if "perfproof_agent" in trace.tb_frame.f_code.co_filename:
                line = trace.tb_lineno
            trace = trace.tb_next
        error = getattr(kind, "__name__", "")
        send({"k": "x", "where": where, "error": error, "line": line, "of": version_of(module), "lost": lost})
    except Exception:  # noqa: BLE001, S110 - see above
        pass


def version_of(module: Any) -> str:
    """Return ``psycopg 3.1.18``: the package that a module is of, with its version where it tells one by itself."""
    if module is None:
        return ""
    name = module.__name__.partition(".")[0]
    names = getattr(sys.modules.get(name), "__dict__", {})  # not getattr: some warn when they are asked
    version = names.get("__version__") or names.get("VERSION") or names.get("version")
    if isinstance(version, tuple):
        version = ".".join(str(part) for part in version[:3])
    if name in ("sqlite3", "threading", "concurrent", "multiprocessing", "wsgiref"):
        return "%s of Python %d.%d.%d" % ((name, *sys.version_info[:3]))
    return "%s %s" % (name, version.split()[0]) if isinstance(version, str) and version else name


def _descriptor() -> int:
    if _state["pid"] != os.getpid():  # first use, or a forked child
        directory = os.environ["PERFPROOF_AGENT_DIR"]
        name = "agent-%d-%s.jsonl" % (os.getpid(), os.urandom(4).hex())
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        _state["fd"] = os.open(os.path.join(directory, name), flags, _PRIVATE)
        _state["pid"] = os.getpid()
        hello = {"k": "hello", "pid": os.getpid(), "python": "%d.%d.%d" % sys.version_info[:3]}
        os.write(_state["fd"], (json.dumps(hello) + "\n").encode())
    descriptor: int = _state["fd"]
    return descriptor
