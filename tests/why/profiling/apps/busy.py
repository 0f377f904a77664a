"""Functions whose time is known; ``EXTRA_US`` is the one a change has brought."""

import json
import os
import time

EXTRA = int(os.environ.get("EXTRA_US", "0")) * 1000
LOOPS = int(os.environ.get("LOOPS", "0"))


def burn(ns: int) -> None:
    end = time.thread_time_ns() + ns
    while time.thread_time_ns() < end:
        pass


def usual() -> None:
    burn(2_000_000)


def injected() -> None:
    burn(EXTRA)


def step(number: int) -> int:
    return number * number % 7


def calls() -> int:
    """Work that consists of calls, which a hook on each call would make slower."""
    return sum(step(number) for number in range(LOOPS))


def respond() -> str:
    usual()
    injected()
    calls()
    return json.dumps({"ok": True})
