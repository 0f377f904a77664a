from __future__ import annotations

from dataclasses import replace

import pytest

from perfproof.judge import analyse
from perfproof.model.recording import Recording, Samples
from perfproof.model.result import Verdict
from recording_builders import make_recording


def ended_after(nanoseconds: int, *, wire: int = 300) -> Recording:
    """Return runs in which every third response of the candidate ended so long after its first byte."""
    made = make_recording(rounds=3)
    rounds = []
    for each in made.rounds:
        columns = {name: column.copy() for name, column in each.samples.columns.items()}
        columns["first_byte_ns"] = columns["done_ns"] - 1000
        late = columns["arm"] == 1
        late[::3] = False
        columns["done_ns"][late] = columns["first_byte_ns"][late] + nanoseconds
        columns["bytes"][:] = wire
        rounds.append(replace(each, samples=Samples(columns)))
    return Recording(made.info, tuple(rounds))


def unsteady(recording: Recording) -> Recording:
    rounds = [replace(each, arms=tuple(replace(arm, steady=False) for arm in each.arms)) for each in recording.rounds]
    return Recording(recording.info, tuple(rounds))


def told(recording: Recording) -> list[str]:
    return [each for each in analyse(recording).comparability.warnings if "after their first byte" in each]


def test_responses_that_are_held_back_for_an_acknowledgement_are_told_with_their_cure() -> None:
    (sentence,) = told(ended_after(43_700_000))
    assert "of responses of candidate ended 40 ms after their first byte" in sentence
    assert sentence.endswith("set TCP_NODELAY, or send head and body in one write.")


@pytest.mark.parametrize(("nanoseconds", "wire"), [(20_000_000, 300), (90_000_000, 300), (43_700_000, 200_000)])
def test_other_pauses_and_long_bodies_are_not_taken_for_it(nanoseconds: int, wire: int) -> None:
    assert not told(ended_after(nanoseconds, wire=wire))


def test_a_warm_up_that_cannot_become_steady_for_it_voids_nothing() -> None:
    result = analyse(unsteady(ended_after(43_700_000)))
    assert result.verdict is Verdict.INVALID, "for the baseline"
    assert "baseline was not steady after warm-up in 3 of 3 rounds: warm up longer." in result.sentence
    assert "1 more reason" not in result.sentence
    assert "candidate was not steady after warm-up in 3 of 3 rounds." in result.comparability.warnings
