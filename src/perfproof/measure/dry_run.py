"""What a measurement would send first, without measuring: for ``--dry-run``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from perfproof.errors import UsageError
from perfproof.load.load_client import LoadProcess
from perfproof.load.plan import Inspected
from perfproof.load.preview import PreviewedRequest, preview_requests
from perfproof.model.scenario import Arm, Scenario
from perfproof.rounds.round import block_seed
from perfproof.service.private_folders import private_folder

SHOWN = 10
"""How many requests (or flows) are shown of each arm."""


@dataclass(frozen=True)
class DryRun:
    """Where one arm's requests would go, and the first of them."""

    arm: str
    where: str
    requests: tuple[PreviewedRequest, ...]


def dry_run(scenario: Scenario) -> Iterator[DryRun]:
    """Yield, for each arm, the set-up steps and the first requests of its first block; nothing is started or sent."""
    load = scenario.load
    deck = max(1, int(load.rate * scenario.rounds.block_seconds)) if load.model == "open" and not load.stages else 64
    for arm in scenario.arms:
        where, authority, prefix = place(arm)
        one = replace(scenario, arms=(arm,))
        try:
            found = tuple(
                preview_requests(one, authority, prefix, seed=block_seed(scenario, 1, 0), deck=deck, count=SHOWN)
            )
        except ValueError as error:
            raise UsageError("a request cannot be sent", where=str(scenario.file), why=str(error)) from error
        yield DryRun(arm.name, where, found)


def place(arm: Arm) -> tuple[str, str, str]:
    """Return the URL, the ``Host`` header and the prefix of an arm; its port is only chosen when it is started."""
    url = arm.service.url or f"http://127.0.0.1:{arm.service.port or '{port}'}"
    if arm.service.prefix:
        url = url.rstrip("/") + arm.service.prefix
    parts = urlsplit(url)
    return url, parts.netloc, parts.path.rstrip("/")


def inspect(scenario: Scenario) -> Inspected:
    """Return the User classes of the scenario's Locust file; UsageError with file and line if it cannot be loaded."""
    with private_folder() as folder:
        load = LoadProcess.start(scenario, log=folder / "load.log", inspecting=True)
        try:
            return load.users()
        finally:
            load.stop()
