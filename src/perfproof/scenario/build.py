"""``ScenarioSpec`` to ``Scenario``: overrides applied, units as the model wants them. Nothing can go wrong here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from perfproof.core.placeholders import literal
from perfproof.graphql import documents
from perfproof.model.metrics import OF_STREAMS
from perfproof.model.scenario import (
    Arm,
    Budget,
    Capture,
    Checks,
    Collect,
    Count,
    Expect,
    Explain,
    Feed,
    Goal,
    JsonValue,
    Limits,
    Load,
    LocustFile,
    Part,
    Probe,
    Repeat,
    Request,
    Responses,
    Rounds,
    Scale,
    Scenario,
    Service,
    Stage,
    Stream,
    Tls,
)
from perfproof.model.service_metrics import PREFIXES
from perfproof.scenario.alike import alike
from perfproof.scenario.arms import merged, overrides
from perfproof.scenario.schema.checks import checks
from perfproof.scenario.schema.claims import claim
from perfproof.scenario.schema.load import LoadSpec, LocustSpec
from perfproof.scenario.schema.passes import ScaleSpec, budget, capacity
from perfproof.scenario.schema.payloads import GraphqlSpec, kind_of, operations
from perfproof.scenario.schema.requests import FlowStepSpec, MeasuredSpec, RequestSpec, SetupSpec, StepSpec, measured
from perfproof.scenario.schema.responses import CaptureSpec, ExpectSpec, UntilSpec
from perfproof.scenario.schema.rules import policy
from perfproof.scenario.schema.scenario import ScenarioSpec
from perfproof.scenario.schema.service import ServiceSpec


def build(spec: ScenarioSpec, file: Path) -> Scenario:
    """Return the scenario of a specification without mistakes; directories are relative to the file's own."""
    base = file.parent
    claims = tuple(claim(each) for each in spec.claims)
    streams = tuple(each.title for _, each in measured(spec.requests) if each.stream is not None)
    return alike(
        Scenario,
        spec,
        file=file,
        arms=tuple(
            Arm(name, demanding(service(merged(spec.service, arm), base), {*spec.goals, *spec.budgets}))
            for name, arm in overrides(spec).items()
        ),
        requests=tuple(one for each in spec.requests for one in requests(each, base)),
        setup=tuple(request(each, base) for each in spec.setup),
        feeds=tuple(alike(Feed, feed, name=name, file=base / feed.file) for name, feed in spec.feeds.items()),
        load=_load(spec, base),
        locustfile=locustfile(spec.locustfile, base) if spec.locustfile is not None else None,
        rounds=rounds(spec),
        goals=tuple(
            dict.fromkeys(
                _about(each, streams)
                for each in (
                    *(alike(Goal, aim, metric=name) for name, aim in spec.goals.items()),
                    *(each.goal for each in claims if each.goal is not None),
                )
            )
        ),
        budgets=tuple(
            dict.fromkeys(
                _about(each, streams)
                for each in (
                    *(budget(metric, limit) for metric, limit in spec.budgets.items()),
                    *(each.budget for each in claims if each.budget is not None),
                )
            )
        ),
        claims=claims,
        capacity=capacity(spec.capacity),
        responses=alike(Responses, spec.responses),
        gate=policy(spec.gate, str(file)),
        explain=alike(Explain, spec.why),
        count=alike(Count, spec.count),
        checks=_checks(spec, base),
    )


def _checks(spec: ScenarioSpec, base: Path) -> Checks:
    """Return the checks that are named or demanded; a document that is a file is looked for beside the scenario's."""
    demanded = {*spec.goals, *spec.budgets, *(each.metric for each in spec.claims)}
    found = checks(spec.checks, demanded)
    if found.document is None or found.document.startswith("/"):
        return found
    return replace(found, document=str(base / found.document))


def _load(spec: ScenarioSpec, base: Path) -> Load:
    """Return the load; where the file says nothing of it, one user who asks for one thing after another."""
    found = load(spec.load, base)
    if spec.locustfile is None and not found.given:
        return replace(found, model="closed", users=1)
    return replace(found, model=spec.model)


def load(spec: LoadSpec, base: Path) -> Load:
    """Return the model's load; stages start from nothing unless a rate is written."""
    stages = tuple(Stage(stage.seconds, stage.to) for stage in spec.stages)
    start = 0.0 if stages and "rate" not in spec.model_fields_set else spec.rate
    return alike(
        Load,
        spec,
        stages=stages,
        rate=start,
        limits=alike(Limits, spec.limits),
        given=bool(spec.model_fields_set),
        token_file=str(base / spec.token_file) if spec.token_file else "",
    )


def locustfile(spec: LocustSpec, base: Path) -> LocustFile:
    """Return the model's Locust file."""
    return alike(LocustFile, spec, file=Path(os.path.normpath(base.absolute() / spec.file)))


def rounds(spec: ScenarioSpec) -> Rounds:
    """Return the model's rounds; with stages a block is one walk through all of them, and a round has one pair."""
    found = alike(Rounds, spec.rounds)
    if not spec.load.stages:
        return found
    count = found.blocks or 1
    return replace(found, block=sum(stage.seconds for stage in spec.load.stages), blocks=count)


def service(spec: ServiceSpec, base: Path) -> Service:
    """Return the model's service; ``base`` is the directory that relative ones start from."""
    tls, own = spec.tls, spec.collect
    return alike(
        Service,
        spec,
        directory=Path(os.path.normpath(base / spec.directory)),
        tls=alike(Tls, tls, ca=base / tls.ca if tls.ca else None) if tls else None,
        collect=alike(Collect, own, metrics=tuple(dict.fromkeys(own.named))) if own else None,
    )


AimT = TypeVar("AimT", Goal, Budget)


def _about(aim: AimT, streams: tuple[str, ...]) -> AimT:
    """Return a goal or budget; one on what only streams have is about these where it names no request."""
    return replace(aim, requests=streams) if aim.metric in OF_STREAMS and not aim.requests else aim


def demanding(found: Service, demanded: set[str]) -> Service:
    """Return a service of whose own metrics those are collected as well that goals and budgets name."""
    if found.collect is None:
        return found
    more = sorted(name for name in demanded if name.startswith(PREFIXES))
    metrics = tuple(dict.fromkeys((*found.collect.metrics, *more)))
    return replace(found, collect=replace(found.collect, metrics=metrics))


def scale(spec: ScaleSpec | None) -> Scale | None:
    """Return the model's sizes, each once and in rising order."""
    if spec is None:
        return None
    return alike(Scale, spec, sizes=tuple(sorted({*(spec.depth or spec.sizes)})), depth=bool(spec.depth))


def requests(spec: RequestSpec, base: Path) -> list[Request]:
    """Return the model's requests: one, or the steps of a flow, which share the flow's values and weight."""
    if not spec.steps:
        return [request(spec, base)]
    values = {name: tuple(choices) for name, choices in spec.values.items()}
    return [
        replace(
            request(step, base),
            flow=spec.title,
            values=values,
            weight=spec.weight,
            cookies=spec.cookies and step.cookies,
            repeat=repeat(step.repeat_until) if step.repeat_until is not None else None,
        )
        for step in spec.steps
    ]


def request(spec: StepSpec, base: Path) -> Request:
    """Return the model's request, of a measured request, a step of a flow or a set-up step."""
    method, path = spec.target
    whole = spec if isinstance(spec, RequestSpec) else None
    found = spec.stream if isinstance(spec, MeasuredSpec) else None
    return alike(
        Request,
        spec,
        name=spec.title,
        method=method,
        path=path,
        json=graphql(spec.graphql, base, _depth(whole)) if spec.graphql is not None else spec.json_body,
        graphql=kind_of(document_of(spec.graphql, base), spec.graphql.operation or "") if spec.graphql else "",
        body_file=base / spec.body_file if spec.body_file is not None else None,
        multipart=tuple(
            alike(Part, part, name=name, text=part.text or "", file=base / part.file if part.file else None)
            for name, part in spec.multipart.items()
        ),
        values={name: tuple(choices) for name, choices in whole.values.items()} if whole else {},
        scale=scale(whole.scale) if whole else None,
        probe=alike(Probe, whole.probe) if whole else Probe(),
        expect=expect(spec.expect),
        capture=captures(spec.capture) if isinstance(spec, SetupSpec | FlowStepSpec) else {},
        stream=alike(Stream, found, until=found.until or "") if found is not None else None,
    )


def expect(spec: ExpectSpec) -> Expect:
    """Return the model's expectation."""
    body = spec.body
    return alike(Expect, spec, json=spec.json_values, contains=tuple(body.contains), matches=tuple(body.regex))


def repeat(spec: UntilSpec) -> Repeat:
    """Return the model's polling."""
    return alike(Repeat, spec, until=expect(spec))


def captures(specs: Mapping[str, CaptureSpec]) -> dict[str, str | Capture]:
    """Return the model's captures; a path alone stays one."""
    return {
        name: spec.json_path
        if spec.json_path is not None and not (spec.header or spec.regex)
        else alike(Capture, spec, json=spec.json_path)
        for name, spec in specs.items()
    }


def document_of(spec: GraphqlSpec, base: Path) -> str:
    """Return the GraphQL document, wherever it is written."""
    if spec.query is not None:
        return spec.query
    return (base / str(spec.file)).read_text(encoding="utf-8", errors="replace")


def _depth(spec: RequestSpec | None) -> int:
    """Return how deep a query goes at most, 0 where its scale does not say."""
    return max(spec.scale.depth, default=0) if spec is not None and spec.scale is not None else 0


def graphql(spec: GraphqlSpec, base: Path, depth: int = 0) -> JsonValue:
    """Return the body that is sent for an operation (GraphQL over HTTP, section 5.4).

    A document whose fragments name themselves is written out to ``depth``.
    """
    document = document_of(spec, base)
    if depth and documents.self_naming(document):
        document = documents.at_depth(document, spec.operation or "", depth)
    name = spec.operation or next(iter(operations(document)), "")
    body: dict[str, JsonValue] = {"query": literal(document)}
    if name:
        body["operationName"] = name
    if spec.variables:
        body["variables"] = dict(spec.variables)
    return body
