"""The Locust user classes: each waits for a source of load and runs it; Locust places and keeps the users."""

from __future__ import annotations

from gevent.queue import Queue
from locust import User, constant, task

from perfproof.load.traffic import Source


class SourceUser(User):
    """A user whose task is to run the sources that the engine hands out, one after another."""

    abstract = True
    wait_time = constant(0)
    sources: Queue

    @task
    def load(self) -> None:
        """Run the next source, once there is one."""
        source: Source = self.sources.get()
        try:
            source.run()
        except Exception as error:  # noqa: BLE001 - Locust would log it and go on; the engine raises it instead
            source.error = error
            source.done.set()


class PacerUser(SourceUser):
    """Open model: exactly one, who walks the schedule of each block."""

    abstract = True
    fixed_count = 1


class ClosedUser(SourceUser):
    """Closed model: as many as the scenario has users, each a loop of its own."""

    abstract = True


def user_class(model: str, sources: Queue) -> type[User]:
    """Return the user class for a load model, bound to the queue that it takes its sources from."""
    base = PacerUser if model == "open" else ClosedUser
    return type(base.__name__, (base,), {"abstract": False, "sources": sources})
