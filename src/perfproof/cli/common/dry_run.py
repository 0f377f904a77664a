"""How ``--dry-run`` looks: every request as it would be sent, arms with the same requests shown once."""

from __future__ import annotations

from perfproof.cli.common.console import say
from perfproof.model.scenario import Scenario


def show_dry_run(scenario: Scenario) -> None:
    """Print what is claimed, and what would be sent first."""
    for line in claim_lines(scenario):
        say(line)
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


def claim_lines(scenario: Scenario) -> list[str]:
    """Return each claim with what decides it and what measures it; nothing where there are none."""
    if not scenario.claims:
        return []
    from perfproof.core.numbers import count_of
    from perfproof.report import proofs
    from perfproof.verdict.proofs import measured_by

    lines = [f"{count_of(len(scenario.claims), 'claim')}:"]
    for each in scenario.claims:
        how = f"{proofs.about(each)} {proofs.demanded(each)}, by {proofs.part(measured_by(each.metric))}"
        lines.append(f"  {each.text}: {how}")
    return lines


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
