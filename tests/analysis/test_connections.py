from __future__ import annotations

from dataclasses import replace

from analysis.builders import make_recording
from perfproof.analysis.columns import Side
from perfproof.analysis.connections import connection_facts
from perfproof.model.recording import Recording


def opening(count: int, nanoseconds: int) -> Side:
    made = make_recording(rounds=2)
    rounds = [
        replace(r, blocks=tuple(replace(b, opened=count, connecting_ns=nanoseconds) for b in r.blocks))
        for r in made.rounds
    ]
    return Side(Recording(made.info, tuple(rounds)), 1)


def test_what_connecting_took_is_told_apart_from_latency() -> None:
    told = connection_facts(opening(4, 6_000_000))
    blocks = [b for r in make_recording(rounds=2).rounds for b in r.blocks if b.arm == 1]
    assert told == (
        f"{4 * len(blocks)} opened for {sum(b.sent for b in blocks):,} requests, 1.5 ms each, "
        "which is part of their latency"
    )


def test_where_no_connection_was_counted_nothing_is_told() -> None:
    assert connection_facts(opening(0, 0)) == ""
