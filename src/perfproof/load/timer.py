"""Timers of the Linux kernel with nanosecond times, as events of the loop.

gevent's own timers are rounded up to whole milliseconds by ``epoll_wait``; a timer descriptor wakes the same
``epoll_wait`` within some tens of microseconds of the asked time.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1

# PyDLL keeps the interpreter lock: the call takes less time than giving the lock away and taking it back.
_libc = ctypes.PyDLL(None, use_errno=True)


class _Spec(ctypes.Structure):
    _fields_ = (
        ("every_s", ctypes.c_long),
        ("every_ns", ctypes.c_long),
        ("at_s", ctypes.c_long),
        ("at_ns", ctypes.c_long),
    )


class Timer:
    """Calls ``wake`` in the event loop at times of CLOCK_MONOTONIC."""

    def __init__(self, loop: Any, wake: Callable[[], None]) -> None:
        self._fd = _libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        self._spec = _Spec()
        self._wake = wake
        self._watcher = loop.io(self._fd, 1)
        self._watcher.start(self._fire)

    def at(self, when_ns: int, every_ns: int = 0) -> None:
        """Wake at ``when_ns`` (at once if that is past), and every ``every_ns`` after; replaces what was set."""
        spec = self._spec
        spec.at_s, spec.at_ns = divmod(max(when_ns, 1), 1_000_000_000)
        spec.every_s, spec.every_ns = divmod(every_ns, 1_000_000_000)
        _libc.timerfd_settime(self._fd, _ABSOLUTE, ctypes.byref(spec), None)

    def close(self) -> None:
        """Give the descriptor back."""
        self._watcher.stop()
        self._watcher.close()
        os.close(self._fd)

    def _fire(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return  # it was set anew between the event and now
        self._wake()
