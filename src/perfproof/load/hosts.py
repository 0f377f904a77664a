"""Greenlets that run what the engine hands out: one for the open model, one for each user of the closed one.

Locust's users did this once. Importing Locust took half a second of CPU in every run, and its 27 packages a third of
the installation, for scenarios that name no Locust file.
"""

from __future__ import annotations

import gevent
from gevent.queue import Queue

from perfproof.load.traffic import LoadSource


def host(count: int) -> Queue:
    """Return a queue whose sources are run by ``count`` greenlets, each one source at a time."""
    sources: Queue = Queue()
    for _ in range(count):
        gevent.spawn(_serve, sources)
    return sources


def run_source(source: LoadSource) -> None:
    """Run a source; what makes it fail is left on it, where the engine finds it and raises it."""
    try:
        source.run()
    except Exception as error:  # noqa: BLE001 - gevent would print it and go on, and the engine would wait for ever
        source.error = error
        source.done.set()


def _serve(sources: Queue) -> None:
    while True:
        run_source(sources.get())
