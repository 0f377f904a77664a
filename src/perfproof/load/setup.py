"""The set-up steps of an arm: sent once, one after another, never measured; what they capture fills the requests."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from time import monotonic_ns

from gevent.event import Event

from perfproof.core.placeholders import NOWHERE, WEBHOOK
from perfproof.errors import LoadError
from perfproof.http.body import Files
from perfproof.http.connection import Connection
from perfproof.http.cookies import Jar
from perfproof.http.exchange import Message, Place, handling_of, message_of
from perfproof.http.expectations import kind_of
from perfproof.http.message import outgoing
from perfproof.http.pool import Pool
from perfproof.http.reply import Reply
from perfproof.http.template import combinations
from perfproof.http.variables import Draw
from perfproof.model.recording import Outcome
from perfproof.model.scenario import JsonValue, Request

_LONGEST_MESSAGE = 200


def run_setup(
    steps: Sequence[Request],
    pool: Pool,
    place: Place,
    files: Files,
    jar: Jar,
    is_over: Callable[[], bool],
) -> dict[str, JsonValue]:
    """Send the steps and return the captured variables, and ``port``; cookies go to ``jar``.

    LoadError names the step, the status and what kind of response it was, which is never quoted: what answers a login
    holds a token more often than not. Once ``is_over`` says so, the step under way is given up.
    """
    captured: dict[str, JsonValue] = {"port": place.target.port, WEBHOOK: NOWHERE}
    for number, step in enumerate(steps):
        name = f"set-up step {step.name!r}"
        variables = Draw({**combinations(step)[0], **captured}, 0, number + 1, {})
        into: dict[str, JsonValue] = {}
        try:
            message = _message(step, variables, place, files, jar, into)
        except ValueError as error:
            raise LoadError(f"{name} cannot be sent", why=str(error)) from error
        connection = pool.connections[0]
        connection.body, connection.fields = bytearray(), []
        over = Event()
        connection.send(message, monotonic_ns(), lambda _, over=over: over.set())  # type: ignore[misc]
        pool.await_end(over, step.timeout, is_over)
        body = bytes(connection.body or b"")
        reply = Reply(connection.status, connection.fields, body, len(body))
        place.found_secrets.response(reply)
        _check(name, step, connection, reply, place.found_secrets.redactor)
        captured.update(into)
    return captured


def _message(
    step: Request, variables: Draw, place: Place, files: Files, jar: Jar, into: dict[str, JsonValue]
) -> Message:
    target = place.target
    out = outgoing(step, variables, target.prefix, files=files, jar=jar)
    handling = handling_of(step, variables, place, out, into=into, jar=jar)
    return message_of(step, out, target.authority, handling=handling)


def _check(name: str, step: Request, connection: Connection, reply: Reply, hide: Callable[[str], str]) -> None:
    outcome = Outcome(connection.outcome)
    if outcome is Outcome.OK:
        return
    answer = described(reply, hide)
    if outcome is Outcome.BAD_STATUS:
        wanted = " or ".join(map(str, step.expect.status)) or "2xx"
        again = _asks_for_password(reply)
        raise LoadError(
            f"{name} was answered with status {connection.status}, not {wanted}",
            why=f"it was {answer}" + (" that asks for a password" if again else ""),
            hint=_advice(401 if again else connection.status),
        )
    problem = hide(connection.problem)
    if outcome is Outcome.UNEXPECTED:
        raise LoadError(f"{name} was not answered as expected", why=f"{problem}; it was {answer}")
    raise LoadError(f"{name} failed ({outcome.name.lower()})", why=problem or None)


def _asks_for_password(reply: Reply) -> bool:
    """Tell whether a page has a form for a password: most sites show it again to who is not let in."""
    kind = next(iter(reply.headers("content-type")), "").lower()
    try:
        return "html" in kind and re.search(r"""type=["']?password\b""", reply.text, re.IGNORECASE) is not None
    except ValueError:
        return False


def _advice(status: int) -> str:
    if status in (401, 403):
        return "correct the user and the password that the step sends; is a `${VARIABLE}` in it unset or old?"
    if status in (404, 405):
        return "correct the method or the path of the step"
    if status >= 500:
        return "read the service's log: it failed to answer"
    return "correct the path, headers or body of the step, or the status it is to `expect`"


def described(reply: Reply, hide: Callable[[str], str]) -> str:
    """Return what a response is, without quoting it: its type and size, and the keys if it is a JSON object.

    Only the message of an error is told in its own words (masked, on one line), since it was written to be read.
    """
    if not reply.raw:
        return "an empty response"
    kind = next(iter(reply.headers("content-type")), "").partition(";")[0].strip()[:60] or "no content type"
    try:
        document = reply.document
    except ValueError:
        return f"{kind} of {len(reply.raw):,} bytes"
    text = f"{kind}: {kind_of(document)}"
    message = _message_in(document) if reply.status >= 400 else ""
    return f"{text}; it says: {hide(message)}" if message else text


def _message_in(document: JsonValue) -> str:
    """Return the message of an error as most frameworks answer one; "" where there is none."""
    found = document if isinstance(document, dict) else {}
    inner = found.get("error")
    if isinstance(inner, dict):
        found = {**inner, **found}
    texts = (found.get(key) for key in ("detail", "message", "error_description", "error", "title", "msg"))
    message = " ".join(next((text for text in texts if isinstance(text, str)), "").split())
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]} ..."
