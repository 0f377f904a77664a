"""What a check is: it observes one arm at a time, and compares what it observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from perfproof.checks.arm import CheckedArm
from perfproof.checks.files import ArmFiles
from perfproof.model.checks import Compared, Facts
from perfproof.model.metrics import METRICS, Metric


@dataclass(frozen=True)
class Setting:
    """One key below the check's name in a scenario.

    ``flag`` is true or false, ``text`` a text (one of ``choices``, if there are any), ``texts`` a list of texts,
    ``whole`` a whole number from ``low`` to ``high``, ``wholes`` a list of them, ``names`` a mapping of texts to texts,
    ``pattern`` a regular expression. ``keys`` is a mapping of the settings in ``inner``; true stands for all of their
    defaults, off for None, and a bare text for the one called ``short``. ``help`` is one sentence.
    """

    name: str
    kind: Literal["flag", "text", "texts", "whole", "wholes", "names", "pattern", "keys"]
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    low: int = 0
    high: int = 10**9
    inner: tuple[Setting, ...] = ()
    short: str = ""


class OwnMetrics:
    """Gives a check those metrics that name it."""

    name = ""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Return the metrics of its measures."""
        return tuple(metric for metric in METRICS.values() if metric.check == self.name)


class Check(Protocol):
    """A check. Its object is what an entry point of the group ``perfproof.checks`` names; it holds no state."""

    @property
    def name(self) -> str:
        """Return its name in scenarios: small letters and ``_``."""

    @property
    def title(self) -> str:
        """Return what reports call it."""

    @property
    def version(self) -> int:
        """Return the version of its facts: raise it when ``compare`` could misread older ones."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Return the metrics of its measures; each has the check's name as its ``check``."""

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Return its settings."""

    def observe(self, arm: CheckedArm) -> Facts:
        """Ask the service and return what was seen, as JSON values of at most some thousand entries.

        It must change nothing unless ``arm.writes``, and leave out bodies, tokens and whatever else is private. It
        stops when ``arm.asker`` raises ``OverError``, with what it has. Other errors are told as the arm's problem.
        """

    def compare(self, before: Facts | None, after: Facts, settings: Mapping[str, Any]) -> Compared:
        """Return what facts show: of one arm where ``before`` is None. Pure: it also judges recorded runs again.

        What could not be measured is a measure without a value, with the reason and what to do about it. Of facts that
        make no sense, ``KeyError``, ``TypeError`` and ``ValueError`` may be raised.
        """


@runtime_checkable
class OfFiles(Protocol):
    """A check that looks at the arms' files and asks no service: all arms at once, so that it can take turns."""

    def observe_files(self, arms: Sequence[ArmFiles], settings: Mapping[str, Any]) -> Sequence[Facts]:
        """Return what was seen of each arm, as ``Check.observe`` returns it. No service of ours runs meanwhile."""


class Listener(Protocol):
    """Something that listens while an arm runs; ``environment`` is what the arm is started with to talk to it."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Return variables that go over those of the scenario."""


@runtime_checkable
class Listens(Protocol):
    """A check that listens while it asks: each arm is started for it alone, with variables of the check's own.

    What ``listening`` lends is the arm's ``listener`` while it is observed; an arm that was not started here has none.
    """

    def listening(self) -> AbstractContextManager[Listener]:
        """Lend what listens, from before the arm starts until it has ended."""
