"""CPU time of the threads in which requests begin: what they use while one is under way, and between requests.

Between requests a thread is woken, reads what came and looks whose turn it is: bursts that are shorter than it takes a
sampler to get at the interpreter lock, so most of it is over before it is seen, and what requests do would be given its
share. The threads themselves know it to the nanosecond.
"""

from __future__ import annotations

from _thread import get_ident, get_native_id
from time import thread_time_ns


class _Thread:
    """How many requests are under way in a thread, since when on its clock (-1: unknown), and what it has used."""

    __slots__ = ("between", "native", "since", "under_way", "within")

    def __init__(self) -> None:
        self.native = 0
        self.under_way = 0
        self.since = 0
        self.within = 0
        self.between = 0


class Between:
    """The threads of one process in which requests begin."""

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
            thread.between += now - thread.since if thread.since >= 0 else 0
            thread.native, thread.since = get_native_id(), now
        thread.under_way += 1
        return ident

    def end(self, ident: int) -> None:
        """Note that a request has ended that began in thread ``ident``."""
        thread = self._threads[ident]
        thread.under_way = max(thread.under_way - 1, 0)
        if not thread.under_way:
            now = thread_time_ns() if ident == get_ident() else -1
            thread.within += now - thread.since if now >= thread.since >= 0 else 0
            thread.since = now

    def used(self) -> tuple[int, int]:
        """Return nanoseconds of CPU so far, while requests were under way and between them."""
        threads = list(self._threads.values())
        within = sum(thread.within + _since(thread) for thread in threads)
        return within, sum(thread.between for thread in threads)

    def knows(self, ident: int) -> bool:
        """Tell whether requests begin in thread ``ident``."""
        return ident in self._threads

    def idles(self, ident: int) -> bool:
        """Tell whether thread ``ident`` is one in which requests begin, and none is under way there."""
        thread = self._threads.get(ident)
        return thread is not None and not thread.under_way


def _since(thread: _Thread) -> int:
    """Return the CPU that a thread has used for requests which are still under way."""
    if not thread.under_way:
        return 0
    try:
        with open("/proc/self/task/%d/schedstat" % thread.native, "rb", 0) as file:
            return max(int(file.read(80).split()[0]) - thread.since, 0)
    except (OSError, ValueError, IndexError):  # ended before its request did, or not shown on this system
        return 0


between = Between()
