"""Signals that ask perfproof to end: all of them do what Ctrl-C does, so that everything is stopped and put back."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""What asks for the end beside SIGINT: by default each would end the process on the spot, with nothing cleaned up."""

TOGETHER = 0.5
"""Seconds within which signals are one wish: a terminal and a program above (make, a CI) may both pass it on."""


def end_by_exception() -> None:
    """Let every signal of ``ENDING`` raise KeyboardInterrupt; SIGHUP that is ignored (``nohup``) stays so.

    The others are ignored in whatever a script starts with ``&``, which is no wish of anybody's.
    """

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the signature of a handler
        raise KeyboardInterrupt

    for number in ENDING:
        if not _unheard(number):
            signal.signal(number, interrupt)


def end_undisturbed() -> None:
    """Ignore what asks for the end: it has come, and the exit code is known."""
    for number in (signal.SIGINT, *ENDING):
        signal.signal(number, signal.SIG_IGN)


def _unheard(number: signal.Signals) -> bool:
    return number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back every signal that asks for the end until the block is over, then deliver it: for milliseconds only.

    For what must not stop half-way: a process that was started and is not yet known cannot be ended by anyone.
    Rejected: blocking the signals in the kernel, since a process started meanwhile would inherit that.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is ever interrupted
        return
    heard: list[int] = []
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, *ENDING)}
    replaced = [each for each, handler in before.items() if callable(handler)]
    try:
        for each in replaced:
            signal.signal(each, lambda number, _frame: heard.append(number))
        yield
    finally:
        for each in replaced:
            signal.signal(each, before[each])
        for number in heard:
            signal.raise_signal(number)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first signal that asks for the end into KeyboardInterrupt; a second one ends the process at once.

    Then nothing is cleaned up here: the guards end the services, and the next command takes away what is left.
    """
    first: float | None = None

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        nonlocal first
        if first is None:
            first = time.monotonic()
            raise KeyboardInterrupt
        if time.monotonic() - first > TOGETHER:
            os.write(2, b"ended at once; the next perfproof command takes away what is left\n")
            os._exit(130)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    hook = sys.unraisablehook

    def try_again(unraisable: Any) -> None:
        """Deliver an interruption anew that hit a callback of the garbage collector, where it is swallowed."""
        nonlocal first
        if unraisable.exc_type is not KeyboardInterrupt:
            hook(unraisable)
            return
        first = None
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()

    before = {each: signal.getsignal(each) for each in (signal.SIGINT, *ENDING)}
    heard = [each for each in before if not _unheard(each)]
    for each in heard:
        signal.signal(each, interrupt)
    sys.unraisablehook = try_again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for each in heard:
            signal.signal(each, before[each])
