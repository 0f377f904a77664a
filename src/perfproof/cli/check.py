"""``perfproof check``: is the scenario right? No traffic, nothing started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perfproof.cli import options
from perfproof.cli.printing import say
from perfproof.cli.session import read_scenario

if TYPE_CHECKING:
    from perfproof.model.scenario import Explain, Scenario, Service


def check(scenario: options.ScenarioArgument = None) -> None:
    """Validate a scenario file: every mistake with its place and a fix. Nothing is started or sent.

    A Locust file is loaded, as Locust does to list its users.
    """
    from perfproof.analysis.words import count_of

    found = read_scenario(scenario)
    load = found.load
    how = (
        f"open load at {load.rate:g}/s" if load.model == "open" else f"closed load with {count_of(load.users, 'user')}"
    )
    how = how if load.given or found.locustfile is not None else "no load: one request at a time"
    arms = ", ".join(arm.name for arm in found.arms)
    classes: list[str] = []
    if found.locustfile is not None:
        from perfproof.experiment.inspection import inspect

        looked = inspect(found)
        classes = [*map(str, looked.classes), *looked.notes]
    what = f"{len(found.requests)} requests" if found.locustfile is None else f"users of {found.locustfile.file.name}"
    say(f"{found.file}: ok")
    say(f"  {found.name}: {what}, arms {arms}, {how}")
    for each in classes:
        say(f"    {each}")
    for text in _turns(found):
        say(f"  {text}")
    say(f"  {_why(found.explain)}")
    if found.checks.wanted:
        writing = " (also by requests that write, with bodies that must fail)" if found.checks.writes else ""
        say(f"  then the checks: {', '.join(found.checks.wanted)}{writing}")
    for arm in found.arms:
        if _reads_port(arm.service):
            say(f"  note: {arm.name}'s command has no {{port}}; it must listen on the port in its variable PORT")


def _turns(scenario: Scenario) -> list[str]:
    """Return how the arms will be asked, and how long that takes as far as nothing has been started."""
    from perfproof.analysis.pacing import LEAST_SECONDS, WARMUP, choose
    from perfproof.experiment.warmup import most_warmup

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
    if rounds.time is not None:
        return [*lines, f"takes about {rounds.time:.0f} s in all: as many rounds as fit, and the causes within a fifth"]
    if design is None or design.pairs:
        each = (WARMUP if rounds.warmup is None else rounds.warmup) + (rounds.pairs or LEAST_SECONDS)
        what = f"of {rounds.pairs or LEAST_SECONDS:g} s of pairs"
    else:
        blocks = rounds.block_count * rounds.block_seconds
        shortest, longest = (
            rounds.count * len(scenario.arms) * (warmup + blocks)
            for warmup in (rounds.block_warmup, most_warmup(rounds))
        )
        what = f"of {rounds.block_count} blocks of {rounds.block_seconds:g} s an arm"
        seconds = f"{shortest:.0f} to {longest:.0f} s of load, warm-up included: it goes on until the service is steady"
        lines += [f"at most {rounds.count} rounds {what},", seconds]
        if scenario.locustfile is not None:
            lines.append("(a block goes on until every user has ended its task: tasks longer than that make it longer)")
        return [*lines, "starting, stopping, probing and looking for causes not counted"]
    seconds = f"about {rounds.count * each:.0f} s with warm-up, starting and stopping not counted"
    return [*lines, f"at most {rounds.count} rounds {what},", seconds]


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
