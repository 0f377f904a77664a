from __future__ import annotations

from dataclasses import replace

from perfproof.model.recording import Block, Outcome, Recording, Samples
from perfproof.stats.columns import Side, completed
from perfproof.stats.failures import count_failures
from perfproof.verdict.health import closing, connection_facts
from recording_builders import make_recording


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


def closing_side(resent: int = 0, lost: int = 0) -> list[Block]:
    made = make_recording(rounds=2)
    return [replace(b, resent=resent, lost=lost) for r in made.rounds for b in r.blocks if b.arm == 1]


def test_requests_sent_again_are_told_with_what_to_do() -> None:
    blocks = closing_side(resent=1)
    reasons, (warning,) = closing(blocks)
    assert not reasons
    assert warning.startswith(f"{len(blocks)} requests met a connection that the service was closing")
    assert "their time is not used" in warning
    assert "longer keep-alive timeout" in warning


def test_few_lost_requests_are_told_and_many_void_the_measurement() -> None:
    reasons, (warning,) = closing(closing_side(lost=1))
    assert not reasons
    assert "were left out" in warning
    (reason,), warnings = closing([replace(b, lost=b.sent) for b in closing_side()])
    assert not warnings
    assert reason.startswith("50 % of requests met a connection that the service closed unanswered")


def test_neither_counts_as_failed_and_only_the_first_try_counts_for_latency() -> None:
    made = make_recording(rounds=2)
    rounds = []
    for each in made.rounds:
        columns = dict(each.samples.columns)
        columns["outcome"] = columns["outcome"].copy()
        columns["outcome"][::10], columns["outcome"][5::10] = Outcome.RESENT, Outcome.LOST
        rounds.append(replace(each, samples=Samples(columns)))
    side = Side(Recording(made.info, tuple(rounds)), 1)
    total = count_failures(side)["all"]
    assert total.failed == 0
    outcomes = [r.samples["outcome"][r.samples["arm"] == 1] for r in rounds]
    assert total.sent == sum(int((o != Outcome.LOST).sum()) for o in outcomes)
    assert all((r.samples["outcome"][completed(r, 1)] == Outcome.OK).all() for r in rounds)
