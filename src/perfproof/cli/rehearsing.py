"""How ``--dry-run`` looks: every request as it would be sent, arms with the same requests shown once."""

from __future__ import annotations

import sys

from perfproof.model.scenario import Scenario


def show_rehearsal(scenario: Scenario) -> None:
    """Print what would be sent first."""
    if scenario.locustfile is not None:
        _show_users(scenario)
        return
    from perfproof.experiment.rehearsal import rehearsal

    shown: list[str] = []
    for arm in rehearsal(scenario):
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
        sys.stdout.write("\n".join(lines) + ("\n" if text in shown[:-1] else f"{text}\n\n"))
    sys.stdout.write("dry run: nothing was started or sent; {names} in braces are known only from responses\n")


def _show_users(scenario: Scenario) -> None:
    """Print which users a Locust file would put on which arm; what they send is known only once they do."""
    from perfproof.experiment.inspection import inspect
    from perfproof.experiment.rehearsal import place

    classes = inspect(scenario)
    for arm in scenario.arms:
        sys.stdout.write(f"{arm.name}: {place(arm)[0]}\n")
    file = scenario.locustfile.file.name if scenario.locustfile is not None else ""
    sys.stdout.write(f"\n{scenario.load.users} users of {file} on each arm in turn:\n")
    sys.stdout.write("".join(f"  {each}\n" for each in classes))
    sys.stdout.write(f"\ndry run: {file} was loaded, nothing was started or sent; its requests come up as it runs\n")
