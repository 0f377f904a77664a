"""What a response must be and what is taken from it: expectations and captures, on a reply that is whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from perfproof.core.redaction import MASK, sounds_secret
from perfproof.http.json_paths import find_one, parse_one
from perfproof.http.reply import Reply
from perfproof.http.template import Variables, fill, fill_json
from perfproof.model.scenario import Capture, Expect, JsonValue


def filled(expect: Expect, variables: Variables) -> Expect:
    """Return ``expect`` with its texts filled; what is put into a regular expression stands for itself there."""
    return Expect(
        status=expect.status,
        headers={name: fill(text, variables) for name, text in expect.headers.items()},
        json={path: fill_json(value, variables) for path, value in expect.json.items()},
        contains=tuple(fill(text, variables) for text in expect.contains),
        matches=tuple(fill(text, variables, re.escape) for text in expect.matches),
    )


def unmet(expect: Expect, reply: Reply) -> str | None:
    """Return the first thing that is not as expected, in words; None when all is."""
    try:
        return next(_misses(expect, reply), None)
    except (LookupError, ValueError) as error:
        return str(error.args[0] if error.args else error)


def failed_operation(reply: Reply) -> str | None:
    """Return what a response to a GraphQL operation says has failed, whatever its status; None if nothing.

    Most bodies are not parsed: one without the word has no errors.
    """
    try:
        if b'"errors"' not in reply.body:
            return None if reply.body.lstrip()[:1] == b"{" else "its response is no JSON object, as GraphQL's are"
        document = reply.document
    except ValueError as error:
        return str(error.args[0] if error.args else error)
    errors = document.get("errors") if isinstance(document, dict) else None
    if not errors:
        return None
    first = errors[0] if isinstance(errors, list) else errors
    message = first.get("message") if isinstance(first, dict) else first
    more = f" and {len(errors) - 1} more" if isinstance(errors, list) and len(errors) > 1 else ""
    return f"its response has GraphQL errors: {_short(message)}{more}; none were expected"


def _misses(expect: Expect, reply: Reply) -> Iterator[str]:
    if expect.status and reply.status not in expect.status:
        yield f"the status is {reply.status}"
    for name, text in expect.headers.items():
        values = reply.headers(name)
        if not any(text in value for value in values):
            shown = MASK if values and sounds_secret(name) else _short(", ".join(values))[1:-1] or "missing"
            yield f"header {name} is {shown}, without {_short(text)}"
    for path, wanted in expect.json.items():
        found = find_one(reply.document, path)
        if not _same(found, wanted):
            yield f"{path} is {_found(found, path)}, not {_short(wanted)}"
    for text in expect.contains:
        if text not in reply.text:
            yield f"the body does not contain {_short(text)}"
    for pattern in expect.matches:
        if not re.search(pattern, reply.text):
            yield f"the body does not match {_short(pattern)}"


def captured(captures: Mapping[str, str | Capture], reply: Reply) -> dict[str, JsonValue]:
    """Return the variables that ``captures`` take from a reply; LookupError or ValueError say what is not there."""
    return {
        name: _one(each if isinstance(each, Capture) else Capture(json=each), reply) for name, each in captures.items()
    }


def _one(capture: Capture, reply: Reply) -> JsonValue:
    if capture.json is not None:
        value: JsonValue = find_one(reply.document, capture.json)
        return value
    text: str | None = None
    if capture.header is not None:
        values = reply.headers(capture.header)
        if not values:
            raise LookupError(f"there is no header {capture.header}")
        text = values[0]
    if capture.regex is None:
        return text
    match = re.search(capture.regex, reply.text if text is None else text)
    if match is None:
        where = f"header {capture.header}" if capture.header else "the body"
        raise LookupError(f"{where} does not match {_short(capture.regex)}")
    return match.group(1 if match.re.groups else 0)


def _same(found: JsonValue, wanted: JsonValue) -> bool:
    """Compare as JSON does: 1 equals 1.0, but true is not 1."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(_same, found, wanted))
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(_same(found[key], wanted[key]) for key in wanted)
    return found == wanted


def kind_of(value: JsonValue) -> str:
    """Return what a JSON value is, by its keys or its length, without quoting it."""
    if isinstance(value, dict):
        names = [name if len(name) <= 40 else f"{name[:40]}..." for name in value]
        return f"an object with {', '.join(names[:8]) or 'nothing in it'}" + (", ..." if len(names) > 8 else "")
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "text" if isinstance(value, str) else "null" if value is None else f"the value {_short(value)}"


def _found(value: JsonValue, path: str) -> str:
    """Return what a response holds at a path: a plain value as it is, but no secret and nothing that may hold one."""
    if isinstance(value, dict | list):
        return kind_of(value)
    secret = isinstance(value, str) and any(isinstance(step, str) and sounds_secret(step) for step in parse_one(path))
    return MASK if secret else _short(value)


def _short(value: JsonValue) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "..."
