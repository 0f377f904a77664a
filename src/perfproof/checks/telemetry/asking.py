"""Sends requests one at a time, each with ids of its own, and notes what each left in log, metrics and traces."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from perfproof.checks.arm import CheckedArm
from perfproof.checks.telemetry.logs import Window
from perfproof.http.message import TRACE
from perfproof.http.plain_client import Answer

_SETTLES = 0.02
_PATIENCE = 0.25
_SHORT = 0.1
"""Seconds that a line is waited for at least by a service whose lines come at once."""
_SHOWN = 5
"""Requests with lines in the log that show how late these come."""
_QUIET_AFTER = 4
"""Requests without a line in the log after which one is hardly waited for any more."""


@dataclass(frozen=True)
class Target:
    """A request that can be sent again: ``unknown`` is the id in it that nothing has."""

    name: str
    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    right: bool = True
    unknown: str = ""


@dataclass
class Sent:
    """One request that was sent (``at``, on the monotonic clock), with the ids that name it and the facts of it."""

    target: Target
    trace: str
    span: str
    ids: frozenset[str]
    status: int
    facts: dict[str, Any]
    at: float


Done = TypeVar("Done")


@dataclass
class Asking:
    """Asks one arm; remembers what was sent, and from which byte of the log on each request was under way."""

    arm: CheckedArm
    sent: list[Sent] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    _silent: int = 0
    _offset: int = 0
    _late: list[float] = field(default_factory=list)

    def aside(self, ask: Callable[[], Done]) -> Done:
        """Do something that also asks the service, but whose lines in the log are nobody's."""
        start = self._offset
        self.windows.append(Window(start, frozenset(), {}))
        try:
            return ask()
        finally:
            self._settle(start)

    def send(self, target: Target) -> Answer:
        """Send a request once, named by a header and a trace, and wait until what it has logged is there."""
        trace, span, request_id = secrets.token_hex(16), secrets.token_hex(8), secrets.token_hex(16)
        return self._sent(target, f"00-{trace}-{span}-01", request_id)

    def count(self, target: Target) -> None:
        """Send a request once more while statements are counted at the database."""

        def once(headers: Mapping[str, str]) -> Answer:
            given = headers.get(TRACE, "")
            return self._sent(target, given, secrets.token_hex(16), headers)

        before = len(self.sent)
        seen = self.arm.statements(once)
        if seen is not None and len(self.sent) > before:
            self.sent[-1].facts["statements"] = sum(seen.values())

    def _sent(self, target: Target, trace: str, request_id: str, more: Mapping[str, str] | None = None) -> Answer:
        start = self._offset
        name = str(self.arm.settings.get("request_id") or "X-Request-Id")
        headers = {**target.headers, **(more or {}), TRACE: trace, name: request_id}
        at = time.monotonic()
        answer = self.arm.asker.ask(target.method, target.path, headers, body=target.body)
        told = answer.headers.get(name.lower(), "").lower()
        _, trace_id, span_id, _ = (*trace.split("-"), "", "", "", "")[:4]
        ids = frozenset(each for each in (trace_id, request_id, told) if len(each) >= 8)
        facts = {"name": target.name, "status": answer.status, "right": target.right, "statements": None}
        self._settle(start)
        self.windows.append(Window(start, ids, facts))
        self.sent.append(Sent(target, trace_id, span_id, ids, answer.status, facts, at))
        return answer

    def _settle(self, start: int) -> None:
        """Wait until nothing more is printed, or for as long as a line may take to come.

        Of a service that logs nothing of most requests little is awaited: it may still log those that fail. One whose
        lines have come soon so far is given a few times as long.
        """
        if self.arm.printed is None:
            return
        began = since = time.monotonic()
        deadline, size = began + self._patience(), start
        while time.monotonic() < deadline:
            now = self._size(start)
            if now != size:
                since = time.monotonic()
                if size == start:
                    self._late.append(since - began)
                    deadline = max(deadline, since + _PATIENCE)
                size = now
            elif size > start and time.monotonic() - since >= _SETTLES:
                break
            time.sleep(0.005)
        self._offset = size
        self._silent = 0 if size > start else self._silent + 1

    def _patience(self) -> float:
        """Return the seconds that a first line may take to come."""
        if self._silent >= _QUIET_AFTER:
            return _SETTLES
        return min(_PATIENCE, max(_SHORT, 4 * max(self._late))) if len(self._late) >= _SHOWN else _PATIENCE

    def _size(self, start: int) -> int:
        return start + len(self.arm.printed(start)) if self.arm.printed is not None else 0
