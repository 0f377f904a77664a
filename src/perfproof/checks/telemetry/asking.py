"""Sends requests one at a time, each with ids of its own, and notes what each left in log, metrics and traces."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from perfproof.checks.arm import CheckedArm, OverError
from perfproof.checks.right_requests import Rightly, left_alone
from perfproof.checks.telemetry.logs import Window, log_facts
from perfproof.checks.telemetry.own_metrics import metrics_facts
from perfproof.checks.telemetry.traces import trace_facts
from perfproof.documents.references import BrokenReferenceError
from perfproof.http.message import TRACE
from perfproof.http.plain_client import Answer

NOWHERE = "/perfproof-no-such-path"
UNKNOWN = 2_000_000_011
"""An id that no table of a service under test reaches."""
MOST_TARGETS = 25
_MOST_WRONG = 6
_SETTLES = 0.02
_PATIENCE = 0.25
_QUIET_AFTER = 4
"""Requests without a line in the log after which none is waited for any more."""


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
    """One request that was sent, with the ids that name it and the facts of it."""

    target: Target
    trace: str
    span: str
    ids: frozenset[str]
    status: int
    start: int
    facts: dict[str, Any]


@dataclass
class Asking:
    """Asks one arm; remembers what was sent."""

    arm: CheckedArm
    sent: list[Sent] = field(default_factory=list)
    _silent: int = 0
    _offset: int = 0

    def __post_init__(self) -> None:
        self._offset = self._size(0)

    @property
    def began(self) -> int:
        """Return how much had been printed before the first request."""
        return self.sent[0].start if self.sent else self._offset

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
        answer = self.arm.asker.ask(target.method, target.path, headers, body=target.body)
        told = answer.headers.get(name.lower(), "").lower()
        _, trace_id, span_id, _ = (*trace.split("-"), "", "", "", "")[:4]
        ids = frozenset(each for each in (trace_id, request_id, told) if len(each) >= 8)
        facts = {"name": target.name, "status": answer.status, "right": target.right, "statements": None}
        self._settle(start)
        self.sent.append(Sent(target, trace_id, span_id, ids, answer.status, start, facts))
        return answer

    def _settle(self, start: int) -> None:
        """Wait until nothing more is printed, or for as long as a line may take to come."""
        if self.arm.printed is None or self._silent >= _QUIET_AFTER:
            return
        deadline, size, since = time.monotonic() + _PATIENCE, start, time.monotonic()
        while time.monotonic() < deadline:
            now = self._size(start)
            if now != size:
                size, since = now, time.monotonic()
            elif size > start and time.monotonic() - since >= _SETTLES:
                break
            time.sleep(0.005)
        self._offset = size
        self._silent = 0 if size > start else self._silent + 1

    def _size(self, start: int) -> int:
        return start + len(self.arm.printed(start)) if self.arm.printed is not None else 0


def observe(arm: CheckedArm) -> dict[str, Any]:
    """Return the facts of one arm; what could not be asked any more is told by what its client says."""
    asking, rightly = Asking(arm), Rightly(arm)
    metrics: dict[str, Any] = {"state": "unasked", "why": "no request was left to ask for them"}
    with suppress(OverError):
        targets = _right_targets(arm, rightly)
        wrong = _wrong_targets(arm, rightly)
        for target in targets:
            answer = asking.send(target)
            if 200 <= answer.status < 400:
                for _ in range(int(arm.settings.get("repeats") or 1) - 1):
                    asking.send(target)
                asking.count(target)
        for target in wrong:
            asking.send(target)
            asking.send(target)
        good = [each.target for each in asking.sent if each.target.right and 200 <= each.status < 300]
        metrics = metrics_facts(arm, asking, good[0] if good else None, next((w for w in wrong if w.unknown), None))
    if not asking.sent:
        raise OverError
    windows = [Window(each.start, each.ids, each.facts) for each in asking.sent]
    log = log_facts(arm, windows, asking.began)
    traces = trace_facts(arm, [(each.trace, each.span, each.facts) for each in asking.sent])
    return {"requests": [each.facts for each in asking.sent], "log": log, "metrics": metrics, "traces": traces}


def _right_targets(arm: CheckedArm, rightly: Rightly) -> list[Target]:
    """Return right requests that read: those of the scenario, then what else the document names."""
    ignored = set(arm.settings.get("ignore") or ())
    found: dict[tuple[str, str], Target] = {}
    for request in arm.requests:
        if request.reads and request.name not in ignored and not left_alone(request.path):
            target = Target(request.name, request.method, request.target, request.headers, request.body)
            found.setdefault((request.method, request.target.partition("?")[0]), target)
    for operation in rightly.operations.found if rightly.operations is not None else ():
        skipped = operation.name in ignored or left_alone(operation.path) or rightly.barred(operation)
        if operation.method != "GET" or skipped or len(found) >= MOST_TARGETS:
            continue
        with suppress(BrokenReferenceError):
            path = rightly.target(operation)
            if path is not None and not rightly.guessed:
                target = Target(operation.name, "GET", path, rightly.headers(operation))
                found.setdefault(("GET", path.partition("?")[0]), target)
    return list(found.values())[:MOST_TARGETS]


def _wrong_targets(arm: CheckedArm, rightly: Rightly) -> list[Target]:
    return list(_wrongs(arm, rightly))[:_MOST_WRONG]


def _wrongs(arm: CheckedArm, rightly: Rightly) -> Iterator[Target]:
    """Yield requests for what is not there: errors that do no harm."""
    yield Target("unknown path", "GET", rightly.prefix + NOWHERE, arm.headers, right=False)
    ignored = set(arm.settings.get("ignore") or ())
    for operation in rightly.operations.found if rightly.operations is not None else ():
        skipped = operation.name in ignored or left_alone(operation.path) or rightly.barred(operation)
        if operation.method != "GET" or skipped or not operation.path.endswith("}"):
            continue
        last = operation.path.rpartition("{")[2].rstrip("}")
        with suppress(BrokenReferenceError):
            path = rightly.target(operation, values={last: UNKNOWN})
            if path is not None:
                name = f"{operation.name} (unknown id)"
                yield Target(name, "GET", path, rightly.headers(operation), right=False, unknown=str(UNKNOWN))
