"""Asks every operation that reads, holds the answer against the document, and looks for what no document names."""

from __future__ import annotations

import re
from typing import Any

from perfproof.checks.arm import CheckedArm
from perfproof.checks.contract.deprecation import deprecation_of
from perfproof.checks.contract.digest import key_of
from perfproof.checks.right_requests import Rightly, left_alone
from perfproof.documents.operations import Operation, covers
from perfproof.documents.references import BrokenReferenceError
from perfproof.documents.validator import UncheckableError, Validator
from perfproof.http.plain_client import Answer

_NOT_THERE = (404, 405, 501)
_OF_EVERY_PATH = {"HEAD", "OPTIONS", "TRACE"}
_GENERIC_FROM = 3
"""Paths that all name the same methods, from which on that is taken for a word of the framework."""


def ask_operations(arm: CheckedArm, rightly: Rightly, facts: dict[str, Any]) -> None:
    """Add what every operation was answered with; what cannot be asked is told in ``arm.left_out``."""
    if rightly.operations is None or arm.document is None:
        arm.left_out.append(f"operations were not asked, since {arm.undocumented}")
        return
    validator = Validator(arm.document.data)
    ignored = set(arm.settings.get("ignore") or ())
    unasked: list[str] = []
    for operation in rightly.operations.found:
        if operation.name in ignored:
            continue
        if operation.method not in ("GET", "HEAD") and not (arm.writes and operation.method != "DELETE"):
            continue
        if left_alone(operation.path):
            unasked.append(operation.name)
            continue
        try:
            found = _asked(arm, rightly, operation, validator, facts)
        except BrokenReferenceError as error:
            arm.left_out.append(f"{operation.name} was left out: {error}")
            continue
        if found is None:
            unasked.append(operation.name)
        elif found:
            facts["operations"].append(found)
    if unasked:
        more = f" and {len(unasked) - 5} more" if len(unasked) > 5 else ""
        arm.left_out.append(f"no right request is known for {', '.join(unasked[:5])}{more}")
    _look_for_more(arm, rightly, facts)


def _asked(
    arm: CheckedArm, rightly: Rightly, operation: Operation, validator: Validator, facts: dict[str, Any]
) -> dict[str, Any] | None:
    """Return the facts of one operation; None where nothing right can be asked, {} where the answer tells nothing."""
    target = rightly.target(operation)
    if target is None:
        return None
    guessed = rightly.guessed
    headers = rightly.headers(operation)
    if operation.method not in ("GET", "HEAD"):
        return _is_there(arm, operation, target, headers, guessed=guessed)
    answer = arm.asker.ask(operation.method, target, headers)
    if answer.status == 429 or (answer.status in (401, 403) and not arm.headers):
        return None
    if guessed and answer.status in _NOT_THERE:
        return None
    _note_deprecation(operation, answer, facts)
    missing = answer.status in _NOT_THERE
    found: dict[str, Any] = {
        "operation": operation.name,
        "status": answer.status,
        "missing": missing,
        "wrong": [],
        "problem": "no answer" if not answer.status else "",
    }
    if not missing and answer.status:
        found["wrong"] = _wrong(operation, answer, validator, arm)
    return found


def _is_there(
    arm: CheckedArm, operation: Operation, target: str, headers: dict[str, str], *, guessed: bool
) -> dict[str, Any]:
    """Tell whether an operation that writes is there, by a body that is no JSON: {} where that says nothing."""
    if operation.body is None:
        return {}
    answer = arm.asker.ask(operation.method, target, {**headers, "Content-Type": "application/json"}, body=b"{")
    if answer.status and answer.status < 400:
        arm.reset()
    absent = (405, 501) if guessed or "{" in operation.path else _NOT_THERE
    if answer.status not in absent:
        return {}
    return {"operation": operation.name, "status": answer.status, "missing": True, "wrong": [], "problem": ""}


def _wrong(operation: Operation, answer: Answer, validator: Validator, arm: CheckedArm) -> list[str]:
    """Return how an answer is not what the document says, without a word of it."""
    if answer.status >= 400 or operation.response(answer.status) is None:
        documented = [key for key in operation.responses if key[:1] in "23"]
        told = f"status {answer.status}"
        verb = "is" if len(documented) == 1 else "are"
        return [f"{told}, where {' and '.join(documented)} {verb} documented" if documented else told]
    media = operation.media(answer.status)
    schema = operation.schema(answer.status, answer.media)
    if media and schema is None and not any(covers(each, answer.media) for each in media) and answer.body:
        return [f"{answer.media or 'no media type'}, where {' or '.join(media)} is documented"]
    if schema is None or operation.method == "HEAD" or (media and "json" not in answer.media):
        return []
    if answer.data is None and answer.body.strip() != b"null":
        return ["a body that is no JSON"]
    try:
        return [f"{where}: {keyword}" for where, keyword in validator.errors(schema, answer.data)]
    except UncheckableError as error:
        arm.left_out.append(f"{operation.name} could not be validated: {error}")
        return []


def _note_deprecation(operation: Operation, answer: Answer, facts: dict[str, Any]) -> None:
    if not 200 <= answer.status < 400:
        return
    told = deprecation_of(answer.headers)
    if operation.deprecated or told["deprecation"]:
        facts["deprecations"].append({"operation": operation.name, "documented": operation.deprecated, **told})
    for name in ("api-version", "x-api-version"):
        if answer.headers.get(name):
            facts["version_header"] = name


def _look_for_more(arm: CheckedArm, rightly: Rightly, facts: dict[str, Any]) -> None:
    """Add operations that are answered and that the document does not name.

    Asked for are the methods that a path allows, requests of the scenario, and what the other arm documents.
    """
    assert rightly.operations is not None  # noqa: S101 - asked by the caller
    known = {key_of(rightly.prefix, each) for each in rightly.operations.found}
    extra = dict.fromkeys(_allowed_more(arm, rightly))
    documented = {(each.method, _pattern(rightly.prefix + each.path)) for each in rightly.operations.found}
    for request in arm.requests:
        path = request.target.partition("?")[0]
        if request.method == "GET" and not any(m == "GET" and p.fullmatch(path) for m, p in documented):
            answer = arm.asker.ask("GET", request.target, request.headers)
            if 200 <= answer.status < 300:
                extra[f"GET {request.path}"] = None
    for name, each in (arm.earlier or {}).get("digest", {}).items():
        target = each.get("plain")
        if name not in known and target and name.startswith("GET ") and not left_alone(str(target)):
            answer = arm.asker.ask("GET", str(target), arm.headers)
            if 200 <= answer.status < 300:
                extra[f"GET {target}"] = None
    facts["extra"] = list(extra)[:50]


def _allowed_more(arm: CheckedArm, rightly: Rightly) -> list[str]:
    assert rightly.operations is not None  # noqa: S101 - asked by the caller
    by_path: dict[str, set[str]] = {}
    for each in rightly.operations.found:
        by_path.setdefault(each.path, set()).add(each.method)
    allowed: dict[str, frozenset[str]] = {}
    for operation in rightly.operations.found:
        if operation.path in allowed or left_alone(operation.path):
            continue
        target = rightly.target(operation)
        if target is None:
            continue
        answer = arm.asker.ask("OPTIONS", target.partition("?")[0], rightly.headers(operation))
        names = {each.strip().upper() for each in answer.headers.get("allow", "").split(",") if each.strip()}
        if names and answer.status in (200, 204, 405):
            allowed[operation.path] = frozenset(names)
    words = set(allowed.values())
    differ = len({frozenset(by_path[path]) for path in allowed}) > 1
    if len(allowed) >= _GENERIC_FROM and len(words) == 1 and differ:
        arm.left_out.append("every path names the same methods in Allow, so that was not believed")
        return []
    # "/items/{id}" is "/items/search", too: routers name the methods of whichever route fits first (Starlette does).
    patterns = [(_pattern(path), methods) for path, methods in by_path.items()]
    fitting = {path: set[str]().union(*(ms for each, ms in patterns if each.fullmatch(path))) for path in allowed}
    return [
        f"{method} {path}"
        for path, names in allowed.items()
        for method in sorted(names - fitting[path] - _OF_EVERY_PATH)
    ]


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^{}]*\})", path)
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part) for part in parts) + "/?")
