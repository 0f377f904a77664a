"""What must hold between keys: names that are meant exist, nothing contradicts, nothing is without effect.

Each check looks at the specification, and only where nothing it rests on was already reported as wrong.
"""

from __future__ import annotations

import ipaddress
import pathlib
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from perfproof.core import paths
from perfproof.core.placeholders import WEBHOOK
from perfproof.core.units import Mistake
from perfproof.model.metrics import ALL, METRICS, OF_STREAMS, Metric
from perfproof.model.policy import smallest_regression
from perfproof.scenario.arms import merged, origin, overrides
from perfproof.scenario.checks.claims import check_claims
from perfproof.scenario.checks.collect import check_collected
from perfproof.scenario.checks.commands import check_commands
from perfproof.scenario.checks.files import check_feeds, check_files, exists
from perfproof.scenario.checks.locust import check_locustfile
from perfproof.scenario.checks.probe import check_probes
from perfproof.scenario.checks.requests import check_requests
from perfproof.scenario.document import Path
from perfproof.scenario.schema.fields import closest
from perfproof.scenario.schema.passes import SEARCHED
from perfproof.scenario.schema.requests import measured
from perfproof.scenario.schema.rules import BudgetSpec, GateSpec, GoalSpec, limit_of
from perfproof.scenario.schema.scenario import ScenarioSpec
from perfproof.scenario.schema.service import ArmSpec, ServiceSpec
from perfproof.scenario.validate import Findings

FILLED = ("port", "arm", "python", "work", WEBHOOK)
"""Placeholders that perfproof fills in command lines and environment values."""

_LONGEST_PROFILE = 86_400.0
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")


def check(spec: ScenarioSpec, file: pathlib.Path, findings: Findings) -> None:
    """Note every mistake between the keys of ``spec``, the scenario in ``file``."""
    _services(spec, file, findings)
    check_commands(spec, findings)
    columns = check_feeds(spec, file.parent, findings)
    check_requests(spec, columns, findings)
    check_files(spec, file.parent, findings)
    check_probes(spec, findings)
    check_collected(spec, findings)
    check_locustfile(spec, file.parent, findings)
    _load(spec, findings)
    _checked(spec, file, findings)
    _rules(spec, findings)


def _services(spec: ScenarioSpec, file: pathlib.Path, findings: Findings) -> None:
    own = overrides(spec)
    written: dict[Path, ServiceSpec] = {("service",): spec.service}
    written |= {("arms", name): arm for name, arm in own.items()}
    for path, part in written.items():
        if part.command and part.url:
            findings.add((*path, "url"), "stands beside command", "keep the one that is meant", at_key=True)
        _directory(path, part, file, findings)
        _placeholders(path, part, findings)
    for name, arm in own.items():
        _target(name, arm, merged(spec.service, arm), spec, findings)
    _ports(spec, own, findings)


def _target(name: str, arm: ArmSpec, service: ServiceSpec, spec: ScenarioSpec, findings: Findings) -> None:
    rests = [("service", "command"), ("service", "url"), ("arms", name, "command"), ("arms", name, "url")]
    if findings.depends_on_invalid(*rests):
        return
    if any(findings.misspelt(path, "command", "url") for path in (("service",), ("arms", name))):
        return
    if not service.command and not service.url:
        in_arm = bool({"command", "url"} & arm.model_fields_set) or _only_other(spec, name)
        path: Path = ("arms", name) if in_arm else ("service",)
        fix = "add command: (how to start it) or url: (where it is already up)"
        if path != ("service",) or name == next(iter(overrides(spec))):
            findings.add(path, "has neither command nor url", fix, at_key=True)
        return
    if service.url:
        _host(service.url, origin(name, arm, "url"), spec, findings)
        _prefix(service.url, origin(name, arm, "url"), spec, findings)


def _only_other(spec: ScenarioSpec, name: str) -> bool:
    """Tell whether another arm has what this one lacks; else the service itself is to blame."""
    others = (merged(spec.service, arm) for other, arm in overrides(spec).items() if other != name)
    return any(other.command or other.url for other in others)


def _host(url: str, path: Path, spec: ScenarioSpec, findings: Findings) -> None:
    host = urlsplit(url).hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback and host not in {allowed.lower() for allowed in spec.allow} and not findings.broken & {("allow",)}:
        _once(findings, path, f"{host} is not this machine", f"if you may put load on it, add `allow: [{host}]`")


def _prefix(url: str, path: Path, spec: ScenarioSpec, findings: Findings) -> None:
    """Note a path of the url that the requests have as well: it stands before each of theirs."""
    prefix = urlsplit(url).path.rstrip("/")
    targets = [step.target[1] for _, step in measured(spec.requests)]
    if not prefix or not targets or findings.depends_on_invalid(("requests",)):
        return
    if all(re.match(re.escape(prefix) + r"(?:[/?]|$)", target) for target in targets):
        fix = f"leave it out of the url, or write {targets[0][len(prefix) :] or '/'} in the request"
        _once(findings, path, f"ends in {prefix}, which every request repeats: {prefix}{targets[0]}", fix)


def _directory(path: Path, part: ServiceSpec, file: pathlib.Path, findings: Findings) -> None:
    if "directory" not in part.model_fields_set:
        return
    directory = file.parent / part.directory
    if not paths.is_folder(directory):
        parent = directory.parent
        near = [each.name for each in parent.iterdir() if each.is_dir()] if paths.is_folder(parent) else []
        guess = closest(directory.name, near)
        fix = guess if guess and guess.startswith("did") else "it is relative to the scenario file"
        what = "is a file, not a directory" if paths.exists(directory) else "does not exist"
        findings.add((*path, "directory"), f"`{part.directory}` {what}", fix)


def _placeholders(path: Path, part: ServiceSpec, findings: Findings) -> None:
    texts: dict[Path, str | None] = {
        (*path, "command"): part.command,
        (*path, "build"): part.build,
        (*path, "prepare"): part.prepare,
        (*path, "snapshot"): part.snapshot,
        (*path, "reset"): part.reset,
        **{(*path, "environment", name): value for name, value in part.environment.items()},
    }
    for place, found in texts.items():
        for name in dict.fromkeys(_PLACEHOLDER.findall(found or "")):
            guess = closest(name, FILLED)
            # Other braces belong to the command itself (awk, JSON); only what looks like one of ours is a slip.
            filled = name in FILLED or re.fullmatch("port[2-9]", name)
            if not filled and guess and guess.startswith("did"):
                findings.add(place, f"nothing fills {{{name}}}", guess)


def _ports(spec: ScenarioSpec, own: dict[str, ArmSpec], findings: Findings) -> None:
    taken: set[int] = set()
    for name, arm in own.items():
        service = merged(spec.service, arm)
        if service.port is None or service.url:
            continue
        if service.port in taken:
            who = "both arms" if len(own) == 2 else "two arms"
            fix = "leave port out and write {port} in command, or give each arm its own port"
            what = f"{who} would listen on port {service.port} at the same time"
            _once(findings, origin(name, arm, "port"), what, fix)
        taken.add(service.port)


def _load(spec: ScenarioSpec, findings: Findings) -> None:
    load = spec.load
    if findings.depends_on_invalid(("load", "model")):
        return
    idle = ("users", "think_time") if load.model == "open" else ("rate", "arrivals", "stages")
    other = "closed" if load.model == "open" else "open"
    for key in idle if spec.locustfile is None else ():
        if key in load.model_fields_set:
            fix = f"remove it, or write model: {other}"
            findings.add(("load", key), f"has no effect in the {load.model} model", fix, at_key=True)
    _stages(spec, findings)
    _workers(spec, findings)
    limit = load.limits.rate
    if spec.model == "open" and limit is not None and max([load.rate, *(stage.to for stage in load.stages)]) > limit:
        findings.add(("load", "rate"), "is above load.limits.rate", "lower it, or raise the limit if it may be")
    _pairing(spec, findings)
    if spec.rounds.time is not None and "count" in spec.rounds.model_fields_set:
        findings.add(("rounds", "time"), "stands beside count", "keep the one that is meant", at_key=True)


def _checked(spec: ScenarioSpec, file: pathlib.Path, findings: Findings) -> None:
    checks = spec.checks
    if findings.depends_on_invalid(("checks",)):
        return
    if checks.document is not None and not checks.document.startswith("/"):
        exists(("checks", "document"), file.parent / checks.document, checks.document, findings)
    webhooks = getattr(checks, "webhooks", None)
    if webhooks is not None and webhooks.request is not None:
        known_requests = [request.title for _, request in measured(spec.requests)]
        if webhooks.request not in known_requests and not findings.depends_on_invalid(("requests",)):
            place: Path = ("checks", "webhooks", "request")
            near = closest(webhooks.request, known_requests)
            findings.add(place, f"there is no request `{webhooks.request}`", near)
    if checks.writes:
        lacking = [name for name, arm in overrides(spec).items() if not merged(spec.service, arm).reset]
        if lacking:
            reason = f"needs a reset, and {lacking[0]} has none"
            findings.add(("checks", "writes"), reason, "add service.reset: a command that brings the data back")


def _pairing(spec: ScenarioSpec, findings: Findings) -> None:
    load, rounds = spec.load, spec.rounds
    if rounds.pairing == "request":
        hindrance = (
            "a Locust file, whose users send in an order of their own"
            if spec.locustfile is not None
            else "load.stages"
            if load.stages
            else "several load.workers"
            if load.workers > 1 or load.listen
            else "load.samples: histogram"
            if load.samples == "histogram"
            else ""
        )
        if hindrance:
            findings.add(("rounds", "pairing"), f"stands beside {hindrance}", "write block, or auto", at_key=True)
    if rounds.pairing == "block" and rounds.pairs is not None:
        findings.add(("rounds", "pairs"), "has no effect in blocks", "remove it, or write pairing: auto", at_key=True)


def _workers(spec: ScenarioSpec, findings: Findings) -> None:
    load = spec.load
    shared = "connections" if spec.model == "open" else "users"
    if load.workers > getattr(load, shared):
        findings.add(("load", "workers"), f"are more than {shared}", f"write {shared}: {load.workers} or more")
    if load.listen and not load.token_file:
        findings.add(("load", "listen"), "stands without token_file", "add the file with the token workers must know")


def _stages(spec: ScenarioSpec, findings: Findings) -> None:
    stages = spec.load.stages
    if not stages:
        return
    if spec.rounds.block is not None:
        findings.add(("rounds", "block"), "stands beside load.stages, which make the block", "remove it", at_key=True)
    if not any(stage.to for stage in stages) and "rate" not in spec.load.model_fields_set:
        findings.add(("load", "stages"), "never send anything", "give a stage a rate above 0/s")
    if sum(stage.seconds for stage in stages) > _LONGEST_PROFILE:
        findings.add(("load", "stages"), "take longer than 24 hours", "make them shorter")


def _of_streams(spec: ScenarioSpec, findings: Findings) -> None:
    """Note goals and budgets on messages where no request, or not the one they name, comes in messages."""
    if spec.locustfile is not None or findings.depends_on_invalid(("requests",)):
        return
    streams = [each.title for _, each in measured(spec.requests) if each.stream is not None]
    for rules in (spec.goals, spec.budgets):
        key = "goals" if rules is spec.goals else "budgets"
        for name in (name for name in rules if name in OF_STREAMS):
            wrong = next((each for each in rules[name].requests if each not in (*streams, ALL)), None)
            if not streams:
                fix = "add stream: sse or stream: websocket to one"
                findings.add((key, name), "measures streams, and no request is one", fix, at_key=True)
            elif wrong is not None:
                findings.add((key, name, "requests"), f"`{wrong}` is no stream", f"streams: {', '.join(streams)}")


def _rules(spec: ScenarioSpec, findings: Findings) -> None:
    _of_streams(spec, findings)
    for name, goal in spec.goals.items():
        place: Path = ("goals", name)
        if METRICS[name].better == "lower" and goal.improve >= 1:
            findings.add((*place, "improve"), "nothing can fall by 100% or more", "write less, e.g. 20%")
        elif goal.stretch is not None and METRICS[name].better == "lower" and goal.stretch >= 1:
            findings.add((*place, "stretch"), "nothing can fall by 100% or more", "write less, e.g. 30%")
        elif goal.stretch is not None and goal.stretch < goal.improve:
            findings.add((*place, "stretch"), "is below improve", "write more than improve, or leave it out")
        _names(place, goal, spec, findings)
    for name, budget in spec.budgets.items():
        _budget(("budgets", name), budget, spec, findings)
    for name, budget in spec.capacity.budgets.items():
        if name in SEARCHED:
            _budget(("capacity", "budgets", name), budget, spec, findings)
        else:
            findings.add(("capacity", "budgets", name), "cannot be kept by a rate", f"known: {', '.join(SEARCHED)}")
    check_claims(spec, findings)
    for position, each in enumerate(spec.claims):
        names_of_requests(("claims", position), METRICS[each.metric], each.requests, spec, findings)
    _capacity(spec, findings)
    sharpness(spec.gate, findings)
    if spec.locustfile is not None:
        return  # the names come up while it runs
    known = [ALL, *(request.title for _, request in measured(spec.requests))]
    for position, rule in enumerate(spec.gate.rules):
        if not any(fnmatchcase(name, rule.request) for name in known) and not findings.depends_on_invalid(
            ("requests",)
        ):
            findings.add(
                ("gate", "rules", position, "request"),
                f"no request is called `{rule.request}`",
                closest(rule.request, known),
            )


def sharpness(gate: GateSpec, findings: Findings) -> None:
    """Note rules of a gate that ask for less than what a verdict on their metric calls a regression."""
    for position, rule in enumerate(gate.rules):
        least = smallest_regression(rule.metric)
        if rule.regression is not None and rule.regression < least:
            reason = f"`{rule.regression * 100:.3g}%` is out of range for `{rule.metric}`"
            fix = f"at least {least:.0%}: no verdict calls less a regression"
            findings.add(("gate", "rules", position, "regression"), reason, fix)


def _budget(place: Path, budget: BudgetSpec, spec: ScenarioSpec, findings: Findings) -> None:
    try:
        limit_of(METRICS[str(place[-1])], budget.limit)
    except Mistake as mistake:
        findings.add((*place, "limit"), mistake.reason, mistake.fix)
    _names(place, budget, spec, findings)


def _capacity(spec: ScenarioSpec, findings: Findings) -> None:
    search, limit = spec.capacity, spec.load.limits.rate
    if search.lowest is not None and search.highest is not None and search.lowest > search.highest:
        findings.add(("capacity", "from"), "is above capacity.to", "lower it")
    if search.highest is not None and limit is not None and search.highest > limit:
        findings.add(("capacity", "to"), "is above load.limits.rate", "lower it, or raise the limit if it may be")


def _names(place: Path, rule: GoalSpec | BudgetSpec, spec: ScenarioSpec, findings: Findings) -> None:
    names_of_requests(place, METRICS[str(place[-1])], rule.requests, spec, findings)


def names_of_requests(
    place: Path, metric: Metric, names: Sequence[str], spec: ScenarioSpec, findings: Findings
) -> None:
    """Note names of requests that there are not, and any where the metric knows none."""
    if not names or findings.depends_on_invalid(place):
        return
    if not metric.per_request and set(names) != {ALL}:
        fix = "leave requests out"
        findings.add((*place, "requests"), f"{metric.name} is known for all requests together only", fix, at_key=True)
        return
    if spec.locustfile is not None:
        return  # the names come up while it runs
    known = [request.title for _, request in measured(spec.requests)]
    if any(path[0] == "requests" and path[2:] in ((), ("name",)) for path in findings.broken):
        return
    for position, name in enumerate(names):
        if name not in known and name != ALL:
            findings.add((*place, "requests", position), f"there is no request `{name}`", closest(name, known))


def _once(findings: Findings, path: Path, reason: str, fix: str) -> None:
    """Note a mistake of the service that both arms share only once."""
    problem = findings.document.problem(path, reason, fix)
    if problem not in findings.document.problems:
        findings.add(path, reason, fix)
