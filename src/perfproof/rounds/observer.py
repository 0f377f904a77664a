"""What a measurement tells while it goes on. The terminal's live display is one observer; silence is another."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Told of progress from the conductor's thread; must return quickly, since it is called between blocks."""

    def phase(self, text: str) -> None:
        """Say what is going on now, e.g. ``starting baseline and candidate``."""

    def round(self, number: int, total: int) -> None:
        """Note that a round begins; ``total`` is the planned number."""

    def block(self, done: int, total: int) -> None:
        """Note that ``done`` of ``total`` blocks of this round are measured."""

    def estimate(self, text: str) -> None:
        """Show the estimate after the rounds so far."""

    def time_left(self, seconds: float) -> None:
        """Show the longest this can still take."""

    def note(self, text: str) -> None:
        """Say something that stays on the screen, e.g. what the planned rounds can see."""


class Silent:
    """An observer that shows nothing."""

    def phase(self, text: str) -> None:
        """Ignore it."""

    def round(self, number: int, total: int) -> None:
        """Ignore it."""

    def block(self, done: int, total: int) -> None:
        """Ignore it."""

    def estimate(self, text: str) -> None:
        """Ignore it."""

    def time_left(self, seconds: float) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Ignore it."""
