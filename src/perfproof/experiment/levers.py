"""The mechanisms of the levers, watched on a start of each arm's own: headers, encodings, pools, plans, CPU by size."""

from __future__ import annotations

from perfproof.experiment.probe import Phase
from perfproof.model.levers import ArmLevers
from perfproof.model.probe import Probing


def observe_levers(phase: Phase, probing: Probing | None) -> tuple[ArmLevers, ...]:
    """Return what was observed of every arm; what could not be is told in its notes."""
    del probing
    return tuple(ArmLevers(arm.name, notes=("levers are not observed yet",)) for arm in phase.scenario.arms)
