"""Server-sent events, in whatever pieces they come."""

from __future__ import annotations

import pytest

from perfproof.http.event_stream import EventReader

STREAM = (
    "\ufeff: hello\r\n\r\ndata: one\n\nevent: tick\rid: 7\rdata: two\rdata:  three\r\rretry: 5\n\ndata\n\n"
    "data: märz\n\ndata: not whole"
).encode()
EVENTS = [b"one", b"two\n three", "märz".encode()]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_the_same_however_they_are_cut(size: int) -> None:
    reader = EventReader()
    found = [event for at in range(0, len(STREAM), size) for event in reader.feed(STREAM[at : at + size])]
    assert found == EVENTS


def test_an_event_is_told_with_the_piece_that_ends_it() -> None:
    reader = EventReader()
    assert reader.feed(b"data: a\n") == []
    assert reader.feed(b"\ndata: b\n\n") == [b"a", b"b"]
