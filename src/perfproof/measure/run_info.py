"""What a run is: its identity, its settings and the rules it is judged by, as ``run.json`` keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from perfproof import __version__
from perfproof.core.owner import Owner
from perfproof.core.redaction import Redactor
from perfproof.core.same_program import ONE_PROGRAM
from perfproof.evidence.directory import new_id
from perfproof.machine.cores import CpuPlan
from perfproof.machine.environment import fingerprint
from perfproof.measure.arms import Kind, lives_on, warn_of_one_program
from perfproof.measure.options import Options
from perfproof.model.metrics import COUNTED, METRICS
from perfproof.model.recording import RunInfo
from perfproof.model.revision import Revision
from perfproof.model.rules import Rules
from perfproof.model.scenario import Arm, Budget, Claim, Goal, Scenario
from perfproof.rounds.observer import Observer
from perfproof.service.revision import revision

T = TypeVar("T", Goal, Budget)


def run_info(scenario: Scenario, options: Options, arms: Sequence[Arm], cpus: CpuPlan) -> RunInfo:
    """Return what is known of a run before it begins; its id is new."""
    now = datetime.now(UTC)
    return RunInfo(
        id=new_id(scenario.name, now),
        kind=options.kind,
        label=options.label,
        scenario_name=scenario.name,
        scenario_hash=scenario.hash,
        arms=tuple(arm.name for arm in arms),
        arm_details=tuple(_arm_details(arm, scenario) for arm in arms),
        requests=tuple(request.name for request in scenario.requests),
        variants=(),
        settings={
            **_timing(scenario, options.kind),
            **({"capacity": _search(scenario)} if options.kind == "capacity" else {}),
            "cpus": cpus.sentence,
            **_requests(scenario),
        },
        environment=fingerprint({"perfproof": __version__, "placement": cpus.sentence}),
        started_at=now.isoformat(timespec="seconds"),
        revision=_revision(arms[-1]),
        owner=str(Owner.mine()),
        scenario_file=str(scenario.file.absolute()),
        rules=Rules(
            goals=_of_kind(scenario.goals, options.kind, scenario),
            budgets=_of_kind(scenario.budgets, options.kind, scenario),
            margin=scenario.margin,
            regression=scenario.margin,
            max_error_rate=scenario.max_error_rate,
            planned_rounds=scenario.rounds.count,
            early_stop=scenario.rounds.early_stop and options.kind == "ab",
            restarts=not any(lives_on(arm) for arm in arms),
            policy=options.policy,
            claims=_claims(scenario, options.kind),
            candidates=max(1, len(arms) - 1),
        ),
    )


def _timing(scenario: Scenario, kind: Kind) -> dict[str, Any]:
    """Return how much load and how many rounds there are, or how many starts where nothing is timed."""
    if kind == "count":
        return {"count": asdict(scenario.count)}
    if kind == "checks":
        return {"checks": {"requests": scenario.checks.requests, "time": scenario.checks.time}}
    return {"load": _load(scenario), "rounds": asdict(scenario.rounds)}


def _load(scenario: Scenario) -> dict[str, Any]:
    """Return how the load arrives, without what has no part in it."""
    found = asdict(scenario.load)
    return found if scenario.locustfile is None else {name: found[name] for name in ("model", "users", "limits")}


def _requests(scenario: Scenario) -> dict[str, Any]:
    """Return how the requests come about, fit for reports."""
    source = scenario.locustfile
    if source is None:
        flows = len({request.flow for request in scenario.requests if request.flow})
        weights = {"weights": [request.weight for request in scenario.requests]}
        return {**weights, "flows": flows} if flows else weights
    chosen = {"users": source.users, "tags": source.tags, "exclude tags": source.exclude_tags}
    return {
        "locustfile": {"file": source.file.name, **{name: list(found) for name, found in chosen.items() if found}},
        "latency": "from when a request was sent, as the clients of the Locust file measured it",
    }


def _search(scenario: Scenario) -> dict[str, Any]:
    """Return how the capacity is searched for; the budgets are among the rules."""
    return {name: value for name, value in asdict(scenario.capacity).items() if name != "budgets"}


def _of_kind(demands: tuple[T, ...], kind: Kind, scenario: Scenario) -> tuple[T, ...]:
    """Return the goals or budgets that a run of this kind can decide: none with identical arms, some by a count.

    Where checks were narrowed on the command line, demands on the others are not held against it.
    """
    if kind == "noise":
        return ()
    if kind == "count":
        return tuple(each for each in demands if each.metric == COUNTED)
    if kind == "checks":
        return tuple(each for each in demands if METRICS[each.metric].check in scenario.checks.wanted)
    return demands if kind == "capacity" else tuple(each for each in demands if each.metric != "capacity")


def _claims(scenario: Scenario, kind: Kind) -> tuple[Claim, ...]:
    """Return the claims that a run of this kind can decide: those whose goals and budgets it has."""
    if kind in ("noise", "capacity", "count"):
        return ()
    left = {*_of_kind(scenario.goals, kind, scenario), *_of_kind(scenario.budgets, kind, scenario)}
    return tuple(claim for claim in scenario.claims if claim.demand in left)


def _revision(arm: Arm) -> Revision | None:
    """Return where the arm's code stood in git; what a service at a URL runs is not known here."""
    if arm.service.url:
        return None
    found = revision(arm.service.directory)
    commit = arm.source.get("commit")  # of files taken out of git, which are in no repository any more
    return found or (Revision(commit) if commit else None)


def _arm_details(arm: Arm, scenario: Scenario) -> dict[str, str]:
    """Return how an arm was run, fit for reports: environment values are shown unless they are or look secret."""
    redact = Redactor(scenario.secrets)
    service = arm.service
    details = {"command": service.command or "", "url": service.url or "", "directory": str(service.directory)}
    if arm.source:
        details |= {"build": service.build or "", **arm.source}
    details |= {f"env {name}": value for name, value in sorted(service.environment.items())}
    return {name: redact(value) for name, value in details.items() if value}


def with_programs(info: RunInfo, arms: Sequence[Arm], observer: Observer) -> RunInfo:
    """Return the record, now that all arms are built, with what is doubtful about that."""
    doubt = warn_of_one_program(arms, observer)
    return replace(info, settings={**info.settings, ONE_PROGRAM: doubt}) if doubt else info
