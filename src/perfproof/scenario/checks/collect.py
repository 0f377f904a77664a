"""What must hold for the service's own metrics: whoever is asked for one says where it is told."""

from __future__ import annotations

from perfproof.model.service_metrics import PREFIX
from perfproof.scenario.arms import merged, overrides
from perfproof.scenario.schema.scenario import ScenarioSpec
from perfproof.scenario.validate import Findings


def check_collected(spec: ScenarioSpec, findings: Findings) -> None:
    """Note metrics that are demanded and told nowhere, and places that nothing is asked of."""
    if findings.depends_on_invalid(("service", "collect"), ("arms",)):
        return
    arms = {name: merged(spec.service, arm) for name, arm in overrides(spec).items()}
    demanded = [
        (rules, name) for rules in ("goals", "budgets") for name in getattr(spec, rules) if name.startswith(PREFIX)
    ]
    lacking = [name for name, arm in arms.items() if arm.collect is None]
    if lacking:
        who = "the service" if len(lacking) == len(arms) else lacking[0]
        says = f"is a metric of the service, and {who} does not say where it tells its metrics"
        for place in demanded:
            findings.add(place, says, "add service.collect: {prometheus: /metrics}", at_key=True)
    for name, arm in arms.items():
        if arm.collect is not None and not arm.collect.metrics and not demanded:
            own = "collect" in spec.arms[name].model_fields_set if name in spec.arms else False
            path = ("arms", name, "collect") if own else ("service", "collect")
            findings.add(path, "names no metric", "add metrics: with names that the service shows", at_key=True)
            return
