"""Who is let in: no token, a wrong or forged one, a second user's, a read-only key, wherever one is needed.

What needs credentials is told by the document or the settings, or by the service itself where it refuses whoever has
none. A second user's list tells whether things are one user's: what the second is not shown, he must not get by its id.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from perfproof.checks.right_requests import left_alone
from perfproof.checks.security.asking import Asking
from perfproof.checks.security.bodies import must_fail
from perfproof.checks.security.endpoints import Endpoint
from perfproof.checks.security.signatures import signature_of
from perfproof.documents.operations import Operation
from perfproof.documents.references import BrokenReferenceError
from perfproof.documents.rows import rows_of
from perfproof.http.plain_client import Answer

WRITING = ("POST", "PUT", "PATCH")
_KEPT_OUT = (301, 302, 303, 307, 308, 401, 403, 404, 407, 410)
_VALIDATED = (400, 409, 415, 422)


def ask_access(asking: Asking, endpoints: Sequence[Endpoint], facts: list[dict[str, Any]]) -> None:
    """Add every trial: the endpoint, who tried, the status, and whether it held (None: it cannot be told)."""
    for each in endpoints:
        _read(asking, each, facts)
    _second_user(asking, endpoints, facts)
    if asking.arm.writes and asking.rightly.operations is not None:
        for operation in asking.rightly.operations.found:
            if operation.method in WRITING and operation.name not in asking.ignored and not left_alone(operation.path):
                try:
                    _write(asking, operation, facts)
                except BrokenReferenceError as error:
                    asking.arm.left_out.append(f"{operation.name} was left out: {error}")


def _read(asking: Asking, each: Endpoint, facts: list[dict[str, Any]]) -> None:
    let_in = asking.credentials
    if each.barred:
        facts.append(_trial(each.name, "no token", each.answer, each.secured))
        return
    if not each.answers or not any(name.lower() in let_in for name in each.headers):
        if each.secured and not let_in:
            facts.append(_trial(each.name, "no token", each.answer, needed=True))
        return
    bare = {name: value for name, value in each.headers.items() if name.lower() not in let_in}
    without = asking.send(each.name, each.target, bare)
    needed = each.secured or without.status in _KEPT_OUT
    facts.append(_trial(each.name, "no token", without, needed))
    if not needed:
        return
    for who, headers in forged(let_in):
        answer = asking.send(each.name, each.target, {**bare, **headers})
        trial = _trial(each.name, who, answer, needed=True)
        if trial["holds"] is False and _somebody_else(asking, each, answer):
            trial |= {"holds": None, "else": True}
        facts.append(trial)


def _somebody_else(asking: Asking, each: Endpoint, answer: Answer) -> bool:
    """Tell whether made-up credentials were taken for somebody who is shown other things: some make accounts so."""
    right = _said(each.answer)
    return _said(answer) != right == _said(asking.send(each.name, each.target, each.headers))


def _said(answer: Answer) -> str:
    return signature_of(answer, "", "")


def _trial(name: str, who: str, answer: Answer, needed: bool) -> dict[str, Any]:
    """Return a trial as facts: refused is what it must be. Whether a server that fails let it in, nobody can tell."""
    kept = 300 <= answer.status < 500 and answer.status != 429
    taken = 200 <= answer.status < 300
    holds = True if kept and needed else False if taken and needed else None
    return {"endpoint": name, "who": who, "status": answer.status, "holds": holds}


def forged(credentials: Mapping[str, str]) -> list[tuple[str, dict[str, str]]]:
    """Return credentials like those given that let nobody in: made up, with another signature, without any."""
    found = [("a wrong token", {name: _wrong(name, value) for name, value in credentials.items()})]
    for who, change in (("a token with another signature", _resigned), ("an unsigned token", _unsigned)):
        changed = {name: change(value) for name, value in credentials.items()}
        if any(changed[name] != value for name, value in credentials.items()):
            wrong = {name: each if each != credentials[name] else _wrong(name, each) for name, each in changed.items()}
            found.append((who, wrong))
    return found


def _wrong(name: str, value: str) -> str:
    if name.lower() == "cookie":
        names = [each.strip().partition("=")[0] for each in value.split(";") if "=" in each]
        return "; ".join(f"{each}=perfproof-not-a-session" for each in names)
    scheme, space, _ = value.partition(" ")
    if name.lower() != "authorization" or not space:
        return "perfproof-not-a-key"
    if scheme.lower() == "basic":
        return f"{scheme} {base64.b64encode(b'perfproof:not-a-password').decode()}"
    return f"{scheme} perfproof-not-a-token"


def _jwt(value: str) -> tuple[str, list[str]] | None:
    """Return what stands before a JWT, and its three parts; None if a value holds none."""
    head, _, token = value.rpartition(" ")
    parts = token.split(".")
    return (f"{head} " if head else "", parts) if len(parts) == 3 and token.startswith("eyJ") and parts[2] else None


def _resigned(value: str) -> str:
    found = _jwt(value)
    if found is None:
        return value
    head, (first, second, signature) = found
    middle = len(signature) // 2  # the last character holds bits that decoders may not look at
    other = "A" if signature[middle] != "A" else "B"
    return f"{head}{first}.{second}.{signature[:middle]}{other}{signature[middle + 1 :]}"


def _unsigned(value: str) -> str:
    found = _jwt(value)
    if found is None:
        return value
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    return f"{found[0]}{none}.{found[1][1]}."


def other(asking: Asking, headers: Mapping[str, str], setting: str) -> dict[str, str] | None:
    """Return ``headers`` with the credentials that a setting names in place of the usual; None if it names none."""
    named = (asking.arm.settings.get(setting) or {}).get("headers") or {}
    if not named:
        return None
    bare = {name: value for name, value in headers.items() if name.lower() not in asking.credentials}
    return {**bare, **{str(name).lower(): str(value) for name, value in named.items()}}


def _second_user(asking: Asking, endpoints: Sequence[Endpoint], facts: list[dict[str, Any]]) -> None:
    own = set((asking.arm.settings.get("second") or {}).get("own") or ())
    by_path = {each.target.partition("?")[0].rstrip("/"): each for each in endpoints if each.answers}
    shown: dict[str, list[str] | None] = {}
    for each in endpoints:
        headers = other(asking, each.headers, "second")
        if headers is None or not each.answers:
            continue
        above, _, last = each.target.partition("?")[0].rstrip("/").rpartition("/")
        needed = each.name in own
        if (
            not needed
            and above in by_path
            and each.operation is not None
            and each.operation.path.rstrip("/").endswith("}")
        ):
            if above not in shown:
                listed = by_path[above]
                answer = asking.send(listed.name, listed.target, other(asking, listed.headers, "second") or {})
                rows = rows_of(answer.data) if 200 <= answer.status < 300 else None
                shown[above] = None if rows is None else _values(rows)
            seen = shown[above]
            needed = (
                seen is not None and last not in seen and last in _values(rows_of(by_path[above].answer.data) or [])
            )
        if needed:
            answer = asking.send(each.name, each.target, headers)
            facts.append(_trial(each.name, "a second user", answer, needed=True))


def _values(rows: Sequence[Any]) -> list[str]:
    """Return what rows may be asked for by: every plain value in them."""
    found = []
    for row in rows:
        values = row.values() if isinstance(row, dict) else [row]
        found += [str(value) for value in values if isinstance(value, str | int) and not isinstance(value, bool)]
    return found


def _write(asking: Asking, operation: Operation, facts: list[dict[str, Any]]) -> None:
    """Try a write with a body that must fail. Whoever is answered about the body was not refused before it."""
    body = must_fail(operation)
    target = asking.rightly.target(operation)
    if body is None or target is None or not asking.credentials:
        return
    headers = {"Content-Type": "application/json", **asking.rightly.headers(operation)}
    right = asking.write(operation, target, headers, body)
    if right.status not in _VALIDATED:
        return  # nothing can be told by it: the key is no good here, or the body is taken
    bare = {name: value for name, value in headers.items() if name.lower() not in asking.credentials}
    without = asking.write(operation, target, bare, body)
    needed = operation.secured or without.status in _KEPT_OUT
    if not needed:
        return
    trials = [("no token", without)]
    trials += [
        (who, asking.write(operation, target, {**bare, **each}, body)) for who, each in forged(asking.credentials)
    ]
    for who, answer in trials:
        passed = answer.status in _VALIDATED and answer.status == right.status
        facts.append({**_trial(operation.name, who, answer, needed=True), **({"holds": False} if passed else {})})
    read_only = other(asking, headers, "read_only")
    if read_only is not None:
        answer = asking.write(operation, target, read_only, body)
        trial = _trial(operation.name, "a read-only key", answer, needed=True)
        if answer.status in _VALIDATED:
            trial["holds"] = None  # some look at bodies before keys: the judge sees whether this service does
        facts.append(trial)
