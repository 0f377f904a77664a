"""Rate limits: sends a request until it is refused, looks at what the refusal says, waits, and sends again.

While it is refused, a second user asks (is the limit per user or per address?), and another request is timed (what does
the limiter cost the others?). Only requests that the settings name are sent: others would lock people out.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from statistics import median
from typing import Any

from perfproof.checks.arm import KnownRequest
from perfproof.checks.right_requests import left_alone
from perfproof.checks.security.access import other
from perfproof.checks.security.asking import Asking
from perfproof.documents.references import BrokenReferenceError
from perfproof.http.plain_client import Answer

_REFUSED = (429, 503)
_TIMES = 15
_PAUSE = 0.25
_SPARE = 3.0
"""Seconds that are left for what comes after a wait."""
_HEADERS = ("ratelimit", "ratelimit-policy", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset",
            "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-rate-limit-limit")  # fmt: skip


def ask_limits(asking: Asking, facts: list[dict[str, Any]]) -> None:
    """Add what was found of the limit of each request that the settings name."""
    wanted = asking.arm.settings.get("rate_limit") or {}
    known = {each.name: each for each in asking.arm.requests}
    for name in wanted.get("request") or ():
        request = known.get(name) or _of_document(asking, name)
        if request is None:
            asking.arm.left_out.append(
                f"the limit of {name} was not looked for: no request that can be sent, and no GET of the document, "
                "is so called"
            )
        elif not request.reads and not asking.arm.writes:
            asking.arm.left_out.append(
                f"the limit of {name} was not looked for: it writes (`writes: true`, or `safe: true` if it does not)"
            )
        else:
            beside = next((each for each in asking.arm.requests if each.reads and each.name != name), None)
            found: dict[str, Any] = {"request": name}
            facts.append(found)
            _Limit(asking, request, beside, int(wanted["most"]), float(wanted["window"]), found).look()


def _of_document(asking: Asking, name: str) -> KnownRequest | None:
    """Return the operation of the document that is called so (``GET /search``), as a right request; it only reads."""
    rightly = asking.rightly
    for operation in rightly.operations.found if rightly.operations is not None else ():
        if operation.name == name and operation.method == "GET" and not left_alone(operation.path):
            with suppress(BrokenReferenceError):
                if (target := rightly.target(operation)) is not None:
                    return KnownRequest(name, "GET", target, rightly.headers(operation), path=operation.path)
    return None


class _Limit:
    """One request whose limit is looked for; ``found`` takes what is seen as it is seen."""

    def __init__(
        self,
        asking: Asking,
        request: KnownRequest,
        beside: KnownRequest | None,
        most: int,
        window: float,
        found: dict[str, Any],
    ) -> None:
        self.asking, self.request, self.beside, self.most, self.window = asking, request, beside, most, window
        self.found = found

    def look(self) -> None:
        found = self.found
        found |= {
            "refusals": 0,
            "let_in": 0,
            "status": 0,
            "retry_after": None,
            "headers": [],
            "second": "",
            "forwarded": None,
        }
        found |= {
            "recovered_ms": None,
            "unrecovered": "",
            "truthful": None,
            "before_ms": [],
            "while_ms": [],
            "after_ms": [],
            "beside": "",
        }
        self._time("before_ms")
        began = time.monotonic()
        refusal, let_in = self._burst()
        found["let_in"] = let_in
        if refusal is None:
            return
        at = time.monotonic()
        found |= {"status": refusal.status, "headers": [name for name in _HEADERS if refusal.headers.get(name)]}
        said = _retry_after(refusal)
        found["retry_after"] = said
        self._by_whom()
        self._time("while_ms")
        if not self._wait(at, said):
            return
        found["recovered_ms"] = round((time.monotonic() - began) * 1e3, 1)
        self._time("after_ms")
        if self._left() > _SPARE:  # what was sent before, by other parts of the check, is no part of this window
            _, again = self._burst()
            found["let_in"] = max(let_in, again + 1)

    def _send(self, headers: Mapping[str, str] | None = None) -> Answer:
        request = self.request
        answer = self.asking.send(
            request.name, request.target, request.headers if headers is None else headers,
            method=request.method, body=request.body,
        )  # fmt: skip
        self.found["refusals"] += answer.status == 429
        if not request.reads and 0 < answer.status < 400:
            self.asking.arm.reset()
        return answer

    def _burst(self) -> tuple[Answer | None, int]:
        """Send until one is refused; return the refusal (None: none was) and how many were let in before."""
        for sent in range(self.most):
            answer = self._send()
            if answer.status == 429 or (answer.status in _REFUSED and answer.headers.get("retry-after")):
                return answer, sent
            if not answer.status:
                return None, sent
        return None, self.most

    def _by_whom(self) -> None:
        second = other(self.asking, self.request.headers, "second")
        if second is not None:
            answer = self._send(second)
            self.found["second"] = "address" if answer.status in _REFUSED else "user"
        forwarded = self._send({**self.request.headers, "X-Forwarded-For": "203.0.113.7"})
        self.found["forwarded"] = forwarded.status not in _REFUSED

    def _time(self, key: str) -> None:
        beside = self.beside
        if beside is None:
            return
        self.found["beside"] = beside.name
        for _ in range(_TIMES):
            answer = self.asking.send(
                beside.name, beside.target, beside.headers, method=beside.method, body=beside.body
            )
            if not 200 <= answer.status < 300:
                return
            self.found[key].append(round(answer.took * 1e3, 3))

    def _left(self) -> float:
        asker = self.asking.arm.asker
        return asker.seconds - (time.monotonic() - asker.began)

    def _wait(self, refused: float, said: float | None) -> bool:
        """Wait to be let in again, and tell whether it was when it had been said; False where it was not at all."""
        most = min(self.window, self._left() - _SPARE)
        first = min(most, said) if said is not None else _PAUSE
        if said is not None and said > most:
            self.found["unrecovered"] = (
                f"it says to come back after {said:g} s, and {max(0.0, most):.0f} s were left "
                "(`checks: {time: ...}`, `rate_limit: {window: ...}`)"
            )
            return False
        time.sleep(max(0.0, refused + first - time.monotonic()))
        while True:
            if self._send().status not in _REFUSED:
                late = time.monotonic() - refused
                self.found["truthful"] = None if said is None else late <= said + 1.5
                return True
            if time.monotonic() - refused + _PAUSE > most:
                self.found["unrecovered"] = f"it was not let in again within {most:.0f} s"
                self.found["truthful"] = None if said is None else False
                return False
            time.sleep(_PAUSE if most < 20 else 4 * _PAUSE)


def _retry_after(answer: Answer) -> float | None:
    """Return the seconds that ``Retry-After`` says (RFC 9110: a number, or a date); None if it cannot be read."""
    text = answer.headers.get("retry-after", "").strip()
    try:
        value = float(text)
    except ValueError:
        try:
            value = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(0.0, value) if math.isfinite(value) else None


def cost(found: Mapping[str, Any]) -> float | None:
    """Return the time of another request while this one was refused, as a share of what it is before and after."""
    before, during = times(found)
    return median(during) / median(before) if before and during and median(before) else None


def times(found: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """Return the times of another request while nothing was refused, and while this one was, without first ones."""
    return [*found["before_ms"][1:], *found["after_ms"][1:]], list(found["while_ms"][1:])
