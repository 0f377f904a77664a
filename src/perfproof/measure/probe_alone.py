"""``perfproof probe``: the requests of a scenario, probed without any load and without a record."""

from __future__ import annotations

from dataclasses import replace

from perfproof.core.redaction import Redactor
from perfproof.errors import Interrupted, UsageError
from perfproof.load.load_client import LoadProcess
from perfproof.machine.cores import split_cpus
from perfproof.machine.signals import interruptible
from perfproof.measure.arms import kept_services, placed, prepare, warn_of_one_program
from perfproof.measure.preflight import require_ready
from perfproof.model.result import ProbeResult
from perfproof.model.rules import Rules
from perfproof.model.scenario import Scenario
from perfproof.queries.conclude import judge_probes
from perfproof.queries.probe import probe
from perfproof.queries.probe_plan import worth_probing
from perfproof.rounds.observer import Observer
from perfproof.rounds.single_start import PassContext, warn_of_debug_modes
from perfproof.service.private_folders import private_folder


def probe_alone(scenario: Scenario, arm: str | None, observer: Observer) -> ProbeResult:
    """Probe the arms of ``scenario`` (or the one called ``arm``) without any load, and return what that shows.

    Raises UsageError for an arm that is not there and what ``probe`` raises; nothing is recorded.
    """
    arms = tuple(each for each in scenario.arms if arm in (None, each.name))
    if len(arms) > 2:
        raise UsageError(
            f"the scenario has {len(arms)} versions, and a probe alone holds two against each other",
            where=str(scenario.file),
            hint=f"name one: --arm {arms[-1].name}; `perfproof ab` probes all of them before it measures",
        )
    if not arms:
        names = ", ".join(each.name for each in scenario.arms)
        raise UsageError(f"the scenario has no arm {arm!r}", hint=f"it has {names}")
    if scenario.locustfile is not None:
        raise UsageError(
            "requests of a Locust file cannot be probed: they come up as it runs",
            where=str(scenario.file),
            hint="write the ones to be counted as `requests:` of another scenario",
        )
    cpus = split_cpus()
    redactor = Redactor(scenario.secrets)
    failures: list[str] = []
    with private_folder() as private, interruptible():
        require_ready(scenario, arms)
        arms = tuple(placed(each, private) for each in arms)
        scenario = replace(scenario, arms=arms)
        both = worth_probing(scenario, arms=len(arms))[1]
        try:
            warn_of_debug_modes(arms, observer)
            prepare(arms, private, redactor, observer)
            warn_of_one_program(arms, observer)
            observer.phase("starting the load process")
            load = LoadProcess.start(
                scenario, log=private / "load.log", cpus=cpus.generator, folder=private, redactor=redactor
            )
            try:
                with kept_services(arms, private, redactor, cpus) as kept:
                    phase = PassContext(scenario, load, private, redactor, cpus, observer, kept, both, failures)
                    found = probe(phase)
            finally:
                load.stop()
        except KeyboardInterrupt:
            raise Interrupted("interrupted", hint="a probe alone records nothing; start it again") from None
    return judge_probes(found, Rules(budgets=scenario.budgets, margin=scenario.margin), scenario.name, failures)
