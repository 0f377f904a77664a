"""Waiting for quiet, on a clock of its own."""

import pytest

from perfproof.databases.idle import Look, Quiet

BUSY = Look(frozenset({"one"}), 0)


class Scripted:
    """Looks in order, the last for ever; sleeping moves the clock."""

    def __init__(self, *looks):
        self.looks, self.now, self.seen = list(looks), 0.0, 0
        self.quiet = Quiet(self.look, clock=lambda: self.now, sleep=self.sleep)

    def look(self):
        self.seen += 1
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def sleep(self, seconds):
        self.now += seconds


def idle(mark):
    return Look(frozenset(), mark)


def test_after_a_request_two_equal_idle_looks_are_needed():
    scripted = Scripted(BUSY, idle(1), idle(2), idle(2))
    assert scripted.quiet.wait(after_request=True) == ()
    assert scripted.seen == 4


def test_right_after_a_quiet_moment_one_look_is_enough():
    scripted = Scripted(idle(1))
    scripted.quiet.wait(after_request=True)
    before = scripted.seen
    scripted.quiet.wait(after_request=False)
    assert scripted.seen == before + 1
    scripted.now += 1
    scripted.quiet.wait(after_request=False)
    assert scripted.seen == before + 3


def test_who_never_comes_to_rest_is_waited_for_once():
    scripted = Scripted(BUSY)
    (doubt,) = scripted.quiet.wait(after_request=True)
    assert "stayed busy" in doubt
    waited = scripted.now
    assert waited == pytest.approx(3, abs=0.1)
    assert scripted.quiet.wait(after_request=True) == (doubt,)
    assert scripted.now < waited + 0.1


def test_constant_activity_is_doubted():
    scripted = Scripted(*[idle(mark) for mark in range(5000)])
    (doubt,) = scripted.quiet.wait(after_request=True)
    assert "all the time" in doubt
