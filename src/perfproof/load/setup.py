"""The set-up steps of an arm: sent once, one after another, never measured; what they capture fills the requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from time import monotonic_ns

from gevent.event import Event

from perfproof.errors import LoadError
from perfproof.load.body import Files
from perfproof.load.care import Place, attentive
from perfproof.load.connection import Connection
from perfproof.load.cookies import Jar
from perfproof.load.decode import decode
from perfproof.load.draw import Draw
from perfproof.load.mask import excerpt
from perfproof.load.message import Message, message_of, outgoing
from perfproof.load.pool import Pool
from perfproof.load.template import combinations
from perfproof.model.recording import Outcome
from perfproof.model.scenario import JsonValue, Request


def run_setup(
    steps: Sequence[Request],
    pool: Pool,
    place: Place,
    files: Files,
    jar: Jar,
    secrets: Collection[str],
    is_over: Callable[[], bool],
) -> dict[str, JsonValue]:
    """Send the steps and return the captured variables, and ``port``; cookies go to ``jar``.

    LoadError names the step, the status and the masked start of the response. Captured values are masked as well:
    they are tokens more often than not. Once ``is_over`` says so, the step under way is given up.
    """
    captured: dict[str, JsonValue] = {"port": place.target.port}
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
        while not over.wait(0.05):
            pool.sweep(monotonic_ns())
            if is_over():
                pool.give_up()
        hidden = [*secrets, *(value for value in captured.values() if isinstance(value, str) and len(value) > 3)]
        _check(name, connection, hidden)
        captured.update(into)
    return captured


def _message(
    step: Request, variables: Draw, place: Place, files: Files, jar: Jar, into: dict[str, JsonValue]
) -> Message:
    target = place.target
    out = outgoing(step, variables, target.prefix, files=files, jar=jar)
    care = attentive(step, variables, place, out, into=into, jar=jar)
    return message_of(step, out, target.authority, care=care)


def _check(name: str, connection: Connection, hidden: Collection[str]) -> None:
    outcome = Outcome(connection.outcome)
    if outcome is Outcome.OK:
        return
    body = excerpt(_readable(connection), hidden)
    if outcome is Outcome.BAD_STATUS:
        raise LoadError(f"{name} was answered with status {connection.status}", why=body or "an empty response")
    problem = excerpt(connection.problem.encode(), hidden)
    if outcome is Outcome.UNEXPECTED:
        why = f"{problem}; it was {body}" if body else problem
        raise LoadError(f"{name} was not answered as expected", why=why)
    raise LoadError(f"{name} failed ({outcome.name.lower()})", why=problem or None)


def _readable(connection: Connection) -> bytes:
    """Return the body, decoded if that is possible."""
    body = bytes(connection.body or b"")
    encodings = [value.decode("latin-1") for name, value in connection.fields if name.lower() == b"content-encoding"]
    try:
        return decode(body, ",".join(encodings))
    except ValueError:
        return body
