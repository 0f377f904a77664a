"""CPU time that threads use between requests: to be woken, to read what came, to look whose turn it is.

It comes in bursts that are shorter than it takes a sampler to get at the interpreter lock, so most of it is over before
it is seen, and what requests do would be given its share. The threads themselves know it to the nanosecond.
"""

from __future__ import annotations

from _thread import get_ident
from time import thread_time_ns


class _Thread:
    """A thread in which requests begin: how many are under way, and its CPU time when the last of them ended."""

    __slots__ = ("since", "spent", "under_way")

    def __init__(self) -> None:
        self.under_way = 0
        self.since = 0
        self.spent = 0


class Between:
    """What the threads of one process use while no request is under way in them."""

    def __init__(self) -> None:
        self._threads: dict[int, _Thread] = {}

    def begin(self) -> int:
        """Note that a request begins in this thread; returns what ``end`` is to be told."""
        ident = get_ident()
        thread = self._threads.get(ident)
        if thread is None:
            thread = self._threads[ident] = _Thread()
        if not thread.under_way:
            now = thread_time_ns()
            if thread.since > now:  # another thread, which has got the ident of one that has ended
                thread.since = 0
            thread.spent += now - thread.since if thread.since >= 0 else 0
        thread.under_way += 1
        return ident

    def end(self, ident: int) -> None:
        """Note that a request has ended that began in thread ``ident``."""
        thread = self._threads[ident]
        thread.under_way = max(thread.under_way - 1, 0)
        if not thread.under_way:
            thread.since = thread_time_ns() if ident == get_ident() else -1

    def spent(self) -> int:
        """Return nanoseconds of CPU so far, those of the times that have ended."""
        return sum(thread.spent for thread in list(self._threads.values()))

    def within(self, ident: int) -> bool:
        """Tell whether thread ``ident`` is between requests."""
        thread = self._threads.get(ident)
        return thread is not None and not thread.under_way


between = Between()
