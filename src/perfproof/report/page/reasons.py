"""The weightiest causes, one short line each."""

from __future__ import annotations

from dataclasses import dataclass

from perfproof.core.numbers import upper_first
from perfproof.model import formatting
from perfproof.model.metrics import ALL
from perfproof.model.result import Result, Verdict
from perfproof.model.why import Cause
from perfproof.report import promises
from perfproof.why import report

MOST_CAUSES = 3


@dataclass(frozen=True)
class Reasons:
    """The causes in short lines (what, where, worth), how many are left out, or in one sentence that none is shown."""

    lines: tuple[tuple[str, str, str], ...]
    left_out: int
    sentence: str


def reasons_of(result: Result) -> Reasons | None:
    """Return the weightiest causes, one line each; None where nobody looked for them or nothing can be said."""
    found = result.why
    if found is None or result.verdict is Verdict.INVALID:
        return None
    if result.kind == "run" or not found.causes:
        return Reasons((), 0, found.sentence)
    ordered = [cause for _, causes in report.by_lever(found.causes) for cause in causes]
    return Reasons(tuple(_cause(each) for each in ordered[:MOST_CAUSES]), len(ordered) - len(ordered[:MOST_CAUSES]), "")


def _cause(cause: Cause) -> tuple[str, str, str]:
    lever = upper_first(cause.lever)
    where = "" if cause.request == ALL else f", {promises.name(cause.request)}"
    return f"{lever}{where}", formatting.plain(report.told(cause).rstrip("."), 110), report.worth(cause)
