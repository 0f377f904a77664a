"""What is sent when a response was a redirect."""

from __future__ import annotations

import pytest

from perfproof.http.exchange import Place, handling_of
from perfproof.http.message import outgoing
from perfproof.http.redirect import AllowedOrigins
from perfproof.http.reply import Reply
from perfproof.http.target import Target
from perfproof.model.scenario import Request

PLACE = Place(Target((), 8000, "127.0.0.1:8000", host="127.0.0.1"), AllowedOrigins(()))


@pytest.mark.parametrize("hops", [1, 3])
def test_every_hop_says_which_request_of_the_scenario_it_belongs_to(hops):
    request = Request(name="items", method="GET", path="/items", follow_redirects=hops)
    handling = handling_of(request, {}, PLACE, outgoing(request, {}), number=7)
    for hop in range(hops):
        message = handling.follow(Reply(307, [(b"Location", b"/items/%d" % hop)], b"", 0))
        assert message.request == 7
        assert b"GET /items/%d HTTP/1.1" % hop in message.data
        assert b"-7065726670000007-01" in message.data
        handling = message.handling
    assert handling.follow(Reply(307, [(b"Location", b"/items/again")], b"", 0)) is None
