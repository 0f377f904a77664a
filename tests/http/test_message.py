from __future__ import annotations

import json

import httptools
import pytest

from perfproof.http.exchange import ANY_2XX, prepare
from perfproof.model.scenario import Expect, Request


class Seen:
    def __init__(self, data: bytes) -> None:
        self.headers: dict[str, str] = {}
        self.body = b""
        self.url = ""
        self.complete = False
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(data)
        self.method = parser.get_method().decode()

    def on_url(self, url: bytes) -> None:
        self.url += url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        assert name.decode() not in self.headers
        self.headers[name.decode()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


def test_a_prepared_request_is_what_a_parser_reads():
    request = Request(
        "r", "POST", "/a/{x}?y={x}", {"X-Key": "{k}", "Accept": "text/html"}, {"n": "{n}", "\u00fc": "\u00e4"}
    )
    seen = Seen(prepare(request, {"x": "a b", "k": "v", "n": 3}, "h:1", "/base").data)
    assert (seen.method, seen.url, seen.complete) == ("POST", "/base/a/a%20b?y=a%20b", True)
    assert seen.headers["host"] == "h:1"
    assert seen.headers["accept"] == "text/html"
    assert seen.headers["x-key"] == "v"
    assert seen.headers["content-type"] == "application/json"
    assert json.loads(seen.body) == {"n": 3, "\u00fc": "\u00e4"}


def test_the_id_is_patched_into_its_place_and_nowhere_else():
    message = prepare(Request("r", "PUT", "/", body="0000000000000000"), {}, "h")
    before = bytes(message.data)
    message.data[message.place : message.place + 16] = b"%016x" % 0xABC
    seen = Seen(message.data)
    assert seen.headers["traceparent"] == f"00-{0xABC:032x}-7065726670000000-01"
    assert seen.body == b"0000000000000000"
    assert len(before) == len(message.data) == message.size


@pytest.mark.parametrize(
    ("method", "length"), [("GET", None), ("HEAD", None), ("DELETE", None), ("POST", "0"), ("PUT", "0")]
)
def test_a_request_without_a_body_says_so_where_one_is_expected(method, length):
    assert Seen(prepare(Request("r", method, "/"), {}, "h").data).headers.get("content-length") == length


def test_expectations_and_the_timeout_come_along():
    message = prepare(Request("r", "GET", "/", expect=Expect((200, 404)), timeout=1.5), {}, "h", number=3, variant=4)
    assert 404 in message.accepted
    assert 201 not in message.accepted
    assert (message.timeout_ns, message.request, message.variant) == (1_500_000_000, 3, 4)
    assert Seen(message.data).headers["traceparent"].endswith("-7065726670000003-01")
    assert prepare(Request("r", "GET", "/"), {}, "h").accepted == ANY_2XX


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"X": "{v}"}, "control character"),
        ({"bad name": "x"}, "not a header name"),
        ({"Content-Length": "5"}, "set by perfproof"),
        ({"Traceparent": "5"}, "set by perfproof"),
        ({"X": "{missing}"}, "missing"),
    ],
)
def test_headers_that_could_not_be_sent_truly_are_refused(headers, says):
    with pytest.raises(ValueError, match=says):
        prepare(Request("r", "GET", "/", headers), {"v": "a\r\nX-Forged: 1"}, "h")
