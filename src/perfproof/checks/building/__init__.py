"""Build and code: what commands of either version come to, and what lies in its folder.

``wanted`` says which metrics there are and what may be set of each, ``running`` runs commands, arms in turn,
``reading`` takes a figure out of an output or a file, ``tools`` knows those that need no setting, ``judging`` compares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perfproof.checks.arm import CheckedArm, NotCheckedError
from perfproof.checks.building.judging import compare
from perfproof.checks.building.running import observe
from perfproof.checks.building.wanted import SETTINGS
from perfproof.checks.files import ArmFiles
from perfproof.checks.protocol import OwnMetrics
from perfproof.model.checks import Compared, Facts


class Build(OwnMetrics):
    """See the package."""

    name = "build"
    title = "build and code"
    version = 1
    settings = SETTINGS

    def observe(self, arm: CheckedArm) -> Facts:
        """Refuse: no service can answer this."""
        raise NotCheckedError(f"{arm.name}: the build is told by files, not by a service that runs")

    def observe_files(self, arms: Sequence[ArmFiles], settings: Mapping[str, Any]) -> Sequence[Facts]:
        """Return what the commands of every arm came to; timed ones are run several times, arms in turn."""
        return observe(arms, settings)

    def compare(self, before: Facts | None, after: Facts, settings: Mapping[str, Any]) -> Compared:
        """Return each figure of both arms, and what is new or gone."""
        return compare(before, after, settings)


CHECK = Build()
