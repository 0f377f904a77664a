"""``ScenarioSpec`` to ``Scenario``: overrides applied, units as the model wants them. Nothing can go wrong here."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from perfproof.model.metrics import METRICS
from perfproof.model.scenario import (
    Arm,
    Budget,
    Expect,
    Goal,
    Load,
    Probe,
    Request,
    Responses,
    Rounds,
    Scale,
    Scenario,
    Service,
    Stage,
)
from perfproof.scenarios.gate_spec import policy
from perfproof.scenarios.load_spec import LoadSpec
from perfproof.scenarios.merging import merged, overrides
from perfproof.scenarios.probe_spec import ScaleSpec
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
        load=load(spec.load),
        rounds=rounds(spec),
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
        responses=Responses(spec.responses.policy, tuple(spec.responses.ignore), spec.responses.order),
        gate=policy(spec.gate, str(file)),
    )


def load(spec: LoadSpec) -> Load:
    """Return the model's load; stages start from nothing unless a rate is written."""
    stages = tuple(Stage(stage.seconds, stage.to) for stage in spec.stages)
    start = 0.0 if stages and "rate" not in spec.model_fields_set else spec.rate
    return Load(**{**dict(spec), "stages": stages, "rate": start})


def rounds(spec: ScenarioSpec) -> Rounds:
    """Return the model's rounds; with stages a block is one walk through all of them, and a round has one pair."""
    found = Rounds(**dict(spec.rounds))
    if not spec.load.stages:
        return found
    count = found.blocks if "blocks" in spec.rounds.model_fields_set else 1
    return replace(found, block=sum(stage.seconds for stage in spec.load.stages), blocks=count)


def service(spec: ServiceSpec, base: Path) -> Service:
    """Return the model's service; ``base`` is the directory that relative ones start from."""
    return Service(
        **{
            **dict(spec),
            "directory": Path(os.path.normpath(base / spec.directory)),
            "database": tuple(spec.database),
        }
    )


def scale(spec: ScaleSpec | None) -> Scale | None:
    """Return the model's sizes, each once and in rising order."""
    return Scale(tuple(sorted(set(spec.sizes))), spec.parameter, spec.reseed) if spec else None


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
        scale=scale(measured.scale) if measured else None,
        rows=measured.rows if measured else None,
        probe=Probe(measured.probe.repeat, measured.probe.writes) if measured else Probe(),
        expect=Expect(tuple(spec.expect.status)),
        timeout=spec.timeout,
        capture=spec.capture if isinstance(spec, SetupSpec) else {},
    )
