"""How ``--dry-run`` looks: every request as it would be sent, arms with the same requests shown once."""

from __future__ import annotations

import sys

from perfproof.model.scenario import Scenario


def show_rehearsal(scenario: Scenario) -> None:
    """Print what would be sent first."""
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
