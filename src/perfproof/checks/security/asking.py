"""Sends what the check asks, lets every answer be looked at, and counts statements where something counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from perfproof.checks.arm import CheckedArm
from perfproof.checks.right_requests import Rightly
from perfproof.checks.security.watching import Watched
from perfproof.core.redaction import sounds_secret
from perfproof.documents.operations import Operation
from perfproof.http.plain_client import Answer

PAGE = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.5"
"""What browsers say that they accept: services that have pages show them then."""
FOREIGN = "https://perfproof.invalid"
"""A page that is no friend of the service; the name can never be registered (RFC 2606)."""
_PATIENCE = 3
"""Requests in a row that nothing could count before counting is given up."""
_LONG = 8


class Asking:
    """One arm being asked: ``watched`` is what its answers gave away, ``rightly`` knows right requests."""

    def __init__(self, arm: CheckedArm) -> None:
        self.arm = arm
        self.rightly = Rightly(arm)
        self.ignored = set(arm.settings.get("ignore") or ())
        self.credentials = {name.lower(): value for name, value in arm.headers.items()}
        self.refused = 0
        environment = arm.arm.service.environment
        self.watched = Watched(
            session=frozenset(self.cookies),
            secure=arm.asker.client.base.startswith("https:"),
            known={value: name for name, value in environment.items() if sounds_secret(name) and len(value) >= _LONG},
            own=frozenset(arm.headers.values()),
        )
        self.watched.cookies_set(arm.set_cookies)
        self._uncounted = 0

    @property
    def cookies(self) -> dict[str, str]:
        """Return the cookies that let requests in."""
        pairs = (each.strip().partition("=") for each in self.credentials.get("cookie", "").split(";") if "=" in each)
        return {name: value for name, _, value in pairs}

    @property
    def counts(self) -> bool:
        """Tell whether statements may still be counted."""
        return self._uncounted < _PATIENCE

    def send(
        self,
        name: str,
        target: str,
        headers: Mapping[str, str],
        *,
        method: str = "GET",
        body: bytes | None = None,
        right: bool = False,
    ) -> Answer:
        """Send one request of the endpoint ``name``; ``right`` says that it is as its clients send it."""
        answer = self.arm.asker.ask(method, target, headers, body=body)
        self.refused += answer.status == 429
        self.watched.look(name, target, answer, right=right)
        return answer

    def write(self, operation: Operation, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a body that must fail; a service that takes it all the same has its data put back."""
        answer = self.send(operation.name, target, headers, method=operation.method, body=body)
        if 0 < answer.status < 400:
            self.arm.reset()
        return answer

    def counted(self, send: Callable[[Mapping[str, str]], Answer]) -> tuple[Answer, Mapping[str, int] | None]:
        """Return what ``send`` was answered with, and the statements that ran meanwhile, None if nothing counted."""
        found: list[Answer] = []

        def once(headers: Mapping[str, str]) -> Answer:
            found.append(send(headers))
            return found[-1]

        seen = self.arm.statements(once) if self.counts else None
        if not found:
            self._uncounted = _PATIENCE
            return send({}), None
        self._uncounted = 0 if seen is not None else self._uncounted + 1
        return found[-1], seen
