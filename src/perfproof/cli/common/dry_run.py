"""How ``--dry-run`` looks: every request as it would be sent, arms with the same requests shown once."""

from __future__ import annotations

from perfproof.cli.common.console import say
from perfproof.model.scenario import Scenario


def show_dry_run(scenario: Scenario) -> None:
    """Print what would be sent first."""
    if scenario.locustfile is not None:
        _show_users(scenario)
        return
    from perfproof.measure.dry_run import dry_run

    shown: list[str] = []
    for arm in dry_run(scenario):
        lines = [f"{arm.arm}: {arm.where}"]
        texts = []
        for number, request in enumerate(arm.requests, 1):
            part = f" ({request.part})" if request.part else ""
            body = "\n".join(f"    {line}".rstrip() for line in request.text.splitlines())
            texts.append(f"\n{number}. {request.name}{part}\n{body}")
        text = "\n".join(texts)
        if text in shown:
            lines.append("the same requests")
        shown.append(text)
        say("\n".join(lines) + ("" if text in shown[:-1] else f"{text}\n"))
    say("dry run: nothing was started or sent; {names} in braces are known only from responses")


def _show_users(scenario: Scenario) -> None:
    """Print which users a Locust file would put on which arm; what they send is known only once they do."""
    from perfproof.measure.dry_run import inspect, place

    found = inspect(scenario)
    for arm in scenario.arms:
        say(f"{arm.name}: {place(arm)[0]}")
    file = scenario.locustfile.file.name if scenario.locustfile is not None else ""
    say(f"\n{scenario.load.users} users of {file} on each arm in turn:")
    for each in (*found.classes, *found.notes):
        say(f"  {each}")
    say(f"\ndry run: {file} was loaded, nothing was started or sent; its requests come up as it runs")
