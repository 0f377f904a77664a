"""Where webhooks are delivered to: a server on this machine that notes what comes, and answers as it is told."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import quote

_PATH = "/webhook"
_MOST_BODY = 1024 * 1024
_MOST = 5000
"""Deliveries that are kept: one that comes without end must not fill the memory."""


@dataclass(frozen=True)
class Reaction:
    """How a delivery is answered: with a ``status``, after ``hold`` seconds."""

    status: int = 200
    hold: float = 0.0


@dataclass
class Delivery:
    """One request that came. ``at`` is on the monotonic clock, in seconds.

    ``answered`` is the status it was given (0: not yet), ``given_up`` that whoever sent it did not wait for that, and
    ``ended`` when either was. ``planned`` says that it was answered as the plan of reactions says.
    """

    at: float
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    answered: int = 0
    given_up: bool = False
    ended: float = 0.0
    planned: bool = False


class Receiver:
    """Listens on 127.0.0.1 while it is entered. ``told`` says that the service knows its address."""

    def __init__(self) -> None:
        self.told = False
        self.deliveries: list[Delivery] = []
        self._plan: list[Reaction] = []
        self._spare: Callable[[Delivery], bool] = lambda _: False
        self._changed = threading.Condition()
        self._over = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def log_message(self, *_: Any) -> None:
                pass

            def do_POST(self) -> None:
                receiver.take(self)

            do_PUT = do_POST  # noqa: N815

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{_PATH}"

    def __enter__(self) -> Receiver:
        """Begin to listen."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Listen no more; what is held is let go."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def react(self, *plan: Reaction, spare: Callable[[Delivery], bool] = lambda _: False) -> None:
        """Answer what comes next as ``plan`` says, one after the other, and all after that with 200 at once.

        What ``spare`` holds of (a late try of an earlier event, one that is not needed any more) is answered with 200,
        and is none of the plan's.
        """
        with self._changed:
            self._plan, self._spare = list(plan), spare

    def wait(self, enough: Callable[[list[Delivery]], bool], until: float) -> bool:
        """Wait until ``enough`` holds of the deliveries, or the monotonic clock says ``until``; tell which it was."""
        with self._changed:
            while not enough(self.deliveries):
                left = until - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return enough(self.deliveries)
        return True

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        """Note a delivery and answer it."""
        at = time.monotonic()
        handler.close_connection = True
        length = handler.headers.get("Content-Length") or "0"
        try:
            body = _chunked(handler) if "chunked" in (handler.headers.get("Transfer-Encoding") or "") else (
                handler.rfile.read(min(int(length), _MOST_BODY))
            )  # fmt: skip
        except (OSError, ValueError):
            body = b""
        delivery = Delivery(at, {name.lower(): value for name, value in handler.headers.items()}, body)
        with self._changed:
            delivery.planned = bool(self._plan) and not self._spare(delivery)
            reaction = self._plan.pop(0) if delivery.planned else Reaction()
            if len(self.deliveries) < _MOST:
                self.deliveries.append(delivery)
            self._changed.notify_all()
        if reaction.hold:
            delivery.given_up = self._held(handler.connection, reaction.hold)
        delivery.ended = time.monotonic()
        with suppress(OSError):
            handler.send_response(reaction.status)
            handler.send_header("Content-Length", "0")
            handler.send_header("Connection", "close")
            handler.end_headers()
            handler.wfile.flush()
        with self._changed:
            delivery.answered = reaction.status
            self._changed.notify_all()

    def _held(self, connection: socket.socket, seconds: float) -> bool:
        """Wait so long; tell whether the other side has closed meanwhile."""
        until = time.monotonic() + seconds
        while not self._over.is_set() and (left := until - time.monotonic()) > 0:
            connection.settimeout(min(0.1, left))
            try:
                if not connection.recv(1, socket.MSG_PEEK):
                    return True
                self._over.wait(0.05)  # it has sent more, and waits
            except TimeoutError:
                continue
            except OSError:
                return True
        connection.settimeout(30)
        return False


def named_in(url: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bool:
    """Tell whether an address stands anywhere in a request, plainly or encoded."""
    texts = (target, (body or b"").decode("utf-8", "replace"), *headers.values())
    return any(each in text for text in texts for each in (url, quote(url, safe=""), json.dumps(url)[1:-1]))


def _chunked(handler: BaseHTTPRequestHandler) -> bytes:
    """Return a body that comes in chunks."""
    parts: list[bytes] = []
    size = 0
    while (length := int(handler.rfile.readline(100).partition(b";")[0] or b"0", 16)) and size < _MOST_BODY:
        parts.append(handler.rfile.read(length))
        handler.rfile.readline(10)
        size += length
    return b"".join(parts)
