"""The arms as they are measured: what ``service`` says, and over it what each arm says."""

from __future__ import annotations

from perfproof.scenario.document import Path
from perfproof.scenario.schema.scenario import ScenarioSpec
from perfproof.scenario.schema.service import BASELINE, CANDIDATE, ArmSpec, ServiceSpec


def overrides(spec: ScenarioSpec) -> dict[str, ArmSpec]:
    """Return what each arm has of its own, by name; the first is the one that others are judged against.

    They stand in the order of the file, ``baseline`` before all others; without ``arms``, and beside a ``candidate``
    that stands alone, it may be left out.
    """
    if set(spec.arms) <= {CANDIDATE} or BASELINE in spec.arms:
        return {BASELINE: ArmSpec(), **spec.arms}
    return dict(spec.arms)


def merged(service: ServiceSpec, arm: ArmSpec) -> ServiceSpec:
    """Return the service of an arm: environment merged key by key, everything else replaced.

    An arm that says where it runs (``url``) needs no command of the service, and the other way round.
    """
    own = {key: getattr(arm, key) for key in arm.model_fields_set}
    if own.get("url") and "command" not in own:
        own["command"] = None
    if own.get("command") and "url" not in own:
        own["url"] = None
    if "environment" in own:
        own["environment"] = {**service.environment, **own["environment"]}
    return service.model_copy(update=own)


def origin(arm_name: str, arm: ArmSpec, key: str) -> Path:
    """Return where the arm's value of ``key`` is written: in the arm, else in the service."""
    return ("arms", arm_name, key) if key in arm.model_fields_set else ("service", key)
