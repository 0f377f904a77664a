"""``perfproof check``: is the scenario right? No traffic, nothing started."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from perfproof.cli.common import options
from perfproof.cli.common.console import say
from perfproof.cli.common.dry_run import claim_lines
from perfproof.cli.common.session import Slowness, read_scenario

if TYPE_CHECKING:
    from perfproof.model.scenario import Explain, Scenario, Service


def check(scenario: options.ScenarioArgument = None, results: options.Results = Path("results")) -> None:
    """Validate a scenario file: every mistake with its place and a fix. Nothing is started or sent.

    A Locust file is loaded, as Locust does to list its users.
    """
    slowness = Slowness()
    from perfproof.core.numbers import count_of
    from perfproof.measure.preflight import alike, hitches
    from perfproof.scenario.places import place_of

    found = read_scenario(scenario)
    load = found.load
    how = (
        f"open load at {load.rate:g}/s" if load.model == "open" else f"closed load with {count_of(load.users, 'user')}"
    )
    how = how if load.given or found.locustfile is not None else "no load: one request at a time"
    arms = ", ".join(arm.name for arm in found.arms)
    classes: list[str] = []
    if found.locustfile is not None:
        from perfproof.measure.dry_run import inspect

        looked = inspect(found)
        classes = [*map(str, looked.classes), *looked.notes]
    what = f"{len(found.requests)} requests" if found.locustfile is None else f"users of {found.locustfile.file.name}"
    say(f"{found.file}: ok")
    say(f"  {found.name}: {what}, arms {arms}, {how}")
    for each in classes:
        say(f"    {each}")
    for text in _turns(found, results, slowness.found()):
        say(f"  {text}")
    say(f"  {_why(found.explain)}")
    if found.checks.wanted:
        writing = " (also by requests that write, with bodies that must fail)" if found.checks.writes else ""
        say(f"  then the checks: {', '.join(found.checks.wanted)}{writing}")
    for text in claim_lines(found):
        say(f"  {text}")
    for arm in found.arms:
        if _reads_port(arm.service):
            say(f"  note: {arm.name}'s command has no {{port}}; it must listen on the port in its variable PORT")
    for hitch in hitches(found, found.arms, asking=False):
        fix = f" ({hitch.hint})" if hitch.hint else ""
        say(f"  note: {hitch.where}: {hitch.what}{fix}")
    if len(found.arms) > 1 and alike(found.arms):
        say(
            f"  note: {place_of(found, found.arms[-1].name, '')}: both arms start the same, so that nothing but noise"
            " can be seen (write below arms: what differs, or take the versions from git: --baseline-ref main)"
        )


def _turns(scenario: Scenario, results: Path, slowness: float) -> list[str]:
    """Return how the arms will be asked, how long that takes, and what can be seen."""
    from perfproof.measure.estimate import earlier_run, estimate
    from perfproof.rounds.pace import choose
    from perfproof.rounds.warmup import most_warmup

    rounds = scenario.rounds
    metrics = {goal.metric for goal in scenario.goals} | {budget.metric for budget in scenario.budgets}
    design = choose(
        scenario.load,
        rounds,
        arms=len(scenario.arms),
        locust=scenario.locustfile is not None,
        under_load=any(name.startswith("latency_under_load") for name in metrics),
    )
    lines = [
        f"asked {design.sentence}"
        if design
        else "asked in pairs (what one request costs), and in blocks as well if the rate keeps the service busy"
    ]
    kind = "ab" if len(scenario.arms) > 1 else "run"
    found = estimate(scenario, kind, earlier_run(results, scenario.hash, kind), slowness=slowness)
    if found is not None:
        return [*lines, f"at most {found.planned.rounds} rounds", *found.sentences]
    blocks = rounds.block_count * rounds.block_seconds
    shortest, longest = (
        rounds.count * len(scenario.arms) * (warmup + blocks) for warmup in (rounds.block_warmup, most_warmup(rounds))
    )
    lines += [
        f"at most {rounds.count} rounds of {rounds.block_count} blocks of {rounds.block_seconds:g} s an arm,",
        f"{shortest:.0f} to {longest:.0f} s of load, warm-up included: it goes on until the service is steady",
    ]
    if scenario.locustfile is not None:
        lines.append("(a block goes on until every user has ended its task: tasks longer than that make it longer)")
    return [*lines, "starting, stopping, probing and looking for causes not counted"]


def _reads_port(service: Service) -> bool:
    """Tell whether a service can know its port from the environment alone."""
    texts = (service.command or "", *service.environment.values())
    return bool(service.command) and service.port is None and not any("{port}" in text for text in texts)


def _why(explain: Explain) -> str:
    looked = ["levers"] if explain.levers else []
    if explain.profile != "off":
        engine = "" if explain.profile == "auto" else f" by {explain.profile}"
        looked.append(f"a profile{engine} of {explain.seconds:g} s an arm, every {explain.interval * 1e3:g} ms")
    return f"then the causes: {' and '.join(looked)}" if looked else "causes are not looked for (`why: off`)"
