"""Starts ``perfproof`` and its load process from an interpreter that has everything imported, by forking it.

A command takes up to a second of CPU to import what it needs, the load process half of that; the tests
start some two thousand of both. What runs here is the real thing, in a process and a session of its own, with its own
environment, folder, streams and exit code: only the imports are shared. What depends on how an interpreter starts
(``PYTHONPATH``, the encoding of a terminal) must start one: ``subprocess.Popen``.

A server (``python warm.py cli FD`` or ``load FD``) forks for each request that comes over its sockets, and tells the
end over a pipe that came with it; it ends when nobody is left who might ask. All workers of a test run ask the same
two. For what needs Locust, which takes as long to import as all the rest, the server of load processes forks a third
one when it is first asked.
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
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace
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
        request["kind"] = kind
        # Commands and load processes that have others forked ask as we do, by our channel.
        asked, load = self.channel("cli" if kind == "cli" else "load"), self.channel("load")
        told, tells = os.pipe()
        try:
            packed = array("i", [tells, load.fileno(), *descriptors]).tobytes()
            # One packet, so that requests of several processes do not mix.
            rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)]
            asked.sendmsg([json.dumps(request).encode()], rights)
        finally:
            os.close(tells)
        return told

    def channel(self, kind: str) -> _socket.socket:
        """Return a connection to the server of this kind; whoever finds none starts it."""
        if kind in self.channels:
            return self.channels[kind]
        address = f"\0perfproof-{_RUN}-{kind}"
        while True:
            channel = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
            try:
                channel.connect(address)
            except ConnectionRefusedError:
                channel.close()
                self._start(kind, address)
            else:
                self.channels[kind] = channel
                return channel

    @staticmethod
    def _start(kind: str, address: str) -> None:
        listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        try:
            listener.bind(address)
            listener.listen(64)
        except OSError:
            time.sleep(0.01)  # another worker is just starting it
        else:
            # It is not waited for: it ends when the last of those who may ask it has.
            subprocess.Popen(
                [sys.executable, __file__, kind, str(listener.fileno())], pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        finally:
            listener.close()


_RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
warm = Warm()

_REAL = SimpleNamespace(fork=os.fork, wait4=os.wait4, poll=select.poll, signal=signal.signal)
"""What gevent and Locust replace when they are imported."""


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
        request["pass"], request["cores"] = list(pass_fds), sorted(os.sched_getaffinity(0))
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
    sys.path.insert(0, str(Path(__file__).parent))
    for name in ("pyarrow.parquet", "pyarrow.compute", "rich.console", "rich.table", "matplotlib.figure",
                 "matplotlib.backends.backend_svg", "sqlalchemy.dialects.sqlite", "pydantic.type_adapter",
                 "typer._adapters", "typer._click.decorators", "numpy.random", "encodings.idna", "encodings.utf_8_sig",
                 "perfproof.doctor", "perfproof.load.load_client", "fake_engine"):  # fmt: skip
        importlib.import_module(name)
    assert "gevent" not in sys.modules, "commands have nothing to do with it"
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
    from perfproof.cli import main

    # The load process comes from a server, too. ``stand_in`` is a module that takes the place of the real engine.
    lend_load_processes()
    if stand_in := os.environ.pop("PERFPROOF_TEST_ENGINE", None):
        import importlib

        importlib.import_module(stand_in).take_its_place()
    sys.argv = ["perfproof", *words]
    main()


_needs_locust: ContextVar[bool] = ContextVar("_needs_locust", default=False)


def lend_load_processes(replace: Callable[[Any, str, Any], None] = setattr) -> None:
    """Have every load process of this process forked from a server; ``replace`` sets an attribute."""
    from perfproof.load import load_client

    start = load_client.LoadProcess.start.__func__  # type: ignore[attr-defined]

    def begin(cls: Any, scenario: Any, **options: Any) -> Any:
        load = scenario.load
        _needs_locust.set(scenario.locustfile is not None or load.workers > 1 or bool(load.listen))
        return start(cls, scenario, **options)

    replace(load_client, "subprocess", LoadSubprocess)
    replace(load_client.LoadProcess, "start", classmethod(begin))


class LoadSubprocess:
    """What ``load/load_client.py`` uses of ``subprocess``, its load process forked from a server."""

    DEVNULL, TimeoutExpired = subprocess.DEVNULL, subprocess.TimeoutExpired

    @staticmethod
    def Popen(command: list[str], **options: Any) -> subprocess.Popen[bytes]:  # noqa: N802
        assert command[1:3] == ["-m", "perfproof.load.process"]
        if not fits(os.environ):
            return subprocess.Popen(command, **options)
        return WarmProcess(["locust" if _needs_locust.get() else "load", *command[3:]], **options)


class WorkerSubprocess:
    """What ``load/locust/master.py`` uses of ``subprocess``, its workers forked from a server."""

    PIPE, TimeoutExpired = subprocess.PIPE, subprocess.TimeoutExpired

    @staticmethod
    def Popen(command: list[str], **options: Any) -> subprocess.Popen[bytes]:  # noqa: N802
        assert command[1:3] == ["-m", "perfproof.load.locust.worker"]
        return WarmProcess(["worker", *command[3:]], **options)


def _import_load() -> None:
    import gevent
    import pyarrow.parquet  # noqa: F401

    import perfproof.load.process  # noqa: F401 - and not Locust, which is only imported where it is asked for

    # gevent has made an event loop. Forked, its epoll would be shared; each process makes its own.
    gevent.get_hub().destroy(destroy_loop=True)


def _import_locust() -> None:
    import gevent

    import perfproof.load.locust.engine
    import perfproof.load.locust.master
    import perfproof.load.locust.worker

    perfproof.load.locust.master.subprocess = WorkerSubprocess  # type: ignore[attr-defined,assignment]
    gevent.get_hub().destroy(destroy_loop=True)


def _run_load(words: list[str]) -> None:
    from perfproof.load.process import main

    sys.argv = ["perfproof.load.process", *words]
    main(int(words[0]))


def _run_worker(words: list[str]) -> None:
    from perfproof.load.locust.worker import main

    sys.argv = ["perfproof.load.locust.worker", *words]
    main(words[0], int(words[1]))


_IMPORTS = {"cli": _import_cli, "load": _import_load, "locust": _import_locust}
_RUNS = {"cli": _run_cli, "load": _run_load, "locust": _run_load, "worker": _run_worker}


def _serve(kind: str, listener: _socket.socket | None, *connected: _socket.socket) -> None:
    """Fork what those ask for who are connected, until nobody is any more."""
    _IMPORTS[kind]()
    gc.collect()
    gc.freeze()
    wakes, wake = os.pipe()
    for each in (wakes, wake):
        os.set_blocking(each, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    _REAL.signal(signal.SIGCHLD, lambda *_: None)
    tells: dict[int, int] = {}
    channels = {each.fileno(): each for each in connected}
    deeper: _socket.socket | None = None
    look = _REAL.poll()
    for number in (wakes, *channels, *([listener.fileno()] if listener else [])):
        look.register(number, select.POLLIN)

    def forked() -> int:
        pid = _REAL.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            _REAL.signal(signal.SIGCHLD, signal.SIG_DFL)
            for number in (wake, wakes, *tells.values()):
                os.close(number)
            for each in (listener, deeper, *channels.values()):
                if each is not None:
                    each.close()
        return pid

    def deeper_than(fds: array[int]) -> _socket.socket:
        """Return a connection to the server of what needs Locust, for which ``fds`` are not."""
        nonlocal deeper
        if deeper is None:
            ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
            if not forked():
                for number in (ours.detach(), *fds):
                    os.close(number)
                _serve("locust", None, theirs)
                os._exit(0)
            theirs.close()
            deeper = ours
        return deeper

    while True:
        # The first needs a while to connect, and there may be a moment between one that leaves and one that comes.
        ready = [number for number, _ in look.poll(None if channels else 10_000)]
        if not ready and not channels:
            os._exit(0)
        if wakes in ready:
            os.read(wakes, 4096)
            _tell_ends(tells)
        if listener is not None and listener.fileno() in ready:
            number, _ = listener._accept()
            channels[number] = _socket.socket(fileno=number)
            look.register(number, select.POLLIN)
        for number in [each for each in ready if each in channels]:
            data, extra, *_ = channels[number].recvmsg(1 << 18, _socket.CMSG_SPACE(4 * 64))
            if not data:
                look.unregister(number)
                channels.pop(number).close()
                if not channels and listener is None:
                    os._exit(0)
                continue
            fds = array("i")
            for _, _, packed in extra:
                fds.frombytes(packed)
            request = json.loads(data)
            if kind == "load" and request["kind"] != "load":
                deeper_than(fds).sendmsg([data], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, fds.tobytes())])
                for fd in fds:
                    os.close(fd)
                continue
            pid = forked()
            if not pid:
                return _become(request, fds.tolist())
            tells[pid] = fds[0]
            os.write(fds[0], f"{pid}\n".encode())
            for fd in fds[1:]:
                os.close(fd)


def _tell_ends(tells: dict[int, int]) -> None:
    while tells:
        pid, status, used = _REAL.wait4(-1, os.WNOHANG)
        if not pid:
            return
        tell = tells.pop(pid)
        with suppress(OSError):  # whoever has asked is gone
            os.write(tell, f"{status} {used.ru_utime + used.ru_stime:.2f}\n".encode())
        os.close(tell)


def _become(request: dict[str, Any], fds: list[int]) -> None:
    """Be what was asked for: its session, cores, folder, environment, streams and descriptors."""
    tell, channel, stdin, stdout, stderr, *passed = fds
    os.close(tell)
    os.setsid()
    os.sched_setaffinity(0, request["cores"])
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.stdout.flush()
    for fd, place in ((stdin, 0), (stdout, 1), (stderr, 2)):
        os.dup2(fd, place)
        os.close(fd)
    # The numbers that were passed may be those of others that were received: first out of the way, then in place.
    top = max([100, *request["pass"], channel, *passed]) + 1
    received = channel
    channel, *moved = (os.dup2(fd, top + at, inheritable=False) for at, fd in enumerate((channel, *passed)))
    for fd in (received, *passed):
        os.close(fd)
    for fd, place in zip(moved, request["pass"], strict=True):
        os.dup2(fd, place, inheritable=False)
        os.close(fd)
    sys.stdin = open(0, encoding=sys.stdin.encoding, closefd=False)  # noqa: SIM115 - for good
    sys.stdout = _stream(1, sys.stdout, line_buffering=os.isatty(1))
    sys.stderr = _stream(2, sys.stderr, line_buffering=True)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    time.tzset()
    warm.channels = {"load": _socket.socket(fileno=channel)}
    try:
        _RUNS[request["kind"]](request["args"])
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
    _kind, _mine = sys.argv[1:]
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    _serve(_kind, _socket.socket(fileno=int(_mine)))
