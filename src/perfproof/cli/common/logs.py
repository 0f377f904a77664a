"""``-v``: what is started, asked and decided, with the time of day, on stderr under the one name ``perfproof``.

Everything is logged by the standard library's ``logging``, so a program that uses perfproof can take it elsewhere.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from perfproof.model.formatting import printable

if TYPE_CHECKING:
    from perfproof.rounds.observer import Observer

NAME = "perfproof"


class _Cleaned(logging.Formatter):
    """A line per record: what services and scenarios say is cleaned as everything that reaches a terminal is."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def enable(wanted: bool) -> bool:
    """Log to stderr from now on, if ``wanted``; a second call changes nothing. The callback of ``-v``."""
    logger = logging.getLogger(NAME)
    if wanted and not any(isinstance(each.formatter, _Cleaned) for each in logger.handlers):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Cleaned("%(asctime)s.%(msecs)03d %(name)s: %(message)s", "%H:%M:%S"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    return wanted


def enabled() -> bool:
    """Tell whether it was asked for."""
    return logging.getLogger(NAME).isEnabledFor(logging.INFO)


class Logged:
    """An observer that logs what another one shows."""

    def __init__(self, shown: Observer) -> None:
        self._shown = shown
        self._log = logging.getLogger(f"{NAME}.measuring")

    def phase(self, text: str) -> None:
        """Log what is going on now."""
        self._log.info("%s", text)
        self._shown.phase(text)

    def round(self, number: int, total: int) -> None:
        """Log that a round begins."""
        self._log.info("round %d of %d", number, total)
        self._shown.round(number, total)

    def block(self, done: int, total: int) -> None:
        """Pass it on; there are too many blocks for a log."""
        self._shown.block(done, total)

    def estimate(self, text: str) -> None:
        """Log what is known so far."""
        if text:
            self._log.info("so far %s", text)
        self._shown.estimate(text)

    def time_left(self, seconds: float) -> None:
        """Log how long the rest takes at most."""
        self._log.info("at most %.0f s left", seconds)
        self._shown.time_left(seconds)

    def note(self, text: str) -> None:
        """Log what was decided."""
        self._log.info("%s", text)
        self._shown.note(text)
