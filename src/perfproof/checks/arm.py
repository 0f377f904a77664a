"""What a check is given of an arm: the service that runs, what is known of it, and a client within limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from perfproof.checks.receiver import Receiver
from perfproof.documents.document import Document
from perfproof.errors import PerfproofError
from perfproof.http.plain_client import Answer, Client
from perfproof.model.scenario import Arm

_ACCEPT = "application/json, application/problem+json, */*;q=0.5"
"""What clients of an API say: a service that has pages as well need not guess."""
_REQUEST_WITHIN = 10.0
"""Seconds that an answer may take."""


class OverError(Exception):
    """The requests or the time that a check may take are used up; what was seen so far stands."""


class NotCheckedError(PerfproofError):
    """A check cannot be made here: says why, and what to do."""


@dataclass(frozen=True)
class KnownRequest:
    """A request of the scenario, filled as the load would send it."""

    name: str
    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    reads: bool = True
    path: str = ""
    """Its path as a template, with ``{name}`` where values stand."""
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class ProbeClient:
    """Sends one request at a time to one service; raises ``OverError`` when its requests or seconds are used up."""

    client: Client
    most: int
    seconds: float
    asked: int = 0
    began: float = field(default_factory=time.monotonic)
    _over: str = ""

    def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        *,
        data: Any = None,
        body: str | bytes | None = None,
    ) -> Answer:
        """Send one request without any cookie but those in ``headers``; a failure is an answer with a ``problem``."""
        left = self.seconds - (time.monotonic() - self.began)
        if self.asked >= self.most or left <= 0:
            self._over = (
                f"after {self.asked:,} requests (more: `checks: {{requests: ...}}`)"
                if self.asked >= self.most
                else f"after {self.seconds:g} s (more: `checks: {{time: ...}}`)"
            )
            raise OverError
        self.asked += 1
        self.client.cookies.clear()
        within = min(_REQUEST_WITHIN, max(0.5, left))
        sent = dict(headers or {})
        if not any(name.lower() == "accept" for name in sent):
            sent["Accept"] = _ACCEPT
        return self.client.send(method, target, sent, data=data, body=body, within=within)

    @property
    def over(self) -> str:
        """Return in words what is used up; "" while nothing is."""
        return self._over


@dataclass
class CheckedArm:
    """One arm, up and healthy, and what one check may do with it.

    ``settings`` are the check's own, ``headers`` let a request in (a token, a cookie; empty where none is needed).
    ``prefix`` stands before every path of the service. ``document`` is its OpenAPI document, or None and
    ``undocumented`` says why. ``writes`` says that requests of methods that write may be sent, if their bodies must
    fail; ``reset`` brings the data back then. ``statements`` runs a function that sends one request with the given
    headers, and returns how often each statement ran at the database meanwhile (by its fingerprint), or None where
    nothing counts; ``statement_text`` returns what such a fingerprint stands for, without any literal. ``set_cookies``
    are the ``Set-Cookie`` lines that the scenario's set-up was answered with. ``earlier`` are the facts of the same
    check on the arm before. ``run`` runs a command of the arm and returns its exit code and output. ``roll`` restarts
    the arm under load and returns the facts of it; None where it may not be restarted. ``printed`` returns what the arm
    printed from a byte on, unmasked; None where it was not started here. ``listener`` is what the check listens with,
    ``metrics`` the address where the service tells metrics of itself ("" where the scenario does not say). ``receiver``
    listens for webhooks, at the address that ``{webhook}`` stands for; None where the service was not told. ``refill``
    returns a request of the scenario by its name, filled anew for each call (the next row of a feed, another
    ``{uuid}``), None where it cannot be sent alone. ``left_out`` takes what was not done, and why.
    """

    arm: Arm
    asker: ProbeClient
    settings: Mapping[str, Any]
    requests: tuple[KnownRequest, ...] = ()
    prefix: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    document: Document | None = None
    undocumented: str = ""
    writes: bool = False
    reset: Callable[[], None] = lambda: None
    statements: Callable[[Callable[[Mapping[str, str]], Answer]], Mapping[str, int] | None] = lambda _: None
    statement_text: Callable[[str], str] = lambda _: ""
    set_cookies: tuple[str, ...] = field(default=(), repr=False)
    earlier: Mapping[str, Any] | None = None
    run: Callable[[str], tuple[int, str]] = lambda _: (127, "")
    roll: Callable[[], Mapping[str, Any]] | None = None
    printed: Callable[[int], bytes] | None = None
    listener: Any = None
    metrics: str = ""
    receiver: Receiver | None = None
    refill: Callable[[str], KnownRequest | None] = lambda _: None
    left_out: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Return the arm's name."""
        return self.arm.name
