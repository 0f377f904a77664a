"""What must hold for the service's own metrics: whoever is asked for one says where it is told."""

from __future__ import annotations

from perfproof.model.service_metrics import OTLP, PREFIXES, PROMETHEUS
from perfproof.scenario.arms import merged, overrides
from perfproof.scenario.schema.scenario import ScenarioSpec
from perfproof.scenario.schema.service import ServiceSpec
from perfproof.scenario.validate import Findings


def check_collected(spec: ScenarioSpec, findings: Findings) -> None:
    """Note metrics that are demanded and told nowhere, and places that nothing is asked of."""
    if findings.depends_on_invalid(("service", "collect"), ("arms",)):
        return
    arms = {name: merged(spec.service, arm) for name, arm in overrides(spec).items()}
    demanded = [
        (rules, name) for rules in ("goals", "budgets") for name in getattr(spec, rules) if name.startswith(PREFIXES)
    ]
    for source, key, example in ((PROMETHEUS, "prometheus", "/metrics"), (OTLP, "otlp", "true")):
        lacking = [name for name, arm in arms.items() if arm.collect is None or getattr(arm.collect, key) is None]
        who = "the service" if len(lacking) == len(arms) else lacking[0] if lacking else ""
        says = f"is a metric of the service, and {who} does not say where it tells its metrics"
        if source == OTLP:
            says = f"is a metric of the service, and {who} does not say that it pushes its metrics"
        for place in demanded if lacking else ():
            if place[1].startswith(source):
                findings.add(place, says, f"add service.collect: {{{key}: {example}}}", at_key=True)
    for name, arm in arms.items():
        if arm.collect is None:
            continue
        own = "collect" in spec.arms[name].model_fields_set if name in spec.arms else False
        path = ("arms", name, "collect") if own else ("service", "collect")
        says, fix = _wrong(arm, bool(demanded))
        if says:
            findings.add(path, says, fix, at_key=True)
            return


def _wrong(arm: ServiceSpec, demanded: bool) -> tuple[str, str]:
    """Return what is wrong with how an arm's metrics are collected, and the fix; "" where nothing is."""
    collect = arm.collect
    if collect is None:
        return "", ""
    if collect.prometheus is None and collect.otlp is None:
        return "does not say how the service tells its metrics", "add prometheus: /metrics, or otlp: true"
    if not collect.metrics and not demanded:
        return "names no metric", "add metrics: with names that the service shows"
    untold = [name for name in collect.named if (collect.otlp if name.startswith(OTLP) else collect.prometheus) is None]
    if untold:
        key = "otlp: true" if untold[0].startswith(OTLP) else "prometheus: /metrics"
        return f"does not say where {untold[0]:.60} is told", f"add {key} beside it"
    if collect.otlp is not None and arm.url is not None and arm.command is None:
        return "cannot have a service at a url push here", "give it a command:, or collect over prometheus:"
    return "", ""
