"""Lets the users of a Locust file begin tasks only while their arm has its turn.

Blocks of two arms alternate, and users are not started anew for each: they would log in again and again. So users stay,
and at the end of a block each ends the task it is in and then stands still, waiting times included, until the next
block of its arm. Locust has no such pause; the two methods that every TaskSet goes through before a task and between
tasks are therefore replaced in this process (``patch_locust``).
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns
from typing import Any

import gevent
from gevent.event import Event
from locust import TaskSet
from locust.exception import StopUser

from perfproof.load.locust.trace_headers import TraceEnvironment


class PauseGate:
    """Closed at first. ``parked`` users are in no task; ``overtime_ns`` is how long after closing others ended theirs.

    Its clock stands still while it is closed.
    """

    def __init__(self) -> None:
        self.parked = 0
        self.overtime_ns = 0
        self._opened = Event()
        self._over = False
        self._stood = 0
        self._closed_at = monotonic_ns()

    def open(self) -> None:
        """Let users begin tasks."""
        self._stood += monotonic_ns() - self._closed_at
        self.overtime_ns = 0
        self._opened.set()

    def close(self) -> None:
        """Let no user begin another task."""
        if self._opened.is_set():
            self._opened.clear()
            self._closed_at = monotonic_ns()

    def dismiss(self) -> None:
        """Have every user stop for good, as soon as it is in no task."""
        self._over = True
        self._opened.set()

    def clock(self) -> int:
        """Return the time of this arm, in ns: of the moments when it was open."""
        return (monotonic_ns() if self._opened.is_set() else self._closed_at) - self._stood

    def stood(self) -> int:
        """Return for how long it has been closed, in ns."""
        return monotonic_ns() - self.clock()

    def enter(self) -> None:
        """Return when the user may begin a task; StopUser when it never will."""
        if not self._opened.is_set():
            self._park()
            try:
                # Again after waking: a short block may have closed the gate before this greenlet had its turn.
                while not self._opened.is_set():
                    self._opened.wait()
            finally:
                self.parked -= 1
        if self._over:
            raise StopUser

    def sleep(self, seconds: float) -> None:
        """Return when the arm has had ``seconds`` of its time; StopUser when it has no more."""
        # Slept by the arm's clock, not by the wall's: while the other arm has its turn, think times would run out all
        # at once, and the next block would begin with every user at the same time.
        due = self.clock() + int(seconds * 1e9)
        self._park()
        try:
            gevent.sleep(max(0.0, seconds))
            while not self._over and (not self._opened.is_set() or self.clock() < due):
                if self._opened.is_set():
                    gevent.sleep((due - self.clock()) / 1e9)
                else:
                    self._opened.wait()
        finally:
            self.parked -= 1
        if self._over:
            raise StopUser

    def _park(self) -> None:
        self.parked += 1
        if not self._opened.is_set():
            self.overtime_ns += monotonic_ns() - self._closed_at


class PauseEnvironment(TraceEnvironment):
    """An environment whose users heed its pause gate."""

    turnstile: PauseGate


def patch_locust() -> None:
    """Have the users of every TurnEnvironment pass its pause gate; to be called once in a process."""
    kind: Any = TaskSet
    begin, sleep = kind.execute_next_task, kind._sleep

    def execute_next_task(self: TaskSet) -> None:
        environment = self.user.environment
        if isinstance(environment, PauseEnvironment):
            _standing(self, environment.turnstile, environment.turnstile.enter)
        begin(self)

    def _sleep(self: TaskSet, seconds: float) -> None:
        environment = self.user.environment
        if isinstance(environment, PauseEnvironment):
            _standing(self, environment.turnstile, lambda: environment.turnstile.sleep(seconds))
        else:
            sleep(self, seconds)

    kind.execute_next_task = execute_next_task
    kind._sleep = _sleep


def _standing(tasks: TaskSet, turnstile: PauseGate, act: Callable[[], None]) -> None:
    """Act, then take the time that the user stood still out of what ``constant_pacing`` believes its task took."""
    before = turnstile.stood()
    act()
    seconds = (turnstile.stood() - before) / 1e9
    if seconds > 0:
        owner: Any = tasks
        while owner is not None:
            owner._cp_last_run += seconds
            owner = owner.parent if isinstance(owner, TaskSet) else None
