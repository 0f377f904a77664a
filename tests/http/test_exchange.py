"""What is sent when a response was a redirect."""

from __future__ import annotations

import pytest

from perfproof.http.exchange import Place, attentive
from perfproof.http.message import outgoing
from perfproof.http.redirect import Ways
from perfproof.http.reply import Reply
from perfproof.http.target import Target
from perfproof.model.scenario import Request

PLACE = Place(Target((), 8000, "127.0.0.1:8000", host="127.0.0.1"), Ways(()))


@pytest.mark.parametrize("hops", [1, 3])
def test_every_hop_says_which_request_of_the_scenario_it_belongs_to(hops):
    request = Request(name="items", method="GET", path="/items", follow_redirects=hops)
    care = attentive(request, {}, PLACE, outgoing(request, {}), number=7)
    for hop in range(hops):
        message = care.follow(Reply(307, [(b"Location", b"/items/%d" % hop)], b"", 0))
        assert message.request == 7
        assert b"GET /items/%d HTTP/1.1" % hop in message.data
        assert b"-7065726670000007-01" in message.data
        care = message.care
    assert care.follow(Reply(307, [(b"Location", b"/items/again")], b"", 0)) is None
