"""``ScenarioSpec`` to ``Scenario``: overrides applied, units as the model wants them. Nothing can go wrong here."""

from __future__ import annotations

import os
from pathlib import Path

from perfproof.model.metrics import METRICS
from perfproof.model.scenario import Arm, Budget, Expect, Goal, Load, Request, Rounds, Scenario, Service
from perfproof.scenarios.gate_spec import policy
from perfproof.scenarios.merging import merged, overrides
from perfproof.scenarios.request_spec import RequestSpec, SetupSpec, StepSpec
from perfproof.scenarios.rules_spec import limit_of
from perfproof.scenarios.schema import ScenarioSpec
from perfproof.scenarios.service_spec import ServiceSpec


def build(spec: ScenarioSpec, file: Path) -> Scenario:
    """Return the scenario of a specification without mistakes; directories are relative to the file's own."""
    base = file.parent
    return Scenario(
        name=spec.name,
        file=file,
        arms=tuple(Arm(name, service(merged(spec.service, arm), base)) for name, arm in overrides(spec).items()),
        requests=tuple(request(each) for each in spec.requests),
        setup=tuple(request(each) for each in spec.setup),
        load=Load(**dict(spec.load)),
        rounds=Rounds(**dict(spec.rounds)),
        goals=tuple(
            Goal(metric, goal.improve, goal.stretch, tuple(goal.requests)) for metric, goal in spec.goals.items()
        ),
        budgets=tuple(
            Budget(metric, limit_of(METRICS[metric], budget.limit), tuple(budget.requests))
            for metric, budget in spec.budgets.items()
        ),
        allow=tuple(spec.allow),
        margin=spec.margin,
        max_error_rate=spec.max_error_rate,
        gate=policy(spec.gate, str(file)),
    )


def service(spec: ServiceSpec, base: Path) -> Service:
    """Return the model's service; ``base`` is the directory that relative ones start from."""
    return Service(**{**dict(spec), "directory": Path(os.path.normpath(base / spec.directory))})


def request(spec: StepSpec) -> Request:
    """Return the model's request, of a measured request or a set-up step."""
    method, path = spec.target
    measured = spec if isinstance(spec, RequestSpec) else None
    return Request(
        name=spec.title,
        method=method,
        path=path,
        headers=spec.headers,
        json=spec.json_body,
        body=spec.body,
        values={name: tuple(choices) for name, choices in measured.values.items()} if measured else {},
        weight=measured.weight if measured else 1.0,
        expect=Expect(tuple(spec.expect.status)),
        timeout=spec.timeout,
        capture=spec.capture if isinstance(spec, SetupSpec) else {},
    )
