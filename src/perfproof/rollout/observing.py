"""Conducts the restarts of one arm under steady load, and returns what happened as facts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from perfproof.checks.arm import NotCheckedError
from perfproof.core.redaction import Redactor
from perfproof.errors import PerfproofError, ServiceError
from perfproof.evidence.tables import read_table
from perfproof.http.plain_client import require_loopback
from perfproof.load.load_client import LoadProcess
from perfproof.load.plan import WrongAnswer
from perfproof.model.recording import SAMPLE_COLUMNS
from perfproof.model.scenario import Arm, Scenario
from perfproof.rollout.restarting import Restarter
from perfproof.rollout.timeline import Columns, Moments, reckon
from perfproof.rollout.watching import KEPT, Health, Keeper
from perfproof.service.lifecycle import start

_RATE = 100.0
_CONNECTIONS = 512
"""So many requests may wait at once: while nobody answers, load that ran out of connections would hide the outage."""
_WARM = 1.0
_TRY_AGAIN = 0.2
_NO_END = 10**9


@dataclass(frozen=True)
class Ground:
    """What an arm is restarted with: the scenario, a private folder, who masks, which cores, and who is told."""

    scenario: Scenario
    logs: Path
    redactor: Redactor
    generator: Collection[int] | None
    service: Collection[int] | None
    say: Callable[[str], None]


def observe(ground: Ground, arm: Arm, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of all restarts of ``arm``.

    The first start and everything that is started later is ended on every way out. ``NotCheckedError`` where it cannot
    be restarted, ``ServiceError`` where it does not come back.
    """
    scenario = under_load(ground.scenario, arm, settings)
    if settings["restart"] == "command" and not settings["command"]:
        raise NotCheckedError("restart: command names no command", hint="add checks.rollout.command")
    facts: dict[str, Any] = {"restart": settings["restart"], "order": settings["order"], "rate": scenario.load.rate}
    with ExitStack() as stack:
        ground.say(f"rolling out {arm.name}: starting")
        (service,) = start([arm], logs=ground.logs, redactor=ground.redactor, cpus=ground.service)
        stack.callback(service.stop)
        require_loopback(service.base_url)
        restarter = Restarter(arm, service, settings, ground.logs, ground.service, ground.redactor)
        stack.callback(restarter.stop)
        facts["first_start_ms"] = service.start_seconds * 1000
        facts["restarts"] = []
        for number in range(1, settings["times"] + 1):
            ground.say(f"rolling out {arm.name}: restart {number} of {settings['times']}")
            facts["restarts"].append(_once(ground, scenario, restarter, number))
            if facts["restarts"][-1]["problem"]:
                break
    return facts


def under_load(scenario: Scenario, arm: Arm, settings: Mapping[str, Any]) -> Scenario:
    """Return the scenario as it is sent to one arm meanwhile: steady, patient, and no request sent a second time.

    The load sends what changes nothing again when a kept connection was closed under it, as good clients do. Here that
    would hide what a restart drops, so every request passes for one that may not be repeated.
    """
    if scenario.locustfile is not None or not scenario.requests:
        raise NotCheckedError("users of a Locust file have no steady rate", hint="write what they send as `requests:`")
    if all(each.stream for each in scenario.requests):
        raise NotCheckedError("streams have no steady rate", hint="add a request that is answered at once")
    patience = float(settings["patience"])
    load = scenario.load
    rate = float(settings["rate"]) or (load.rate if load.given and load.model == "open" and load.rate else _RATE)
    steady = replace(
        load,
        model="open",
        rate=rate,
        arrivals="constant",
        stages=(),
        workers=1,
        listen="",
        samples="raw",
        connections=max(load.connections, _CONNECTIONS),
        limits=replace(load.limits, consecutive_errors=_NO_END),
    )
    requests = tuple(
        replace(each, safe=False, timeout=min(each.timeout, patience))
        for each in scenario.requests
        if each.stream is None  # how long it lasts is up to the service, and says nothing of a restart
    )
    return replace(scenario, arms=(arm,), load=steady, requests=requests)


def _once(ground: Ground, scenario: Scenario, restarter: Restarter, number: int) -> dict[str, Any]:
    """Restart once under load; return the facts of it."""
    settings = restarter.settings
    url = restarter.service.base_url
    health_url = restarter.address
    seconds = settings["before"] + settings["limit"] + settings["after"] + 5.0
    path = ground.logs / f"restart-{number}.parquet"
    watched = Health(health_url, restarter.ready_path)
    alive = Health(health_url, settings["alive"]) if settings["alive"] else None
    keepers = [Keeper(health_url, restarter.ready_path, resting=bool(each % 2)) for each in range(KEPT)]
    if restarter.arm.service.tls is not None or health_url.startswith("https:"):
        raise NotCheckedError("rollout asks by http alone", hint="let the arm listen without TLS, or end TLS before it")
    problem = ""
    with LoadProcess.start(
        scenario,
        log=ground.logs / "rollout-load.log",
        cpus=ground.generator,
        folder=ground.logs,
        redactor=ground.redactor,
    ) as load:
        load.open(0, url)
        wrong = _tried(load, settings["limit"])
        if wrong:
            first = wrong[0]
            raise ServiceError(
                f"{restarter.arm.name} did not answer {scenario.requests[first.request].name!r} as expected",
                why=first.problem or f"{first.outcome}, status {first.status}",
                hint="nothing was restarted: correct the request, or read the service's log",
                log_tail=restarter.log_tail(),
            )
        load.warm(0, _WARM)
        sending = _Sending(load, seconds, number)
        clients: list[Health | Keeper] = [watched, *([alive] if alive else []), *keepers]
        try:
            for client in (sending, *clients):
                client.start()
            time.sleep(settings["before"])
            began = time.monotonic_ns()
            try:
                moments = restarter.restart()
            except ServiceError as error:
                problem = ": ".join(part for part in (error.what, error.why) if part)
                moments = Moments(began, over=time.monotonic_ns())
            time.sleep(settings["after"])
            moments = replace(moments, ended=time.monotonic_ns())
        finally:
            for client in clients:
                client.end()
            load.abort()
            sending.join()
        if sending.error is not None:
            raise sending.error
        load.seal(path)
    columns: Columns = read_table(path, SAMPLE_COLUMNS)
    path.unlink()
    died = restarter.died()
    if died and not problem:
        problem = f"{restarter.arm.name} {died} after it was restarted"
    facts = reckon(columns, moments, watched.told, alive.told if alive else (), settings["slow"])
    ends: dict[str, int] = {}
    for keeper in keepers:
        for end, count in keeper.ends.items():
            ends[end] = ends.get(end, 0) + count
    return {
        **facts,
        "problem": problem,
        "killed": restarter.killed,
        "replaced": restarter.replaced,
        "kept": any(keeper.offered for keeper in keepers),
        "ends": ends,
    }


def _tried(load: LoadProcess, limit: float) -> list[WrongAnswer]:
    """Return what is not answered as expected, once ``limit`` seconds were waited for answers that may yet come.

    A service may say that it is ready before it can answer. That is what is looked for, so it must not end the check at
    the first start. A client error (4xx) is what the request deserves, and does not pass by waiting.
    """
    deadline = time.monotonic() + limit
    while True:
        wrong = load.try_out(0)
        passing = all(each.status == 0 or each.status >= 500 for each in wrong)
        if not wrong or not passing or time.monotonic() > deadline:
            return wrong
        time.sleep(_TRY_AGAIN)


class _Sending(threading.Thread):
    """Holds the load in a thread of its own; ``error`` is what ended it early."""

    def __init__(self, load: LoadProcess, seconds: float, seed: int) -> None:
        super().__init__(daemon=True)
        self._load, self._seconds, self._seed = load, seconds, seed
        self.error: PerfproofError | None = None

    def run(self) -> None:
        """Send until the load is told to end."""
        try:
            self._load.block(0, 0, 0, self._seconds, self._seed)
        except PerfproofError as error:
            self.error = error
