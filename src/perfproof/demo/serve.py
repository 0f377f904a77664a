"""The demo with a supervisor: ``python -m perfproof.demo.serve --port 8000``. SIGHUP deploys, SIGTERM ends.

The supervisor holds the listening socket, so nobody is refused while processes change. With ``RESTARTS=kept`` a new
process is ready before the old one is told to go, and the old one finishes what is under way. With ``RESTARTS=broken``
the old one is killed first, and the new one says that it is ready before it is.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from types import FrameType

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perfproof.demo import promises

BACKLOG = 2048
WARMING = 0.4
"""Seconds in which a process that took over too early cannot answer yet."""
SETTLING = 1.0
"""Seconds in which an old worker, that accepts no more, still answers and says that it closes the connection."""
_LOOK = 0.02


class Supervisor:
    """Keeps one worker behind a socket of its own, and replaces it."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_server((host, port), backlog=BACKLOG, reuse_port=False)
        self.socket.set_inheritable(True)
        found = promises.from_environment()
        self.gently = found is None or found.restarts
        self.server_header = found is None or not found.headers
        self._asked = False
        self._ended = False
        self.worker = self._start()

    def run(self) -> int:
        """Replace the worker whenever SIGHUP asks for it, until SIGTERM or SIGINT ends both; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._take)
        while not self._ended:
            if self._asked:
                self._asked = False
                self._replace()
            if self.worker.poll() is not None and not self._ended:
                sys.stderr.write(f"the worker ended with {self.worker.returncode}\n")
                return 1
            time.sleep(_LOOK)
        self.worker.terminate()
        self.worker.wait()
        return 0

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._asked = True
        else:
            self._ended = True

    def _replace(self) -> None:
        old = self.worker
        if self.gently:
            # It tells by a pipe that it takes requests: asked for health, the old one might answer.
            self.worker = self._start(announced=True)
            old.terminate()
        else:
            old.kill()
            old.wait()
            self.worker = self._start(warming=WARMING)
        old.wait()

    def _start(self, *, warming: float = 0.0, announced: bool = False) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "perfproof.demo.serve", "--fd", str(self.socket.fileno())]
        words += [] if self.server_header else ["--no-server-header"]
        environment = {**os.environ, "WARMING": str(warming)}
        if not announced:
            return subprocess.Popen(words, env=environment, pass_fds=(self.socket.fileno(),))
        ready, told = os.pipe()
        words += ["--ready-fd", str(told)]
        worker = subprocess.Popen(words, env=environment, pass_fds=(self.socket.fileno(), told))
        os.close(told)
        os.read(ready, 1)  # also returns when the worker dies
        os.close(ready)
        return worker


class Ending:
    """ASGI middleware that closes each connection with its answer once the service is ``ending``."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.ending = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def send_on(message: Message) -> None:
            if self.ending and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self.app(scope, receive, send_on if scope["type"] == "http" else send)


def work(descriptor: int, ready: int | None, *, server_header: bool) -> None:
    """Serve on an inherited socket until SIGTERM; tell on ``ready`` (a pipe) when requests are taken."""
    import uvicorn

    from perfproof.demo.app import app

    service = Ending(app)

    class Telling(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if ready is not None:
                os.write(ready, b"1")
                os.close(ready)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # uvicorn closes whatever rests at once: what it accepted a moment ago, and what a client has just sent on.
            service.ending = True
            for server in self.servers:
                server.close()
            await asyncio.sleep(SETTLING)
            await super().shutdown(sockets)

    config = uvicorn.Config(
        service, log_level="warning", access_log=False, server_header=server_header, backlog=BACKLOG
    )
    # A worker that is ended closes its own copy of the socket; that of the supervisor, and so the queue, stays.
    Telling(config).run(sockets=[socket.socket(fileno=descriptor)])


def main() -> int:
    """Run the supervisor, or one worker."""
    parser = argparse.ArgumentParser(prog="python -m perfproof.demo.serve", description="The demo with a supervisor.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--fd", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--no-server-header", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.fd is None:
        return Supervisor(asked.host, asked.port).run()
    work(asked.fd, asked.ready_fd, server_header=not asked.no_server_header)
    return 0


if __name__ == "__main__":
    sys.exit(main())
