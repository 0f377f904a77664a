"""The schema and the model name the same things alike; what differs is written down here."""

from dataclasses import fields
from typing import Any

import pytest
from pydantic import ValidationError

from perfproof.model import scenario as model
from perfproof.scenario.alike import alike
from perfproof.scenario.schema import feeds, load, passes, payloads, requests, responses, rules, service
from perfproof.scenario.schema.count import CountSpec
from perfproof.scenario.schema.scenario import ScenarioSpec

TARGETS = {"get", "post", "put", "patch", "delete", "head", "options"}
PAIRS: list[tuple[type[Any], type[Any], set[str]]] = [
    (model.Service, service.ServiceSpec, set()),
    (model.Tls, service.TlsSpec, set()),
    (model.Collect, service.CollectSpec, set()),
    (model.Load, load.LoadSpec, set()),
    (model.Limits, load.LimitsSpec, set()),
    (model.Rounds, load.RoundsSpec, set()),
    (model.LocustFile, load.LocustSpec, set()),
    (model.Stage, load.StageSpec, {"to"}),
    (model.Explain, passes.WhySpec, set()),
    (model.Scale, passes.ScaleSpec, set()),
    (model.Probe, passes.ProbeSpec, set()),
    (model.Capacity, passes.CapacitySpec, set()),
    (model.Responses, passes.ResponsesSpec, set()),
    (model.Count, CountSpec, set()),
    (model.Feed, feeds.FeedSpec, set()),
    (model.Part, payloads.PartSpec, set()),
    (model.Goal, rules.GoalSpec, set()),
    (model.Stream, requests.StreamSpec, set()),
    (model.Request, requests.RequestSpec, {"json_body", "steps", *TARGETS}),
    (model.Request, requests.FlowStepSpec, {"json_body", "repeat_until", *TARGETS}),
    (model.Request, requests.SetupSpec, {"json_body", *TARGETS}),
    (model.Expect, responses.ExpectSpec, {"json_values", "body"}),
    (model.Repeat, responses.UntilSpec, {"json_values", "body", "status", "headers"}),
    (model.Capture, responses.CaptureSpec, {"json_path"}),
    (model.Scenario, ScenarioSpec, {"service", "why"}),
]


@pytest.mark.parametrize(("kind", "spec", "converted"), PAIRS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_key_has_a_field_of_its_name_in_the_model_unless_it_is_converted(
    kind: type[Any], spec: type[Any], converted: set[str]
) -> None:
    assert set(spec.model_fields) - {each.name for each in fields(kind)} == converted


def test_fields_are_copied_by_name_lists_become_tuples_and_what_is_converted_comes_first() -> None:
    spec = load.LocustSpec.model_validate({"file": "load.py", "users": ["Shopper"], "spawn_rate": "2/s"})
    found = alike(model.LocustFile, spec, file="/there/load.py")
    assert found == model.LocustFile("/there/load.py", ("Shopper",), (), (), 2.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        alike(model.LocustFile, spec, nothing=1)
    with pytest.raises(ValidationError):
        load.LocustSpec.model_validate({"file": "load.py", "nothing": 1})
