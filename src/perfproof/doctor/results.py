"""What a check says, and what a check is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from perfproof.errors import PerfproofError, ServiceError

State = Literal["ok", "warning", "problem", "skipped"]
"""*ok*; a *warning*: a measurement works and knows less or is less sharp; a *problem*: it fails or means nothing;
*skipped*: it could not be looked at, since something else failed."""
LOG_LINES = 5
"""Lines of a service's log that stand below what it is blamed for."""


@dataclass(frozen=True)
class CheckResult:
    """One line: ``about`` what (one word or two), ``what`` was found, ``why``, how to ``fix`` it, and a log's end."""

    state: State
    about: str
    what: str
    why: str = ""
    fix: str = ""
    log: tuple[str, ...] = ()


@dataclass(frozen=True)
class NoiseEstimate:
    """The smallest change of p50 latency (0.031 = 3.1 %) that a run of ``seconds`` sees with 95 % probability."""

    seconds: float
    rounds: int
    smallest_change: float


class NotChecked(Exception):  # noqa: N818 - it is no error: something else has one
    """A check has nothing to look at; the text says why."""


def ok(about: str, what: str) -> CheckResult:
    """Return that something is as it should be."""
    return CheckResult("ok", about, what)


def warning(about: str, what: str, fix: str, why: str = "") -> CheckResult:
    """Return what makes a measurement less than it could be."""
    return CheckResult("warning", about, what, why, fix)


def problem(about: str, what: str, fix: str, why: str = "") -> CheckResult:
    """Return what keeps a measurement from being one."""
    return CheckResult("problem", about, what, why, fix)


def of_error(about: str, error: PerfproofError, state: State = "problem", fix: str = "") -> CheckResult:
    """Return what an error of the tool says as a finding; ``fix`` is told where the error has no hint of its own."""
    what = f"{error.where}: {error.what}" if error.where else error.what
    log = error.log_tail[-LOG_LINES:] if isinstance(error, ServiceError) else ()
    return CheckResult(state, about, what, error.why or "", error.hint or fix, log)


def joined(
    by_arm: Sequence[tuple[str, Sequence[CheckResult]]], *, everywhere: int | None = None, always: str = ""
) -> list[CheckResult]:
    """Return the findings of all arms, those that are alike once (logs aside); what holds for some names these.

    ``everywhere`` is the number of arms there are, where not all have findings. With ``always``, which stands between
    the names and the text, they are named in any case.
    """
    holders: dict[CheckResult, list[tuple[str, CheckResult]]] = {}
    for arm, findings in by_arm:
        for finding in findings:
            holders.setdefault(replace(finding, log=()), []).append((arm, finding))
    count = len(by_arm) if everywhere is None else everywhere
    return [
        found[0][1]
        if len(found) == count and not always
        else replace(found[0][1], what=_named([arm for arm, _ in found], always or ": ", found[0][1].what))
        for found in holders.values()
    ]


def _named(arms: Sequence[str], link: str, what: str) -> str:
    """Return a text with the arms it is about before it, unless it begins with their name as many errors do."""
    return what if what.startswith(tuple(arms)) else f"{' and '.join(arms)}{link}{what}"
