"""Wrong requests that do no harm, and what each was answered with.

Requests that read are wrong in their path, query or headers. Those that write are only sent where the scenario lets
them, and then with bodies that must fail: no JSON, a required field missing, a value of the wrong type. A service that
takes one all the same has its data put back before the next is sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from perfproof.checks.arm import CheckedArm, KnownRequest, OverError
from perfproof.checks.error_contract.reader import documented_codes, look_at
from perfproof.checks.right_requests import Rightly, left_alone
from perfproof.core.placeholders import PLACEHOLDER
from perfproof.documents.operations import Operation
from perfproof.documents.references import BrokenReferenceError, Part
from perfproof.documents.samples import kind_of, sample
from perfproof.documents.validator import UncheckableError, Validator
from perfproof.http.plain_client import Answer

NOWHERE = "/perfproof-no-such-path"
_UNKNOWN: Mapping[str, Any] = {
    "integer": 2_000_000_011,
    "number": 2_000_000_011,
    "uuid": "00000000-0000-4000-8000-00000000dead",
    "string": "perfproof-unknown",
}
_ID = re.compile(r"(^|_|-)(id|uuid|guid|slug|key|code|sku|number|no)$|Id$|ID$|Uuid$|Slug$|Key$|Code$", re.IGNORECASE)
_LONG = 3000
"""Characters of a value that is too long: below what servers take in a request line, so that the service answers."""
_MOST_FIELDS = 2
_WRITING = ("POST", "PUT", "PATCH")
_READING = ("GET", "HEAD")


@dataclass(frozen=True)
class Wrong:
    """One wrong request. ``usual`` are statuses that it deserves where the document says nothing of errors.

    With ``sure`` it is wrong by the document: any answer of success is a flaw. Otherwise the service may well take it.
    ``strict`` says that the status has to be one that the operation documents, if it documents any error.
    """

    kind: str
    name: str
    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    usual: tuple[int, ...] = ()
    body: bytes | None = None
    sure: bool = True
    strict: bool = False
    operation: Operation | None = None

    @property
    def writes(self) -> bool:
        """Tell whether a service that takes it may write."""
        return self.method not in _READING


def observe(arm: CheckedArm) -> dict[str, Any]:
    """Return the facts: one case for each wrong request, and what the document says of errors."""
    rightly = Rightly(arm)
    ignored = set(arm.settings.get("ignore") or ())
    validator = Validator(arm.document.data) if arm.document is not None else None
    cases: list[dict[str, Any]] = []
    schemas: list[Any] = []
    with suppress(OverError):  # what was seen so far stands, and the arm's facts say that it ended early
        cases.extend(_case(arm, wrong, validator, schemas) for wrong in _all(arm, rightly, ignored))
    if any(case["status"] == 429 for case in cases):
        arm.left_out.append("the service limits rates: what it answered with 429 says nothing of its errors")
    if not arm.writes:
        arm.left_out.append(
            "requests that write were not sent wrongly (`checks: {writes: true}` with a `service.reset` lets them)"
        )
    if arm.document is None:
        arm.left_out.append(f"wrong requests come from the scenario alone, since {arm.undocumented}")
    return {"cases": cases, "codes": documented_codes(schemas), "document": arm.document is not None}


def _all(arm: CheckedArm, rightly: Rightly, ignored: set[str]) -> Iterator[Wrong]:
    usual = (404,)
    yield Wrong("unknown path", f"GET {NOWHERE}", "GET", rightly.prefix + NOWHERE, arm.headers, usual)
    for operation in rightly.operations.found if rightly.operations is not None else ():
        if operation.name in ignored or left_alone(operation.path):
            continue
        try:
            yield from _of_operation(arm, rightly, operation)
        except BrokenReferenceError as error:
            arm.left_out.append(f"{operation.name} was left out: {error}")
    if rightly.operations is None:
        for request in arm.requests:
            if request.name not in ignored and not left_alone(request.path):
                yield from _of_request(arm, request)


def _of_operation(arm: CheckedArm, rightly: Rightly, operation: Operation) -> Iterator[Wrong]:
    if rightly.barred(operation):
        arm.left_out.append(f"{operation.name} asks for credentials that no request of the scenario has")
        if operation.method == "GET":
            yield from _without_token(rightly, operation)
        return
    if operation.method == "GET":
        yield from _in_path(rightly, operation)
        yield from _in_query(rightly, operation)
    reads = operation.method == "GET"
    if reads or (arm.writes and operation.method in _WRITING):
        yield from _without_token(rightly, operation)
    if arm.writes and operation.method in _WRITING and operation.body is not None:
        yield from _in_body(rightly, operation)
    yield from _other_method(arm, rightly, operation)


def _in_path(rightly: Rightly, operation: Operation) -> Iterator[Wrong]:
    headers = rightly.headers(operation)
    for each in operation.parameters:
        if each.place != "path":
            continue
        kind = kind_of(each.schema)
        form = str(each.schema.data.get("format")) if each.schema is not None else ""
        unknown = _UNKNOWN["uuid" if form == "uuid" else kind if kind in _UNKNOWN else "string"]
        names_thing = kind in ("integer", "number") or form == "uuid" or _ID.search(each.name) is not None
        says_so = "404" in operation.responses or "410" in operation.responses
        if (names_thing or says_so) and _allows(each.schema, unknown):
            target = rightly.target(operation, values={each.name: unknown})
            if target is not None:
                yield Wrong(
                    "unknown id", operation.name, "GET", target, headers, (404, 410), None, says_so, True, operation
                )
        if kind in ("integer", "number") or form == "uuid":
            target = rightly.target(operation, values={each.name: "not-a-number"})
            if target is not None:
                yield Wrong(
                    "wrong type", operation.name, "GET", target, headers, (400, 404, 422), None, True, True, operation
                )
        target = rightly.target(operation, values={each.name: "9" * _LONG if kind == "integer" else "a" * _LONG})
        if target is not None and names_thing:
            usual = (400, 404, 410, 413, 414, 422, 431)
            sure = says_so or _ID.search(each.name) is not None or not _allows(each.schema, 10**_LONG)
            yield Wrong("too long", operation.name, "GET", target, headers, usual, None, sure, False, operation)


def _in_query(rightly: Rightly, operation: Operation) -> Iterator[Wrong]:
    headers = rightly.headers(operation)
    typed = False
    for each in operation.parameters:
        if each.place != "query":
            continue
        if each.required:
            target = rightly.target(operation, without=each.name)
            if target is not None:
                yield Wrong(
                    "missing field", operation.name, "GET", target, headers, (400, 422), None, True, True, operation
                )
        if kind_of(each.schema) in ("integer", "number") and not typed:
            typed = True
            target = rightly.target(operation, values={each.name: "not-a-number"})
            if target is not None:
                yield Wrong(
                    "wrong type", operation.name, "GET", target, headers, (400, 422), None, True, True, operation
                )


def _without_token(rightly: Rightly, operation: Operation) -> Iterator[Wrong]:
    if not operation.secured:
        return
    target = rightly.target(operation)
    if target is None:
        return
    let_in = set(rightly.arm.headers)
    bare = {name: value for name, value in rightly.headers(operation).items() if name not in let_in}
    body = b"{" if operation.method in _WRITING else None
    usual = (401, 403)
    yield Wrong("no token", operation.name, operation.method, target, bare, usual, body, True, False, operation)
    forged = {**bare, "authorization": "Bearer perfproof-not-a-token"}
    yield Wrong("wrong token", operation.name, operation.method, target, forged, usual, body, True, False, operation)


def _in_body(rightly: Rightly, operation: Operation) -> Iterator[Wrong]:
    target, headers, schema = rightly.target(operation), rightly.headers(operation), operation.body
    if target is None or schema is None:
        return

    def wrong(kind: str, body: bytes, usual: tuple[int, ...]) -> Wrong:
        return Wrong(
            kind,
            operation.name,
            operation.method,
            target,
            headers,
            usual,
            body,
            True,
            kind != "malformed JSON",
            operation,
        )

    yield wrong("malformed JSON", b'{"perfproof": ', (400, 422))
    right = sample(schema)
    if not isinstance(right, dict):
        return
    required = _required(schema)
    for name in required[:_MOST_FIELDS]:
        left = {key: value for key, value in right.items() if key != name}
        yield wrong("missing field", json.dumps(left).encode(), (400, 422))
    typed = 0
    for name, each in _properties(schema):
        bad = {"integer": "not-a-number", "number": "not-a-number", "boolean": "perhaps", "array": 7, "object": 7}
        if kind_of(each) in bad and typed < _MOST_FIELDS and not _nullable_or_several(each):
            typed += 1
            yield wrong("wrong type", json.dumps({**right, name: bad[kind_of(each)]}).encode(), (400, 422))
    for name, each in _properties(schema):
        longest = each.data.get("maxLength")
        if kind_of(each) == "string" and isinstance(longest, int) and 0 < longest < 100_000:
            yield wrong("too long", json.dumps({**right, name: "a" * (longest + 1)}).encode(), (400, 413, 422))
            break


def _other_method(arm: CheckedArm, rightly: Rightly, operation: Operation) -> Iterator[Wrong]:
    """Yield a request by a method that the path does not have, once for each path."""
    same = [each for each in (rightly.operations.found if rightly.operations else ()) if each.path == operation.path]
    if same[0] is not operation:
        return
    methods = {each.method for each in same}
    target = rightly.target(operation)
    if target is None:
        return
    target = target.partition("?")[0]
    if not methods & {"GET", "HEAD"}:
        yield Wrong("wrong method", operation.name, "GET", target, rightly.headers(operation), (405,), None, False)
    elif arm.writes:
        for method in ("POST", "PUT", "PATCH"):
            if method not in methods:
                headers = {**rightly.headers(operation), "Content-Type": "application/json"}
                body = b'{"perfproof": '
                yield Wrong("wrong method", operation.name, method, target, headers, (404, 405), body)
                break


def _of_request(arm: CheckedArm, request: KnownRequest) -> Iterator[Wrong]:
    """Yield wrong forms of a request of the scenario: nothing says what is right, so what succeeds is no flaw."""
    names = re.findall(r"\{(\w+)\}", request.path)
    if request.method == "GET" and names:
        name = names[-1]
        known = request.values.get(name)
        unknown = _UNKNOWN["integer" if isinstance(known, int) or str(known).isdigit() else "string"]
        values = {**request.values, name: unknown}
        if all(each in values for each in names):
            query = request.target.partition("?")[2]
            target = _filled(request.path, values) + (f"?{query}" if query else "")
            yield Wrong("unknown id", request.name, "GET", target, request.headers, (404, 410), sure=False)
            if isinstance(known, int) or str(known).isdigit():
                target = _filled(request.path, {**values, name: "not-a-number"})
                usual = (400, 404, 422)
                yield Wrong("wrong type", request.name, "GET", target, request.headers, usual, sure=False)
    bare = {name: value for name, value in request.headers.items() if name.lower() not in arm.headers}
    if request.method == "GET" and len(bare) < len(request.headers):
        yield Wrong("no token", request.name, "GET", request.target, bare, (401, 403), sure=False)
        forged = {**bare, "authorization": "Bearer perfproof-not-a-token"}
        yield Wrong("wrong token", request.name, "GET", request.target, forged, (401, 403), sure=False)
    if arm.writes and not request.reads and request.method in _WRITING:
        headers = {**request.headers, "content-type": "application/json"}
        body = b'{"perfproof": '
        yield Wrong("malformed JSON", request.name, request.method, request.target, headers, (400, 422), body)


def _filled(path: str, values: Mapping[str, Any]) -> str:
    return PLACEHOLDER.sub(
        lambda match: "{" + match[1] + "}" if match[2] is None else quote(str(values[match[2]]), safe=""), path
    )


def _case(arm: CheckedArm, wrong: Wrong, validator: Validator | None, schemas: list[Any]) -> dict[str, Any]:
    headers = dict(wrong.headers)
    if wrong.body is not None and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    answer = arm.asker.ask(wrong.method, wrong.target, headers, body=wrong.body)
    case: dict[str, Any] = {"kind": wrong.kind, "operation": wrong.name, "method": wrong.method}
    if not answer.status:
        return {**case, "status": 0, "counts": True, "flaws": ["no answer"], "ms": 0.0}
    case |= look_at(answer, wrong.target, str(arm.settings.get("correlation") or ""))
    taken = answer.status < 400
    kept_out = answer.status in (401, 403) and not arm.headers and "token" not in wrong.kind
    case["counts"] = (wrong.sure or not taken) and answer.status != 429 and not kept_out
    case["taken"] = taken
    case |= _as_documented(wrong, answer, validator, schemas)
    if taken and wrong.writes:
        arm.reset()
    return case


def _as_documented(wrong: Wrong, answer: Answer, validator: Validator | None, schemas: list[Any]) -> dict[str, Any]:
    """Return whether the status is one that the document (or what is usual) has for it, and whether its schema fits."""
    status, operation = answer.status, wrong.operation
    says = [key for key in (operation.responses if operation is not None else ()) if key[:1] == "4" or key == "default"]
    listed = operation is not None and operation.response(status) is not None
    if status < 400 or status >= 500:
        fits = False
    elif wrong.strict and says:
        fits = listed
    else:
        fits = status in wrong.usual or listed
    told: dict[str, Any] = {"status_fits": fits, "documented": says, "schema": None}
    if operation is None or validator is None:
        return told
    schema = operation.schema(status, answer.media)
    if schema is None and listed and operation.media(status):
        told["schema"] = [f"{answer.media or 'no media type'} is not documented"]
    if schema is not None:
        if len(schemas) < 50:
            schemas.append(_plain(schema))
        try:
            found = validator.errors(schema, answer.data)
            told["schema"] = [f"{where}: {keyword}" for where, keyword in found]
        except UncheckableError:
            told["schema"] = None
    return told


def _plain(part: Part, depth: int = 0) -> Any:
    """Return a schema with its references followed, some levels deep."""
    found: dict[str, Any] = {}
    for name, each in part.data.items():
        if isinstance(each, dict) and depth < 5:
            try:
                inner = part.at(name)
            except BrokenReferenceError:
                continue
            found[name] = _plain(inner, depth + 1) if inner is not None else each
        else:
            found[name] = each
    return found


def _required(schema: Part) -> list[str]:
    found: list[str] = []
    for part in (schema, *schema.items("allOf")):
        named = part.data.get("required")
        found += [str(name) for name in named] if isinstance(named, list) else []
    return found


def _properties(schema: Part) -> Iterator[tuple[str, Part]]:
    for part in (schema, *schema.items("allOf")):
        for name, each in part.entries("properties"):
            if each.data.get("readOnly") is not True:
                yield name, each


def _nullable_or_several(schema: Part) -> bool:
    """Tell whether a schema may allow more than one type, so that a value of another one is not surely wrong."""
    kind = schema.data.get("type")
    listed = [each for each in kind if each != "null"] if isinstance(kind, list) else []
    others = [each for key in ("anyOf", "oneOf") for each in schema.items(key) if each.data.get("type") != "null"]
    return len(listed) > 1 or len(others) > 1


def _allows(schema: Part | None, value: Any) -> bool:
    """Tell whether a schema allows a value, as far as its pattern, length and range say: an id must be possible."""
    if schema is None:
        return True
    data = schema.data
    if isinstance(value, int):
        most = data.get("maximum")
        return not isinstance(most, int | float) or value <= most
    longest = data.get("maxLength")
    if (isinstance(longest, int) and len(value) > longest) or "enum" in data:
        return False
    pattern = data.get("pattern")
    try:
        return not isinstance(pattern, str) or re.search(pattern, value) is not None
    except re.error:
        return False
