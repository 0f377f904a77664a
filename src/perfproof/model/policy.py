"""What a gate makes of a verdict: by metric and request, what fails, what warns, and what being undecided does."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from perfproof.model.metrics import COUNTED

Severity = Literal["off", "warn", "error"]
"""What a failed check does: nothing (it is not made), a warning, or failure."""

WhenOpen = Literal["pass", "warn", "fail"]
"""What a check does that the measurement could not decide. It is listed in any case."""


def smallest_regression(metric: str) -> float:
    """Return the change below which no verdict calls a metric (or what a pattern matches) a regression.

    A policy cannot call less one either (docs/statistics.md). Counts of instructions are sharper than times.
    """
    return 0.01 if metric.strip("*?") and fnmatchcase(COUNTED, metric) else 0.02


@dataclass(frozen=True)
class GateRule:
    """What holds for the metrics and request names that match two patterns (``*``, ``?``, ``[...]``; case counts).

    ``regression`` is the smallest change for the worse that fails (0.05 = 5 %). What is None is left to earlier rules
    and to the policy.
    """

    metric: str = "*"
    request: str = "*"
    level: Severity | None = None
    regression: float | None = None
    inconclusive: WhenOpen | None = None


@dataclass(frozen=True)
class Policy:
    """What a gate makes of a result. Of several matching rules the last one that says something wins.

    ``inconclusive`` (None: ``fail``) is about the checks that decide a run: its goals and budgets or, without goals,
    p50 latency and CPU of all requests. Other undecided checks fail nothing unless a rule says so. ``sources`` names
    the files the policy came from.
    """

    level: Severity | None = None
    regression: float | None = None
    inconclusive: WhenOpen | None = None
    rules: tuple[GateRule, ...] = ()
    sources: tuple[str, ...] = ()


def merged(base: Policy, own: Policy) -> Policy:
    """Return ``base`` with ``own`` laid over it: its rules come last and so win."""
    return Policy(
        level=own.level or base.level,
        regression=base.regression if own.regression is None else own.regression,
        inconclusive=own.inconclusive or base.inconclusive,
        rules=base.rules + own.rules,
        sources=base.sources + own.sources,
    )


def names(policy: Policy, metric: str) -> bool:
    """Tell whether a rule of ``policy`` is about ``metric`` in particular, and not off."""
    return any(
        rule.metric.strip("*?") and fnmatchcase(metric, rule.metric) and rule.level != "off" for rule in policy.rules
    )
