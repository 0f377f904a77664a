"""Starts ``perfproof`` and its load process from an interpreter that has everything imported, by forking it.

A command takes up to a second of CPU to import what it needs, the load process half of that; the tests
start some two thousand of both. What runs here is the real thing, in a process and a session of its own, with its own
environment, folder, streams and exit code: only the imports are shared. What depends on how an interpreter starts
(``PYTHONPATH``, the encoding of a terminal) must start one: ``subprocess.Popen``.

A server (``python warm.py cli FD LOAD`` or ``load FD``) forks for each request that comes over its socket, and tells
the end over a pipe that came with it; it ends when nobody is left who might ask.
"""

from __future__ import annotations

import _socket  # the socket of the C library: Locust replaces the other in the server of load processes
import atexit
import functools
import gc
import io
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

_TAKEN = ("PYTHON", "LC_", "LANG", "LD_")
"""What an interpreter reads from its environment when it starts."""


class Warm:
    """Lends processes forked from one server for each kind, started when it is first needed."""

    def __init__(self) -> None:
        self.channels: dict[str, _socket.socket] = {}
        self.cpu = 0.0
        """Seconds of CPU that ended processes have used: they are no children of ours, so nobody else counts them."""

    def ask(self, kind: str, request: dict[str, Any], descriptors: list[int]) -> int:
        """Have a process forked; return a descriptor that tells ``PID``, then ``STATUS SECONDS``."""
        if kind not in self.channels:
            self._start("load")
            if kind == "cli":
                self._start("cli", self.channels["load"])
        told, tells = os.pipe()
        try:
            packed = array("i", [tells, *descriptors]).tobytes()
            # One packet, so that requests of several processes do not mix.
            rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)]
            self.channels[kind].sendmsg([json.dumps(request).encode()], rights)
        finally:
            os.close(tells)
        return told

    def _start(self, kind: str, *beside: _socket.socket) -> None:
        if kind in self.channels:
            return
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        fds = [each.fileno() for each in (theirs, *beside)]
        # It is not waited for: it ends when the last of those who may ask it has.
        subprocess.Popen(
            [sys.executable, __file__, kind, *map(str, fds)], pass_fds=fds, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        theirs.close()
        self.channels[kind] = ours


warm = Warm()


def _start(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in environ.items() if name.startswith(_TAKEN) and name != "PYTHONDONTWRITEBYTECODE"
    }


_MINE = _start(os.environ)


def fits(environ: Mapping[str, str]) -> bool:
    """Tell whether an interpreter of this environment would start as the servers do."""
    return _start(environ) == _MINE


class WarmProcess(subprocess.Popen):
    """A ``Popen`` whose process was forked by a warm server: the same in every way but that it is nobody's child."""

    def _execute_child(self, args, *rest):
        pass_fds, cwd, env = rest[3:6]
        p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite = rest[9:15]
        kind, words = args[0], args[1:]
        request = {"args": words, "cwd": str(cwd or Path.cwd()), "env": dict(env or os.environ)}
        streams = [0 if p2cread < 0 else p2cread, 1 if c2pwrite < 0 else c2pwrite, 2 if errwrite < 0 else errwrite]
        request["pass"] = list(pass_fds)
        self._told = os.fdopen(warm.ask(kind, request, [*streams, *pass_fds]), "rb", buffering=0)
        self._heard = b""
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)
        self._child_created = True
        while b"\n" not in self._heard:
            self._heard += self._told.read(64) or self._gone()
        pid, _, self._heard = self._heard.partition(b"\n")
        self.pid = int(pid)

    def _gone(self) -> NoReturn:
        raise AssertionError("the server of warm processes has died")

    def _try_wait(self, wait_flags):
        os.set_blocking(self._told.fileno(), not wait_flags & os.WNOHANG)
        while b"\n" not in self._heard:
            more = self._told.read(64)
            if more is None:
                return 0, 0
            if not more:
                self._heard = b"9 0\n"  # the server was killed, and what it forked with it
                break
            self._heard += more
        status, seconds = self._heard.split()
        warm.cpu += float(seconds)
        self._told.close()
        return self.pid, int(status)

    def _internal_poll(self, _deadstate=None, **_):
        if self.returncode is None and self._waitpid_lock.acquire(False):
            try:
                if self.returncode is None:
                    pid, status = self._try_wait(os.WNOHANG)
                    if pid == self.pid:
                        self._handle_exitstatus(status)
            finally:
                self._waitpid_lock.release()
        return self.returncode


def perfproof(*words: str, environ: dict[str, str], cold: bool = False, **options: Any) -> subprocess.Popen[Any]:
    """Start ``perfproof WORDS`` in a session of its own, warm if that makes no difference; ``options`` are Popen's."""
    if not cold and fits(environ):
        return WarmProcess(["cli", *words], env=environ, **options)
    assert "PERFPROOF_TEST_ENGINE" not in environ, "only a warm process can have another engine"
    return subprocess.Popen([sys.executable, "-m", "perfproof", *words], env=environ, start_new_session=True, **options)


# The server's side. ------------------------------------------------------------------------------------------------


def _import_cli() -> None:
    import importlib
    import pkgutil

    import perfproof.cli.app
    import perfproof.measure.run
    import perfproof.report
    import perfproof.store.repository  # noqa: F401

    for package in (
        "cli",
        "measure",
        "rounds",
        "report",
        "judge",
        "verdict",
        "stats",
        "store",
        "evidence",
        "scenario",
        "service",
    ):
        room = importlib.import_module(f"perfproof.{package}")
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if ".migrations" not in module.name and "__main__" not in module.name:
                importlib.import_module(module.name)
    for name in ("alembic.command", "alembic.config", "pyarrow.parquet", "pyarrow.compute", "rich.console",
                 "rich.table", "matplotlib.figure", "matplotlib.backends.backend_svg", "sqlalchemy.dialects.sqlite",
                 "perfproof.doctor", "perfproof.load.load_client"):  # fmt: skip
        importlib.import_module(name)
    _prepare()


def _prepare() -> None:
    """Have what each command makes anew from the same code: its options, and the templates of its pages."""
    import typer.main

    from perfproof.cli.app import app
    from perfproof.report.page import templating

    typer.main.get_command = functools.cache(typer.main.get_command)
    typer.main.get_command(app)
    environment = templating.environment()
    for name in environment.list_templates():
        environment.get_template(name)


def _run_cli(words: list[str]) -> None:
    import perfproof.load.load_client
    from perfproof.cli import main

    # The load process comes from a server, too. ``stand_in`` is a module that takes the place of the real engine.
    perfproof.load.load_client.subprocess = LoadSubprocess  # type: ignore[attr-defined,assignment]
    if stand_in := os.environ.pop("PERFPROOF_TEST_ENGINE", None):
        import importlib

        sys.path.insert(0, str(Path(__file__).parent))
        importlib.import_module(stand_in).take_its_place()
    sys.argv = ["perfproof", *words]
    main()


class LoadSubprocess:
    """What ``load/load_client.py`` uses of ``subprocess``, its load process forked from a server."""

    DEVNULL, TimeoutExpired = subprocess.DEVNULL, subprocess.TimeoutExpired

    @staticmethod
    def Popen(command: list[str], **options: Any) -> subprocess.Popen[bytes]:  # noqa: N802
        assert command[1:3] == ["-m", "perfproof.load.process"]
        if not fits(os.environ):
            return subprocess.Popen(command, **options)
        return WarmProcess(["load", *command[3:]], **options)


def _import_load() -> None:
    import gevent
    import pyarrow.parquet  # noqa: F401

    import perfproof.load.process  # noqa: F401 - and not Locust, which is only imported where it is asked for

    # gevent has made an event loop. Forked, its epoll would be shared; each process makes its own.
    gevent.get_hub().destroy(destroy_loop=True)


def _run_load(words: list[str]) -> None:
    from perfproof.load.process import main

    sys.argv = ["perfproof.load.process", *words]
    main(int(words[0]))


def _serve(kind: str, channel: _socket.socket) -> None:
    # What Locust replaces when it is imported is taken before.
    fork, waiting, poll, handle = os.fork, os.wait4, select.poll, signal.signal
    {"cli": _import_cli, "load": _import_load}[kind]()
    gc.collect()
    gc.freeze()
    wakes, wake = os.pipe()
    for each in (wakes, wake):
        os.set_blocking(each, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    handle(signal.SIGCHLD, lambda *_: None)
    tells: dict[int, int] = {}
    look = poll()
    look.register(channel.fileno(), select.POLLIN)
    look.register(wakes, select.POLLIN)
    while True:
        ready = [number for number, _ in look.poll()]
        if wakes in ready:
            os.read(wakes, 4096)
            _tell_ends(tells, waiting)
        if channel.fileno() not in ready:
            continue
        data, extra, *_ = channel.recvmsg(1 << 18, _socket.CMSG_SPACE(4 * 64))
        if not data:
            os._exit(0)
        fds = array("i")
        for _, _, packed in extra:
            fds.frombytes(packed)
        pid = fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            handle(signal.SIGCHLD, signal.SIG_DFL)
            channel.close()
            for each in (wake, wakes, *tells.values()):
                os.close(each)
            return _become(kind, json.loads(data), fds.tolist())
        tells[pid] = fds[0]
        os.write(fds[0], f"{pid}\n".encode())
        for fd in fds[1:]:
            os.close(fd)


def _tell_ends(tells: dict[int, int], waiting: Any) -> None:
    while tells:
        pid, status, used = waiting(-1, os.WNOHANG)
        if not pid:
            return
        tell = tells.pop(pid)
        with suppress(OSError):  # whoever has asked is gone
            os.write(tell, f"{status} {used.ru_utime + used.ru_stime:.2f}\n".encode())
        os.close(tell)


def _become(kind: str, request: dict[str, Any], fds: list[int]) -> None:
    """Be what was asked for: its session, folder, environment, streams and descriptors."""
    tell, stdin, stdout, stderr, *passed = fds
    os.close(tell)
    os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.stdout.flush()
    for fd, place in ((stdin, 0), (stdout, 1), (stderr, 2)):
        os.dup2(fd, place)
        os.close(fd)
    # The numbers that were passed may be those of others that were received: first out of the way, then in place.
    top = max([100, *request["pass"], *passed]) + 1
    moved = [os.dup2(fd, top + at, inheritable=False) for at, fd in enumerate(passed)]
    for fd in passed:
        os.close(fd)
    for fd, place in zip(moved, request["pass"], strict=True):
        os.dup2(fd, place, inheritable=False)
        os.close(fd)
    sys.stdin = open(0, encoding=sys.stdin.encoding, closefd=False)  # noqa: SIM115 - for good
    sys.stdout = _stream(1, sys.stdout, line_buffering=os.isatty(1))
    sys.stderr = _stream(2, sys.stderr, line_buffering=True)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    time.tzset()
    try:
        {"cli": _run_cli, "load": _run_load}[kind](request["args"])
    except SystemExit as ended:
        code = 0 if ended.code is None else ended.code
        if not isinstance(code, int):
            raise
        _leave(code)
    _leave(0)


def _leave(code: int) -> None:
    """End as an interpreter does, but for taking everything apart that was imported: that copies every page of it."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _stream(descriptor: int, like: Any, *, line_buffering: bool) -> io.TextIOWrapper:
    """Return what an interpreter makes of a descriptor when it starts."""
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    binary = open(descriptor, "wb", buffering=0 if unbuffered else -1, closefd=False)  # noqa: SIM115 - for good
    return io.TextIOWrapper(binary, like.encoding, like.errors, line_buffering=line_buffering, write_through=unbuffered)


if __name__ == "__main__":
    sys.modules["warm"] = sys.modules["__main__"]
    _kind, _mine, *_others = sys.argv[1:]
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for _each in _others:
        warm.channels["load"] = _socket.socket(fileno=int(_each))
    _serve(_kind, _socket.socket(fileno=int(_mine)))
