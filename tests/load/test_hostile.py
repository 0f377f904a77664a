"""A server that does its worst: whatever it sends is counted as what it is, and the load goes on afterwards."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from perfproof.model.recording import Outcome
from perfproof.model.scenario import Expect, Load, Request

pytestmark = pytest.mark.server

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

BAD = {
    "nothing": (b"", {"CLOSED"}),
    "half a status line": (b"HTTP/1.1 2", {"CLOSED"}),
    "half a header": (b"HTTP/1.1 200 OK\r\ncontent-le", {"CLOSED"}),
    "an early end": (b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort", {"CLOSED"}),
    "a chunk cut short": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhel", {"CLOSED"}),
    "chunks without an end": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n", {"CLOSED"}),
    "a chunk of no size": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n", {"PROTOCOL"}),
    "a chunk longer than said": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
        {"PROTOCOL"},
    ),
    "a negative length": (b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello", {"PROTOCOL"}),
    "a length that is no number": (b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\nhello", {"PROTOCOL"}),
    "a length beyond all": (b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\nx", {"PROTOCOL"}),
    "two lengths": (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nokk", {"PROTOCOL"}),
    "length and chunks": (
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        {"PROTOCOL"},
    ),
    "more than announced": (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok and more", {"PROTOCOL"}),
    "a second response": (OK + OK, {"PROTOCOL"}),
    "a header without a name": (b"HTTP/1.1 200 OK\r\n: x\r\n\r\n", {"PROTOCOL"}),
    "a header with a zero": (b"HTTP/1.1 200 OK\r\na: \0\r\ncontent-length: 0\r\n\r\n", {"PROTOCOL"}),
    "an endless header": (b"HTTP/1.1 200 OK\r\na: " + b"x" * 300_000, {"PROTOCOL"}),
    "endless headers": (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 50_000, {"PROTOCOL"}),
    "endless interim responses": (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20_000, {"PROTOCOL", "CLOSED"}),
    "another protocol": (b"220 mail.example.com ESMTP\r\n", {"PROTOCOL"}),
    "another version": (b"HTTP/7.3 200 OK\r\ncontent-length: 0\r\n\r\n", {"PROTOCOL"}),
    "a status of two digits": (b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n", {"PROTOCOL", "BAD_STATUS"}),
    "a status of four digits": (b"HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n", {"PROTOCOL"}),
    "line feeds alone": (b"HTTP/1.1 200 OK\ncontent-length: 2\n\nok", {"OK", "PROTOCOL"}),
    "zeros": (b"\0" * 1000, {"PROTOCOL"}),
}


class Hostile:
    """Answers each request with what its path names, then closes, and any other path properly."""

    def __init__(self) -> None:
        self.answers = {f"/{number}": data for number, (data, _) in enumerate(BAD.values())}
        rng = random.Random(7)
        for number in range(40):
            broken = bytearray(OK)
            for _ in range(rng.randint(1, 6)):
                broken[rng.randrange(len(broken))] = rng.randrange(256)
            self.answers[f"/noise{number}"] = bytes(broken)
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.good = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while head := connection.recv(65536):
                    path = head.split(b" ", 2)[1].decode()
                    bad = self.answers.get(path)
                    connection.sendall(OK if bad is None else bad)
                    self.good += bad is None
                    if bad is not None:
                        return
            except OSError:
                return


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    server = Hostile()
    yield server
    server.socket.close()


@pytest.mark.parametrize("looked_at", [False, True], ids=["status only", "body looked at"])
def test_every_misbehaviour_is_counted_as_what_it_is_and_the_pool_recovers(looked_at, hostile, start_load, sealed):
    expect = Expect(contains=("ok",)) if looked_at else Expect()
    requests = [Request(name, "GET", f"/{number}", timeout=3.0, expect=expect) for number, name in enumerate(BAD)]
    noise = [Request(f"n{number}", "GET", f"/noise{number}", timeout=1.0, expect=expect) for number in range(40)]
    good = Request("good", "GET", "/good", weight=30.0, expect=expect)
    load = start_load(*requests, *noise, good, load=Load(rate=400, connections=16))
    load.open(0, hostile.url)
    report = load.block(0, 0, 0, 1.5, seed=1)
    columns = sealed(load)
    assert report.intended == 600 == report.sent == report.completed + report.failed
    for number, (name, (_, allowed)) in enumerate(BAD.items()):
        mine = {Outcome(value).name for value in columns["outcome"][columns["request"] == number]}
        if looked_at:
            mine = {"OK" if each == "UNEXPECTED" else each for each in mine}
        assert mine, name
        assert mine <= allowed, name
    ended_well = columns["outcome"][columns["request"] == len(requests) + len(noise)]
    assert set(ended_well) == {Outcome.OK}
    assert len(ended_well) == hostile.good
    after = load.block(0, 1, 0, 0.2, seed=2)
    assert after.intended == after.sent


def test_bodies_of_ten_megabytes_do_not_stay_in_memory(server, start_load, sealed):
    import psutil

    load = start_load(
        Request("big", "GET", "/big/10000000", timeout=20.0), load=Load(model="closed", users=4, connections=4)
    )
    load.open(0, server.url)
    load.block(0, 0, 0, 0.5, seed=1)
    before = psutil.Process(load.pid).memory_info().rss
    report = load.block(0, 1, 0, 1.0, seed=2)
    assert report.failed == 0
    assert psutil.Process(load.pid).memory_info().rss - before < 30_000_000
    assert set(sealed(load)["bytes"]) == {10_000_000}


def test_answers_that_come_byte_by_byte_are_timed_to_their_last_byte(server, start_load, sealed):
    load = start_load(Request("slow", "GET", "/trickle"), load=Load(rate=20))
    load.open(0, server.url)
    assert load.block(0, 0, 0, 0.5, seed=1).completed == 10
    columns = sealed(load)
    assert (columns["done_ns"] - columns["first_byte_ns"] > 5_000_000).all()
    assert np.all(columns["bytes"] == 12)
