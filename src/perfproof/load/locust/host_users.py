"""The Locust user that each worker gets: it sets going what the worker's engine hands out."""

from __future__ import annotations

import gevent
from gevent.event import Event
from gevent.queue import Queue
from locust import User, constant, task

from perfproof.load.hosts import run_source
from perfproof.load.traffic import LoadSource


class HostUser(User):
    """One on each of several workers, who runs all the sources that its engine hands out."""

    abstract = True
    wait_time = constant(0)
    sources: Queue
    ready: Event

    @task
    def load(self) -> None:
        """Set the next source going, once there is one."""
        self.ready.set()
        source: LoadSource = self.sources.get()
        gevent.spawn(run_source, source)


def host_class(sources: Queue, ready: Event, count: int) -> type[User]:
    """Return the class of ``count`` host users, one for each worker; each sets ``ready`` once it runs."""
    return type("HostUser", (HostUser,), {"abstract": False, "sources": sources, "ready": ready, "fixed_count": count})
