"""Whether a page of strangers could write with a user's cookie: no token against it is asked for, no JSON, no SameSite.

Only where the scenario lets writes be sent, and with bodies that must fail. The body tells whether it was read: it is
answered like the same body from a page of the service's own, and otherwise than an empty one.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

from perfproof.checks.right_requests import left_alone
from perfproof.checks.security.access import WRITING
from perfproof.checks.security.asking import FOREIGN, Asking
from perfproof.checks.security.bodies import failing_fields
from perfproof.checks.security.signatures import signature_of
from perfproof.documents.operations import Operation
from perfproof.documents.references import BrokenReferenceError
from perfproof.http.plain_client import Answer

_TOKEN = re.compile(r"csrf|xsrf", re.IGNORECASE)
_VALIDATED = (400, 409, 422)


def ask_forged(asking: Asking, facts: list[dict[str, Any]]) -> str:
    """Add what each write answers to a page of strangers; return why nothing could be asked, "" where something was."""
    if not asking.arm.writes:
        return "needs requests that write: `checks: {writes: true}` with a `service.reset`"
    if not asking.cookies:
        return "no cookie lets the scenario's requests in: other pages cannot send tokens, so there is nothing to forge"
    operations = asking.rightly.operations.found if asking.rightly.operations is not None else ()
    for operation in operations:
        if operation.method not in WRITING or operation.name in asking.ignored or left_alone(operation.path):
            continue
        try:
            found = _of(asking, operation)
        except BrokenReferenceError as error:
            asking.arm.left_out.append(f"{operation.name} was left out: {error}")
            continue
        if found is not None:
            facts.append({"endpoint": operation.name, **found})
    if facts:
        return ""
    return "no operation that writes could be asked with a body that must fail: document its fields (`required`)"


def _of(asking: Asking, operation: Operation) -> dict[str, Any] | None:
    fields, target = failing_fields(operation), asking.rightly.target(operation)
    if fields is None or target is None:
        return None
    usual = asking.rightly.headers(operation)
    cookie = asking.credentials["cookie"]
    bare = {name: value for name, value in usual.items() if name.lower() not in asking.credentials}
    tokens = {
        name: value for each in asking.arm.requests for name, value in each.headers.items() if _TOKEN.search(name)
    }
    base = asking.arm.asker.client.base
    own = {**bare, **tokens, "cookie": cookie, "Origin": base, "Sec-Fetch-Site": "same-origin"}
    own["Content-Type"] = "application/json"
    body = json.dumps(fields).encode()
    inside = asking.write(operation, target, own, body)
    if inside.status in (401, 403, 404, 405):
        return None if inside.status != 403 or tokens else {"holds": True, "why": "refused without a token"}
    if inside.status not in _VALIDATED:
        return {"holds": None, "why": f"a body that must fail is answered with status {inside.status}"}
    without = asking.write(operation, target, {name: each for name, each in own.items() if name != "cookie"}, body)
    if without.status == inside.status:
        return None  # it lets anyone write: a cookie adds nothing that could be forged
    empty = asking.write(operation, target, own, b"{}")
    foreign = {**bare, "cookie": cookie, "Origin": FOREIGN, "Referer": f"{FOREIGN}/", "Sec-Fetch-Site": "cross-site"}
    forms: list[tuple[str, bytes]] = [("text/plain", body)]
    if all(isinstance(value, str | int | float) for value in fields.values()):
        forms.append(("application/x-www-form-urlencoded", urlencode(fields).encode()))
    told = "its answer does not tell whether the body was read"
    found: dict[str, Any] = {"holds": None, "why": told}
    for kind, content in forms:
        answer = asking.write(operation, target, {**foreign, "Content-Type": kind}, content)
        if answer.status and answer.status < 400:
            return {"holds": False, "why": f"taken with status {answer.status}, sent as {kind}"}
        if answer.status not in _VALIDATED or _said(answer) == _said(empty) != _said(inside):
            found = {"holds": True, "why": "refused, or not read"}
        elif _said(answer) == _said(inside) != _said(empty):
            kept = _kept_by(asking)
            if kept:
                return {"holds": True, "why": kept}
            return {"holds": False, "why": f"read like one of its own pages, sent as {kind}"}
    return found


def _kept_by(asking: Asking) -> str:
    """Return what the cookies that let in say to browsers, where all of them keep from being sent by strangers."""
    told = [asking.watched.same_site.get(name, "") for name in asking.cookies]
    return (
        f"kept by SameSite={told[0].capitalize()}" if told and all(each in ("lax", "strict") for each in told) else ""
    )


def _said(answer: Answer) -> str:
    return signature_of(answer, "", "")
