from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import builders
import jsonschema
import numpy as np
import pytest

from perfproof.model.result import Finding
from perfproof.report.json_report import to_json

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "result.schema.json").read_text(encoding="utf-8"))
RESULTS = {
    "ab": builders.make_result(),
    "run": builders.make_run(),
    "noise": builders.make_noise(),
    "invalid": builders.make_invalid(),
    "empty": builders.make_empty(),
    "hostile": builders.make_hostile(),
}


def closed(schema: Any) -> Any:
    """Return the schema with unknown fields forbidden, to see that every field written is described."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    shut = {key: closed(item) for key, item in schema.items()}
    return shut | {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else shut


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_follows_the_published_schema_and_every_field_is_described(name: str) -> None:
    text = to_json(RESULTS[name])
    text.encode()
    jsonschema.Draft202012Validator(closed(SCHEMA)).validate(json.loads(text, parse_constant=pytest.fail))


def test_the_schema_refuses_a_document_without_a_verdict() -> None:
    document = json.loads(to_json(RESULTS["ab"]))
    del document["verdict"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_a_comparison_carries_the_figures_as_they_are() -> None:
    result = RESULTS["ab"]
    row = json.loads(to_json(result))["comparisons"][1]
    source = result.comparisons[1]
    assert (row["metric"], row["request"], row["unit"]) == ("latency_p95", "all", "ms")
    assert (row["change"], row["ci_low"], row["ci_high"]) == (source.change, source.ci_low, source.ci_high)
    assert row["goal"] == {"improve": 0.2, "stretch": 0.3}
    assert row["verdict"] == "met"


def test_numbers_that_are_not_finite_become_null_wherever_they_hide() -> None:
    evidence = {"a": [float("nan"), {"b": float("inf")}], "c": np.float64(1.5), "d": np.arange(2), "e": {"x"}}
    result = replace(RESULTS["ab"], findings=(Finding("k", "all", "info", "s", evidence),))
    found = json.loads(to_json(result))["findings"][0]["evidence"]
    assert found == {"a": [None, {"b": None}], "c": 1.5, "d": [0, 1], "e": ["x"]}


def test_names_are_whole_so_that_programs_can_join_on_them() -> None:
    assert "x" * 10_000 in {row["request"] for row in json.loads(to_json(RESULTS["hostile"]))["comparisons"]}


def test_many_different_errors_are_cut_and_counted() -> None:
    request = json.loads(to_json(RESULTS["hostile"]))["requests"][0]
    assert len(request["errors"]["candidate"]) == 50
    assert request["errors_left_out"] == {"candidate": 12_350}
