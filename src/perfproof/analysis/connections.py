"""What the connections of the load tell: how many were opened, how long that took, and which were closed too early."""

from __future__ import annotations

from collections.abc import Sequence

from perfproof.analysis.columns import Side
from perfproof.analysis.words import count_of, in_unit, percent
from perfproof.model.recording import Block

MOST_LOST = 0.05
"""Share of requests that may be left out because they met a closing connection; more void the measurement."""


def connection_facts(side: Side) -> str:
    """Return how many connections this side's requests opened and what each cost; empty where nobody counted."""
    blocks = [block for a_round in side.rounds for block in a_round.blocks if block.arm == side.arm]
    opened, sent = sum(b.opened for b in blocks), sum(b.sent for b in blocks)
    if not opened:
        return ""
    each = in_unit(sum(b.connecting_ns for b in blocks) / opened / 1e6, "ms")
    return f"{opened:,} opened for {count_of(sent, 'request')}, {each} each, which is part of their latency"


def closing(blocks: Sequence[Block]) -> tuple[list[str], list[str]]:
    """Judge the requests that met a connection which the service was closing: reasons that void, and warnings."""
    resent, lost = sum(b.resent for b in blocks), sum(b.lost for b in blocks)
    sent = sum(b.sent for b in blocks) + lost
    cure = "Give the service a longer keep-alive timeout."
    if lost > MOST_LOST * sent:
        share = percent(lost / sent, signed=False)
        return [f"{share} of requests met a connection that the service closed unanswered. {cure}"], []
    warnings = []
    if resent:
        warnings.append(
            f"{count_of(resent, 'request')} met a connection that the service was closing and were sent again on a new "
            f"one; their time is not used. {cure}"
        )
    if lost:
        warnings.append(
            f"{count_of(lost, 'request')} met a connection that the service was closing and were left out: what may "
            f"change something is not sent twice. {cure}"
        )
    return [], warnings
