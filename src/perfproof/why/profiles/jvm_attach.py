"""Talks to a running JVM as the JDK's ``jcmd`` does, which a plain runtime (Debian's default-jre) does not have.

HotSpot starts to listen on a Unix socket when a file ``.attach_pidN`` lies in /tmp and it is sent SIGQUIT. Only its own
user (and root) may connect.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

from perfproof.why.profiles.engine import UnavailableError

LISTENS_WITHIN = 10.0
ANSWERS_WITHIN = 60.0
_POLL = 0.02
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\(.)")


def jcmd(pid: int, command: str) -> str:
    """Return what the JVM answers to a diagnostic command; UnavailableError where it refuses."""
    return _asked(pid, "jcmd", command)


def properties(pid: int) -> dict[str, str]:
    """Return the system properties of the JVM."""
    found = {}
    for line in _asked(pid, "properties").splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found[key] = _ESCAPED.sub(lambda each: chr(int(each[1], 16)) if each[1] else each[2], value)
    return found


def forget(pid: int) -> None:
    """Remove the socket of a JVM that was killed, which it does itself only if it ends in order."""
    if not Path(f"/proc/{pid}").exists():
        with suppress(OSError):
            Path(f"/tmp/.java_pid{pid}").unlink(missing_ok=True)  # noqa: S108 - the JVM decides on the place


def _asked(pid: int, *words: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWERS_WITHIN)
        try:
            connection.connect(_listening(pid))
            # Version of the protocol, then always a name and three arguments.
            parts = ["1", *words, *[""] * (4 - len(words))]
            connection.sendall(b"".join(part.encode() + b"\0" for part in parts))
            answer = b""
            while part := connection.recv(65536):
                answer += part
        except OSError as error:
            raise UnavailableError("the JVM does not talk to a tool", why=error.strerror or str(error)) from error
    code, _, text = answer.decode("utf-8", "replace").partition("\n")
    if code.strip() != "0":
        said = next((line for line in text.splitlines() if line.strip()), f"code {code.strip()}")
        raise UnavailableError("the JVM refuses", why=said.strip()[:200])
    return text


def _listening(pid: int) -> str:
    """Return the socket of the JVM, once it listens there."""
    temporary = f"/proc/{pid}/root/tmp"  # as the JVM sees it: it may be in a container
    path = f"{temporary}/.java_pid{_number_inside(pid)}"
    if Path(path).exists():
        return path
    if not _handles_quit(pid):
        raise UnavailableError(
            "the JVM takes no tool", why="it does not handle SIGQUIT, and would be ended by it (-Xrs)"
        )
    trigger = Path(f"{temporary}/.attach_pid{_number_inside(pid)}")
    try:
        trigger.touch(mode=0o600)
    except OSError as error:
        raise UnavailableError("the JVM is another user's", why=error.strerror) from error
    try:
        deadline = time.monotonic() + LISTENS_WITHIN
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGQUIT)
        while time.monotonic() < deadline and Path(f"/proc/{pid}").exists():
            if Path(path).exists():
                return path
            time.sleep(_POLL)
    except PermissionError as error:
        raise UnavailableError("the JVM is another user's", why=error.strerror) from error
    finally:
        trigger.unlink(missing_ok=True)
    raise UnavailableError(
        "the JVM takes no tool", why="it does not listen (-XX:+DisableAttachMechanism, or no HotSpot)"
    )


def _handles_quit(pid: int) -> bool:
    caught = _status(pid, "SigCgt")
    return bool(caught) and bool(int(caught, 16) & 1 << (signal.SIGQUIT - 1))


def _number_inside(pid: int) -> str:
    """Return the process's number in its own namespace of them."""
    return (_status(pid, "NSpid") or str(pid)).split()[-1]


def _status(pid: int, name: str) -> str:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:")), "")
