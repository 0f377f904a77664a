"""The time that looking for causes may take, and what it is spent on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from perfproof.errors import PerfproofError, ServiceError
from perfproof.model.scenario import Arm, Explain

WITHOUT_LIMIT = 90.0
"""Seconds beside those of profiles, where nobody set a limit: a pass that takes longer has met something that hangs."""
SETTLING = 1.0
"""Seconds set aside for stopping services and writing down."""


class OutOfTimeError(PerfproofError):
    """A part of the pass is left out or cut, since its time is over. It becomes a note."""


class Allowance:
    """``seconds`` from now on. ``started_in`` is the longest that a start of the service has taken, once known."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self.seconds = max(0.0, seconds)
        self.started_in: float | None = None
        self._now = now
        self._ends = now() + self.seconds

    @staticmethod
    def of(explain: Explain, seconds: float | None, arms: int) -> Allowance:
        """Return what was given, or enough for a service that starts within some seconds."""
        if seconds is None:
            passes = 1 + 2 * explain.memory
            seconds = WITHOUT_LIMIT * passes + (2 * arms * explain.seconds if explain.profile != "off" else 0.0)
        return Allowance(seconds)

    def left(self, keeping: float = 0.0) -> float:
        """Return the seconds left, less those that are kept for something else; never below 0."""
        return max(0.0, self._ends - self._now() - SETTLING - keeping)

    def require(self, seconds: float, what: str, keeping: float = 0.0) -> None:
        """Raise OutOfTimeError where ``what`` would take longer than is left."""
        if seconds > self.left(keeping):
            raise OutOfTimeError(
                f"no time was left for {what}: it takes about {seconds:.0f} s, and {self.left(keeping):.0f} of "
                f"{self.seconds:.0f} s were left",
                hint="give the command more `--time`, or ask for less with `why:`",
            )

    @contextmanager
    def part(self, share: float, keeping: float = 0.0) -> Iterator[Allowance]:
        """Lend a share of what is left, to be spent on one thing."""
        lent = Allowance((self.left(keeping)) * share + SETTLING, self._now)
        lent.started_in = self.started_in
        try:
            yield lent
        finally:
            if lent.started_in is not None:
                self.started_in = max(self.started_in or 0.0, lent.started_in)

    def hurried(self, arm: Arm, keeping: float = 0.0) -> Arm:
        """Return the arm, not to be waited for longer than there is time."""
        patience = min(arm.service.start_timeout, max(1.0, self.left(keeping)))
        return replace(arm, service=replace(arm.service, start_timeout=patience))

    @contextmanager
    def starting(self, arm: Arm, what: str) -> Iterator[None]:
        """Take down how long a start takes, and tell one that the clock ended from one that failed."""
        began = self._now()
        try:
            yield
        except ServiceError as error:
            if arm.service.start_timeout > self.left() and "was not healthy within" in error.what:
                raise OutOfTimeError(
                    f"no time was left for {what}: the service did not start within {self._now() - began:.0f} s",
                    hint="give the command more `--time`",
                ) from error
            raise
        self.started_in = max(self.started_in or 0.0, self._now() - began)
