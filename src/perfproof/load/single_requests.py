"""One request at a time, with everything about its response: what the probe phase sends.

A pool of one connection beside those of the load, so that nothing of it is in the way when blocks are measured. What
is counted and compared is what load waits for: redirects are followed and `expect` is judged as they are there.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import asdict, replace
from time import monotonic_ns
from typing import Any

from gevent.event import Event

from perfproof.http.connection import Connection
from perfproof.http.decode import DecodingError, decode
from perfproof.http.exchange import Message
from perfproof.http.pool import Pool
from perfproof.load.plan import ProbeReply
from perfproof.model.recording import SAMPLE_COLUMNS, Outcome

LARGEST_BODY = 16 * 2**20
"""Bytes of a decoded body that are handed on; what is longer is cut and marked as such."""

_FIRST_BYTE = list(SAMPLE_COLUMNS).index("first_byte_ns")


def pool_of_one(template: Pool) -> Pool:
    """Return a pool of one connection to where ``template`` leads."""
    return Pool(template.loop, template.peer, 1, template.next_id, secure=template.secure)


def send_alone(
    pool: Pool, message: Message, is_over: Callable[[], bool], *, fresh: bool, times: int = 1
) -> dict[str, Any]:
    """Send one request and wait for its response; return a ``ProbeReply`` as plain JSON values.

    With ``fresh`` it opens a connection of its own, so that another process of the service may get it. It is sent
    ``times`` times, each when the one before has been answered, until one is not answered as it should be.
    """
    connection = pool.connections[0]
    message.plain = False  # its headers are looked at
    if fresh:
        connection.close()
    each: list[int] = []
    reply = sent(pool, connection, message, is_over)
    while len(each) < times - 1 and reply.outcome == "ok" and not is_over():
        each.append(reply.took_ns)
        reply = sent(pool, connection, message, is_over)
    return asdict(replace(reply, each_ns=(*each, reply.took_ns) if times > 1 else ()))


def sent(pool: Pool, connection: Connection, message: Message, is_over: Callable[[], bool]) -> ProbeReply:
    """Send one request on a connection and wait for all of its response."""
    seen = bytearray(16)
    first_byte = 0

    def note(*values: int) -> None:
        nonlocal first_byte
        first_byte = values[_FIRST_BYTE]
        seen[:] = values[-1].to_bytes(16, "big")

    pool.record = note
    connection.body = bytearray()
    connection.fields = []
    connection.problem = ""
    over = Event()
    began = monotonic_ns()
    connection.send(message, began, lambda _: over.set())
    pool.await_end(over, message.timeout_ns / 1e9, is_over)
    wire = bytes(connection.body)
    body, problem = wire, connection.problem
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in connection.fields}
    try:
        body = decode(wire, headers.get("content-encoding", ""))
    except DecodingError as error:
        problem = str(error)
    return ProbeReply(
        outcome=Outcome(connection.outcome).name.lower(),
        status=connection.status,
        headers=headers,
        wire=len(wire),
        body=base64.b64encode(body[:LARGEST_BODY]).decode(),
        cut=len(body) > LARGEST_BODY,
        trace=seen.hex(),
        took_ns=connection.done - connection.sent,
        body_ns=connection.done - first_byte if first_byte else 0,
        problem=problem,
    )
