"""Sends the request that causes webhooks, one at a time, and notes what is delivered; fails deliveries, too.

What is kept are times, counts and statuses: no body, no id, no signature, no secret.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

from perfproof.checks.arm import CheckedArm, KnownRequest, NotCheckedError, OverError
from perfproof.checks.receiver import Delivery, Reaction, Receiver, named_in
from perfproof.checks.webhooks.pauses import ENOUGH, alike
from perfproof.checks.webhooks.signing import header_of, verify
from perfproof.http.json_paths import find_one
from perfproof.http.plain_client import Answer

_ID_HEADERS = (
    "webhook-id", "x-webhook-id", "x-event-id", "x-github-delivery", "x-shopify-webhook-id", "x-delivery-id", "ce-id",
    "idempotency-key",
)  # fmt: skip
_ID_FIELDS = ("id", "event_id", "eventId", "delivery_id", "uuid", "message_id")
_KIND_FIELDS = ("type", "event", "event_type", "topic", "action")
_NOTICED = 0.1
"""Seconds that an answer has to be held for this to be told from chance."""
_INLINE = 0.5
"""Share of the time that an answer was held by which the cause took longer than usual, if it has waited for it."""


@dataclass
class _Watch:
    """One arm that is watched. ``known`` are the events delivered so far, and whether one was taken well.

    ``bodies`` are those that came (hashed), each with the cause it came after first; ``alike`` says that different
    causes have the same, so that a body does not tell which event it is of.
    """

    arm: CheckedArm
    receiver: Receiver
    seen: int = 0
    known: dict[str, bool] = field(default_factory=dict)
    bodies: dict[str, int] = field(default_factory=dict)
    alike: bool = False
    cause: int = 0

    def fresh(self) -> list[Delivery]:
        """Return the deliveries that were not looked at yet."""
        found = self.receiver.deliveries[self.seen :]
        self.seen += len(found)
        for each in found:
            self.alike |= self.bodies.setdefault(_hashed(each.body), self.cause) != self.cause
        return found

    def left(self, seconds: float) -> float:
        """Return until when to wait so long on the monotonic clock, or until the check's time is used up."""
        asker = self.arm.asker
        return min(time.monotonic() + seconds, asker.began + asker.seconds)


def watch(arm: CheckedArm) -> dict[str, Any]:
    """Return the facts of one arm; what cannot be watched is told in ``why``."""
    settings = arm.settings
    facts: dict[str, Any] = {
        "why": "", "request": settings["request"] or "", "events": settings["events"], "within": settings["within"],
        "causes": [], "failures": [], "deliveries": 0, "signed": {}, "unsigned_why": "",
    }  # fmt: skip
    why = _hindrance(arm)
    if why or arm.receiver is None:
        facts["why"] = why
        return facts
    seen = _Watch(arm, arm.receiver)
    with suppress(OverError):  # what was seen so far stands
        for _ in range(settings["times"]):
            facts["causes"].append(_cause(seen))
        if settings["retries"] and any(not each["lost"] for each in facts["causes"]):
            usual = median(each["took_ms"] for each in facts["causes"]) / 1000
            facts["failures"].append(_failed(seen, "500", usual, *[Reaction(500)] * ENOUGH))
            if settings["hold"]:
                held = Reaction(200, float(settings["hold"]))
                facts["failures"].append(_failed(seen, "timeout", usual, held))
    facts["deliveries"] = len(arm.receiver.deliveries)
    facts["signed"], facts["unsigned_why"] = _signed(arm, arm.receiver.deliveries)
    return facts


def _hindrance(arm: CheckedArm) -> str:
    """Return why nothing can be watched, and what to do; "" where it can."""
    name = arm.settings["request"]
    if not name:
        return "it does not know what causes a webhook: `checks: {webhooks: {request: NAME OF A REQUEST}}`"
    if not arm.writes:
        return "the request that causes a webhook writes: allow it with `checks: {writes: true}` and a service.reset"
    if arm.receiver is None:
        return "nothing listens for webhooks here: let perfproof start the service (`command:` in place of `url:`)"
    request = arm.refill(name)
    if request is None:
        return f"{name} cannot be sent alone (a stream, a step of a flow, or no request of that name)"
    if not arm.receiver.told and not named_in(arm.receiver.url, request.target, request.headers, request.body):
        return (
            "nothing tells the service where to deliver: write {webhook} where the address belongs, in the request,"
            " in the set-up or in the service's environment (which takes a service that perfproof starts)"
        )
    return ""


def _send(seen: _Watch) -> tuple[float, Answer]:
    """Send the cause once, filled anew, and return when, and what was answered."""
    request: KnownRequest | None = seen.arm.refill(str(seen.arm.settings["request"]))
    if request is None:
        raise NotCheckedError("the request cannot be filled any more", hint="give its feed more rows")
    seen.cause += 1
    at = time.monotonic()
    answer = seen.arm.asker.ask(request.method, request.target, request.headers, body=request.body)
    if not 200 <= answer.status < 400:
        raise NotCheckedError(
            f"{request.name} was answered with {answer.problem or f'status {answer.status}'}, so it causes nothing",
            hint="correct the request, or what the reset brings back",
        )
    return at, answer


def _cause(seen: _Watch) -> dict[str, Any]:
    """Cause webhooks once and return what came of it."""
    settings, receiver = seen.arm.settings, seen.receiver
    before = len(receiver.deliveries)
    at, answer = _send(seen)
    wanted = before + settings["events"]
    receiver.wait(lambda all_: len(all_) >= wanted, seen.left(settings["within"]))
    receiver.wait(lambda _: False, seen.left(settings["settle"] / 1000))
    came = seen.fresh()
    new, again, first = 0, 0, None
    for each in came:
        key = _identity(seen, each)
        if key in seen.known:
            again += seen.known[key]
        else:
            new += 1
            first = each.at if first is None else first
        seen.known[key] = seen.known.get(key, False) or 200 <= each.answered < 300
    events = settings["events"]
    return {
        "took_ms": answer.took * 1000,
        "latency_ms": None if first is None else max(0.0, (first - at) * 1000),
        "delivered": min(new, events),
        "duplicates": again + max(0, new - events),
        "lost": new < events,
    }


def _failed(seen: _Watch, how: str, usual: float, *plan: Reaction) -> dict[str, Any]:
    """Cause webhooks once, fail what is delivered, and return how it was tried again.

    Answers of 500 are given to as many tries as there are reactions, so that the pauses between them can be held
    against each other, but to none after pauses that differ: those back off, and the next would be longer still. Then
    all is well, and nothing may come any more. ``usual`` is how long the cause usually takes.
    """
    settings, receiver = seen.arm.settings, seen.receiver
    before = len(receiver.deliveries)
    known, bodies = set(seen.known), set() if seen.alike else set(seen.bodies)

    def late(each: Delivery) -> bool:
        """Tell whether it is of an event from before."""
        return _name(seen, each) in known or _hashed(each.body) in bodies

    def tries(all_: list[Delivery]) -> list[Delivery]:
        return [each for each in all_[before:] if not late(each)]

    def spare(each: Delivery) -> bool:
        return late(each) or not alike(_pauses([*tries(receiver.deliveries), each]))

    receiver.react(*plan, spare=spare)
    _, answer = _send(seen)
    arrived = receiver.wait(lambda all_: bool(tries(all_)), seen.left(settings["within"]))
    hold = max(each.hold for each in plan)
    if arrived:
        receiver.wait(
            lambda all_: any(not each.planned for each in tries(all_)), seen.left(hold + settings["retry_within"])
        )
    waited = time.monotonic()
    came = len(tries(receiver.deliveries))
    receiver.wait(lambda _: False, seen.left(settings["settle"] / 1000))
    receiver.react()
    tried = [each for each in seen.fresh() if not late(each)]
    for each in tried:
        seen.known[_identity(seen, each)] = True
    first, planned = tried[0] if tried else None, sum(each.planned for each in tried)
    patient = how == "timeout" and first is not None and not first.given_up
    return {
        "how": how,
        "delivered": bool(tried),
        "tries": came,
        "pauses": _pauses(tried)[:planned],
        "after_success": max(0, len(tried) - planned - 1),
        "patient": patient,
        "inline": first is not None
        and first.ended - first.at > _NOTICED
        and answer.took >= usual + _INLINE * (first.ended - first.at),
        "waited": waited - first.at if first is not None else 0.0,
    }


def _pauses(tries: list[Delivery]) -> list[float]:
    """Return the seconds from each try to the next."""
    return [after.at - before.at for before, after in pairwise(tries)]


def _hashed(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _identity(seen: _Watch, delivery: Delivery) -> str:
    """Return what tells one event from another, hashed; a body alone tells it only within one cause."""
    return _name(seen, delivery) or f"{seen.cause} {_hashed(delivery.body)}"


def _name(seen: _Watch, delivery: Delivery) -> str | None:
    """Return the id that a delivery says its event has, hashed with its kind; None where it says none."""
    data: Any = None
    with suppress(ValueError, RecursionError):
        data = json.loads(delivery.body)
    fields = data if isinstance(data, dict) else {}
    setting = seen.arm.settings["id"]
    named: Any = None
    if setting and str(setting).startswith("$"):
        with suppress(LookupError, ValueError):
            named = find_one(data, str(setting))
    elif setting:
        named = delivery.headers.get(str(setting).lower())
    else:
        named = next((delivery.headers[name] for name in _ID_HEADERS if name in delivery.headers), None)
        if named is None:
            named = next((fields[name] for name in _ID_FIELDS if isinstance(fields.get(name), str | int)), None)
    if named is None:
        return None
    kind = next((fields[name] for name in _KIND_FIELDS if isinstance(fields.get(name), str)), "")
    return _hashed(f"{named} {kind}".encode())


def _signed(arm: CheckedArm, deliveries: list[Delivery]) -> tuple[dict[str, int], str]:
    """Return how many deliveries are signed in which way, and why that is not known ("" where it is)."""
    wanted: Mapping[str, Any] | None = arm.settings["signature"]
    if wanted is None:
        return {}, "no signature is asked for: say how it is made under `signature` (docs/checks.md)"
    header = header_of(wanted["scheme"], wanted["header"])
    if not header:
        return {}, f"the scheme {wanted['scheme']} has no header of its own: add `signature: {{header: ...}}`"
    variable = wanted["secret"]
    if not variable:
        return {}, "the secret is not known: name the environment variable with `signature: {secret: VARIABLE}`"
    secret = arm.arm.service.environment.get(variable) or os.environ.get(variable)
    if not secret:
        return {}, f"the environment variable {variable} is not set: set it, or name another in `signature: {{secret}}`"
    now = time.time()
    found: dict[str, int] = {}
    for each in deliveries:
        how = verify(wanted["scheme"], header, secret, each.headers, each.body, now)
        found[how] = found.get(how, 0) + 1
    return found, "" if deliveries else "nothing was delivered"
