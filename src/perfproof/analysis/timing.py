"""How long measuring took, so that advice and plans can speak of seconds."""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from perfproof.analysis.columns import usable
from perfproof.model.recording import Recording, Round


def measured_seconds(recording: Recording) -> float:
    """Return the seconds from the first start to the last block, as far as the rounds tell, without any pause."""
    rounds = [r for r in recording.rounds if r.blocks]
    if not rounds:
        return 0.0
    whole = (_end(rounds[-1]) - _begin(rounds[0])) / 1e9 + _before_blocks(rounds[0])
    paused = [(a, b) for a, b in pairwise(rounds) if a.number in recording.info.resumed_after]
    return whole - sum((_begin(b) - _end(a)) / 1e9 - _before_blocks(b) for a, b in paused)


def seconds_per_round(recording: Recording) -> float:
    """Return the typical seconds from one round to the next, starts and warm-up included; 0 when unknown."""
    rounds = [r for r in usable(recording) if r.blocks]
    if len(rounds) > 1:
        return float(median((_begin(b) - _begin(a)) / 1e9 for a, b in pairwise(rounds)))
    return (_end(rounds[0]) - _begin(rounds[0])) / 1e9 + _before_blocks(rounds[0]) if rounds else 0.0


def _begin(a_round: Round) -> int:
    return min(block.started_ns for block in a_round.blocks)


def _end(a_round: Round) -> int:
    return max(block.ended_ns for block in a_round.blocks)


def _before_blocks(a_round: Round) -> float:
    """Return the seconds of starting (both arms side by side) and warming up (one after the other)."""
    return max((arm.start_seconds for arm in a_round.arms), default=0.0) + sum(
        arm.warmup_seconds for arm in a_round.arms
    )
