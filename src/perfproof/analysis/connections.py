"""What the connections of the load tell: how many were opened, and how long that took."""

from __future__ import annotations

from perfproof.analysis.columns import Side
from perfproof.analysis.words import count_of, in_unit


def connection_facts(side: Side) -> str:
    """Return how many connections this side's requests opened and what each cost; empty where nobody counted."""
    blocks = [block for a_round in side.rounds for block in a_round.blocks if block.arm == side.arm]
    opened, sent = sum(b.opened for b in blocks), sum(b.sent for b in blocks)
    if not opened:
        return ""
    each = in_unit(sum(b.connecting_ns for b in blocks) / opened / 1e6, "ms")
    return f"{opened:,} opened for {count_of(sent, 'request')}, {each} each, which is part of their latency"
