"""Whether Locust is installed, which Locust files and several workers need."""

from __future__ import annotations

from importlib.util import find_spec

from perfproof.errors import UsageError
from perfproof.model.scenario import Scenario
from perfproof.scenario.places import place_at

INSTALL = "pip install 'perfproof[locust]'"


def require_locust(scenario: Scenario) -> None:
    """Raise UsageError, with its place, where a scenario needs Locust and it is not installed."""
    load = scenario.load
    if scenario.locustfile is not None:
        refuse_without_locust("a Locust file makes the requests", place_at(scenario, ("locustfile",)))
    elif load.workers > 1 or load.listen:
        where = place_at(scenario, ("load", "workers"), ("load", "listen"))
        refuse_without_locust("several workers share the load, connected by Locust", where)


def refuse_without_locust(why: str, where: str | None = None) -> None:
    """Raise UsageError where Locust is not installed; ``why`` says what it is needed for."""
    if find_spec("locust") is None:
        raise UsageError("Locust is not installed", where=where, why=why, hint=INSTALL)
