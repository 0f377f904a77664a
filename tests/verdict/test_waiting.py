from __future__ import annotations

from dataclasses import replace

import pytest

from perfproof.judge import analyse
from perfproof.model.recording import Outcome, Recording, Samples
from recording_builders import make_recording


def asked_alone(milliseconds: float, *, slower: float = 1.0, timeouts: bool = False) -> Recording:
    """Return runs whose requests took so long alone and ``slower`` times what they usually do under load."""
    made = make_recording(rounds=3)
    rounds = []
    for each in made.rounds:
        columns = {name: column.copy() for name, column in each.samples.columns.items()}
        columns["done_ns"] = columns["sent_ns"] + ((columns["done_ns"] - columns["sent_ns"]) * slower).astype("int64")
        if timeouts:
            columns["outcome"][1::3] = Outcome.TIMEOUT
        arms = tuple(replace(arm, alone_ns=int(milliseconds * 1e6)) for arm in each.arms)
        rounds.append(replace(each, samples=Samples(columns), arms=arms))
    return Recording(made.info, tuple(rounds))


@pytest.mark.parametrize("timeouts", [False, True])
def test_requests_that_wait_for_one_another_are_told_with_the_usual_reasons(timeouts: bool) -> None:
    result = analyse(asked_alone(5.0, slower=30.0, timeouts=timeouts))
    told = [each for each in result.comparability.warnings if each.startswith("Requests to candidate wait: ")]
    assert len(told) == 1
    assert "one at a time" in told[0]
    assert "gthread" in told[0]


@pytest.mark.parametrize(("alone", "slower"), [(5.0, 1.0), (0.0, 30.0), (200.0, 30.0)])
def test_nothing_is_told_where_they_do_not_or_nobody_looked(alone: float, slower: float) -> None:
    result = analyse(asked_alone(alone, slower=slower))
    assert not [each for each in result.comparability.warnings if "one at a time" in each]
