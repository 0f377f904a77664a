"""Clients beside the load while a service is restarted: one asks for health, some keep a connection open."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import Counter
from http.client import HTTPException, HTTPResponse
from urllib.parse import urlsplit

from perfproof.rollout.timeline import RACE_NS, Told

EVERY = 0.025
"""Seconds between two questions for health."""
KEPT = 4
"""Connections that are kept open; every other one rests, the others send a request now and then."""
_REST = 0.1
_WITHIN = 2.0
_SECONDS_TO_END = 5.0


class Health(threading.Thread):
    """Asks one path again and again, each time on a new connection; ``told`` is what it was answered."""

    def __init__(self, base_url: str, path: str) -> None:
        super().__init__(daemon=True)
        self.told: list[Told] = []
        self._address, self._request = _asking(base_url, path, "close")
        self._over = threading.Event()

    def run(self) -> None:
        """Ask until told to end."""
        while not self._over.wait(EVERY):
            asked = time.monotonic_ns()
            status = self._ask()
            self.told.append(Told(asked, time.monotonic_ns(), status))

    def end(self) -> None:
        """Stop asking."""
        self._over.set()
        if self.is_alive():
            self.join(_SECONDS_TO_END)

    def _ask(self) -> int:
        try:
            with socket.create_connection(self._address, _WITHIN) as channel:
                channel.sendall(self._request)
                response = HTTPResponse(channel)
                response.begin()
                return response.status
        except ConnectionRefusedError:
            return 0
        except (OSError, HTTPException):
            return -1


class Keeper(threading.Thread):
    """Keeps one connection open and sends a request on it now and then, or (``resting``) only once.

    ``ends`` counts how its connections ended: ``announced`` (a response said ``Connection: close``), ``idle`` (closed
    while nothing was asked), ``reset`` (a reset instead of an orderly end), ``cut`` (a request that was sent on it got
    no answer), ``raced`` (closed in the moment in which one was sent). ``offered`` tells whether the service keeps
    connections at all.
    """

    def __init__(self, base_url: str, path: str, *, resting: bool) -> None:
        super().__init__(daemon=True)
        self.ends: Counter[str] = Counter()
        self.offered = False
        self._resting = resting
        self._address, self._request = _asking(base_url, path, "keep-alive")
        self._over = threading.Event()

    def run(self) -> None:
        """Keep a connection, and open another when it ended, until told to end."""
        while not self._over.is_set():
            try:
                with socket.create_connection(self._address, _WITHIN) as channel:
                    end = self._keep(channel)
            except OSError:
                self._over.wait(_REST)  # nobody listens: that is the load's to count
                continue
            if end:
                self.ends[end] += 1
            self._over.wait(_REST)

    def end(self) -> None:
        """Close the connection."""
        self._over.set()
        if self.is_alive():
            self.join(_SECONDS_TO_END)

    def _keep(self, channel: socket.socket) -> str:
        """Use one connection until it ends; return how, "" for one that was never kept or that is closed from here."""
        kept = False
        while True:
            sent = time.monotonic_ns()
            try:
                channel.sendall(self._request)
                response = HTTPResponse(channel)
                response.begin()
                response.read()
            except (OSError, HTTPException):
                late = time.monotonic_ns() - sent > RACE_NS
                return ("cut" if late else "raced") if kept else ""
            if response.will_close:
                return "announced" if kept else ""
            self.offered = kept = True
            ended = self._rest(channel)
            if ended is not None:
                return ended

    def _rest(self, channel: socket.socket) -> str | None:
        """Wait until the next request is due; return how the connection ended meanwhile, None if it stands."""
        until = time.monotonic() + _REST
        while not self._over.is_set():
            if select.select([channel], [], [], 0.02)[0]:
                try:
                    return "idle" if not channel.recv(4096) else "cut"
                except OSError:
                    return "reset"
            if not self._resting and time.monotonic() >= until:
                return None
        return ""


def _asking(base_url: str, path: str, connection: str) -> tuple[tuple[str, int], bytes]:
    parts = urlsplit(base_url)
    host = parts.hostname or "127.0.0.1"
    target = parts.path.rstrip("/") + "/" + path.lstrip("/")
    lines = (f"GET {target} HTTP/1.1", f"Host: {parts.netloc}", f"Connection: {connection}", "Accept: */*")
    return (host, parts.port or 80), ("\r\n".join(lines) + "\r\n\r\n").encode()
