"""What a Locust file holds, found out by loading it where load is generated; nothing is started or sent."""

from __future__ import annotations

from perfproof.load.handle import LoadProcess
from perfproof.load.plan import Inspected
from perfproof.model.scenario import Scenario
from perfproof.service.private import private_folder


def inspect(scenario: Scenario) -> Inspected:
    """Return the User classes of the scenario's Locust file; UsageError with file and line if it cannot be loaded."""
    with private_folder() as folder:
        load = LoadProcess.start(scenario, log=folder / "load.log", inspecting=True)
        try:
            return load.users()
        finally:
            load.stop()
