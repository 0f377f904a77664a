"""``perfproof check``: is the scenario right? No traffic, nothing started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perfproof.cli import options
from perfproof.cli.printing import say
from perfproof.cli.session import read_scenario

if TYPE_CHECKING:
    from perfproof.model.scenario import Explain, Service


def check(scenario: options.ScenarioArgument = None) -> None:
    """Validate a scenario file: every mistake with its place and a fix. Nothing is started or sent.

    A Locust file is loaded, as Locust does to list its users.
    """
    found = read_scenario(scenario)
    load, rounds = found.load, found.rounds
    how = f"open load at {load.rate:g}/s" if load.model == "open" else f"closed load with {load.users} users"
    arms = ", ".join(arm.name for arm in found.arms)
    seconds = rounds.count * len(found.arms) * (rounds.block_warmup + rounds.block_count * rounds.block_seconds)
    classes = []
    if found.locustfile is not None:
        from perfproof.experiment.inspection import inspect

        classes = inspect(found)
    what = f"{len(found.requests)} requests" if found.locustfile is None else f"users of {found.locustfile.file.name}"
    say(f"{found.file}: ok")
    say(f"  {found.name}: {what}, arms {arms}, {how}")
    for each in classes:
        say(f"    {each}")
    say(f"  at most {rounds.count} rounds of {rounds.block_count} blocks of {rounds.block_seconds:g} s an arm,")
    say(f"  about {seconds:.0f} s with warm-up, starting and stopping not counted")
    say(f"  {_why(found.explain)}")
    for arm in found.arms:
        if _reads_port(arm.service):
            say(f"  note: {arm.name}'s command has no {{port}}; it must listen on the port in its variable PORT")


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
