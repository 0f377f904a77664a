"""The profile pass: both arms once more under the same load, sampled, in alternating slices."""

from __future__ import annotations

from perfproof.experiment.probe import Phase
from perfproof.model.profile import ArmProfile


def profile_arms(phase: Phase) -> tuple[ArmProfile, ...]:
    """Return the profile of every arm; engine ``none`` with a note where it cannot be had."""
    return tuple(ArmProfile(arm.name, "none", notes=("not profiled yet",)) for arm in phase.scenario.arms)
