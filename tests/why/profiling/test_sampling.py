"""What the sampler in a service makes of what it saw, without a service."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from perfproof.agent.inject.perfproof_agent import sampling
from perfproof.agent.inject.perfproof_agent.sampling import Booked, Sampling

KEY = (1, 2, (3,))


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_a_slice_in_which_whatever_was_seen_waited_for_a_core_is_handed_on_without_shares():
    """Such samples weigh nothing; to divide by their sum once lost that slice and all that came after it."""
    booked = Booked()
    booked.waited[KEY] = 7
    for ran in booked.ran:
        ran[KEY] = 0.0
    burn(0.01)
    assert booked.lines() == {KEY: 7}


def test_a_slice_that_cannot_be_handed_on_costs_none_that_comes_after_it(monkeypatch):
    handed = []

    def hand_on(frames, booked, slice_):
        if slice_ == 1:
            raise RuntimeError("once")
        handed.append(slice_)

    monkeypatch.setattr(sampling, "hand_on", hand_on)
    monkeypatch.setattr(Sampling, "_look", lambda _: None)
    slices = iter([1, 0, 2, 0])
    sampler = Sampling(SimpleNamespace(interval=1_000_000, now=time.perf_counter_ns, slice=lambda: next(slices)))
    sampler._step()
    with pytest.raises(RuntimeError, match="once"):
        sampler._step()
    sampler._step()
    sampler._step()
    assert handed == [2]
