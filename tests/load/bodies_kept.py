"""Prints what one connection still holds of bodies after a plain request, a checked one, a failed one, plain ones."""

from __future__ import annotations

import locust  # noqa: F401 # isort: skip - it replaces parts of the standard library
import sys
from itertools import count
from time import monotonic_ns

from gevent import get_hub
from gevent.event import Event

from perfproof.http.exchange import Place, handling_of, message_of
from perfproof.http.message import outgoing
from perfproof.http.pool import Pool
from perfproof.http.redirect import AllowedOrigins
from perfproof.http.target import locate
from perfproof.model.scenario import Expect, Request

target = locate(sys.argv[1], ())
family, address = target.addresses[0]
pool = Pool(get_hub().loop, (family, (address, target.port)), 1, count(1).__next__)
connection = pool.connections[0]


def held_after(request: Request, times: int = 1) -> int | None:
    for _ in range(times):
        out = outgoing(request, {})
        handling = handling_of(request, {}, Place(target, AllowedOrigins(())), out)
        over = Event()
        connection.send(
            message_of(request, out, target.authority, handling=handling),
            monotonic_ns(),
            lambda _, over=over: over.set(),
        )
        assert over.wait(5)
    return None if connection.body is None else len(connection.body)


print(
    held_after(Request("plain", "GET", "/big/60000")),
    held_after(Request("checked", "GET", "/ok", expect=Expect(json={"$.ok": True}))),
    held_after(Request("cut off", "GET", "/short", expect=Expect(json={"$.ok": True}))),
    held_after(Request("plain", "GET", "/big/60000"), times=20),
)
