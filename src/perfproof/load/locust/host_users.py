"""The Locust user classes: each waits for a source of load and runs it; Locust places and keeps the users."""

from __future__ import annotations

import gevent
from gevent.event import Event
from gevent.queue import Queue
from locust import User, constant, task

from perfproof.load.traffic import LoadSource


class SourceUser(User):
    """A user whose task is to run the sources that the engine hands out, one after another."""

    abstract = True
    wait_time = constant(0)
    sources: Queue

    @task
    def load(self) -> None:
        """Run the next source, once there is one."""
        run_source(self.sources.get())


class PacerUser(SourceUser):
    """Open model: exactly one, who walks the schedule of each block."""

    abstract = True
    fixed_count = 1


class ClosedUser(SourceUser):
    """Closed model: as many as the scenario has users, each a loop of its own."""

    abstract = True


class HostUser(User):
    """One on each of several workers, who runs all the sources that its engine hands out.

    Not a SourceUser, whose task it would have besides its own.
    """

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


def run_source(source: LoadSource) -> None:
    """Run a source; what makes it fail is left on it, where the engine finds it."""
    try:
        source.run()
    except Exception as error:  # noqa: BLE001 - Locust would log it and go on; the engine raises it instead
        source.error = error
        source.done.set()


def user_class(model: str, sources: Queue) -> type[User]:
    """Return the user class for a load model, bound to the queue that it takes its sources from."""
    base = PacerUser if model == "open" else ClosedUser
    return type(base.__name__, (base,), {"abstract": False, "sources": sources})
