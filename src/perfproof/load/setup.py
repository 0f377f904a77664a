"""The set-up steps of an arm: sent once, one after another, never measured; what they capture fills the requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from time import monotonic_ns

from gevent.event import Event

from perfproof.errors import LoadError
from perfproof.load import jsonpath
from perfproof.load.connection import Connection
from perfproof.load.mask import excerpt
from perfproof.load.message import prepare
from perfproof.load.pool import Pool
from perfproof.load.target import Target
from perfproof.load.template import combinations
from perfproof.model.recording import Outcome
from perfproof.model.scenario import JsonValue, Request


def run_setup(
    steps: Sequence[Request], pool: Pool, target: Target, secrets: Collection[str], is_over: Callable[[], bool]
) -> dict[str, JsonValue]:
    """Send the steps and return the captured variables.

    LoadError names the step, the status and the masked start of the response. Captured values are masked as well:
    they are tokens more often than not. Once ``is_over`` says so, the step under way is given up.
    """
    captured: dict[str, JsonValue] = {}
    for step in steps:
        name = f"set-up step {step.name!r}"
        variables = {**combinations(step)[0], **captured}
        try:
            message = prepare(step, variables, target.authority, target.prefix)
        except ValueError as error:
            raise LoadError(f"{name} cannot be sent", why=str(error)) from error
        connection = pool.connections[0]
        connection.body = bytearray()
        over = Event()
        connection.send(message, monotonic_ns(), lambda _, over=over: over.set())  # type: ignore[misc]
        while not over.wait(0.05):
            pool.sweep(monotonic_ns())
            if is_over():
                pool.give_up()
        hidden = [*secrets, *(value for value in captured.values() if isinstance(value, str) and len(value) > 3)]
        _check(name, connection, hidden)
        captured.update(_captures(name, step, bytes(connection.body), hidden))
    return captured


def _check(name: str, connection: Connection, hidden: Collection[str]) -> None:
    outcome = Outcome(connection.outcome)
    if outcome is Outcome.OK:
        return
    body = excerpt(bytes(connection.body or b""), hidden)
    if outcome is Outcome.BAD_STATUS:
        raise LoadError(f"{name} was answered with status {connection.status}", why=body or "an empty response")
    problem = excerpt(connection.problem.encode(), hidden)
    raise LoadError(f"{name} failed ({outcome.name.lower()})", why=problem or None)


def _captures(name: str, step: Request, body: bytes, hidden: Collection[str]) -> dict[str, JsonValue]:
    if not step.capture:
        return {}
    try:
        document = json.loads(body)
    except ValueError as error:
        raise LoadError(f"{name}: its response is not JSON", why=excerpt(body, hidden) or "it is empty") from error
    try:
        return {variable: jsonpath.find(document, path) for variable, path in step.capture.items()}
    except (LookupError, ValueError) as error:
        reason = error.args[0] if error.args else str(error)
        raise LoadError(
            f"{name}: cannot capture from its response", why=excerpt(str(reason).encode(), hidden)
        ) from error
