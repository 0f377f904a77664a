"""The JSON Schema for editors: current, valid, and of one mind with the reader."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from editors import validator
from perfproof.model.metrics import METRICS
from perfproof.scenario.document import parse
from perfproof.scenario.schema.scenario import json_schema

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "docs" / "scenario.schema.json"


def errors(text: str) -> list[str]:
    data: Any = parse("f.yaml", text).data
    return [error.message for error in validator().iter_errors(data)]


def test_the_committed_schema_is_current() -> None:
    fix = "run: python -m perfproof.scenario.schema.scenario > docs/scenario.schema.json"
    assert json.loads(COMMITTED.read_text()) == json_schema(), fix


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("file", sorted((ROOT / "scenarios").glob("*.yaml")), ids=lambda file: file.name)
def test_the_scenarios_of_this_project_fit_the_schema(file: Path) -> None:
    assert errors(file.read_text()) == []


def test_the_example_of_the_documentation_fits_the_schema_and_is_read(tmp_path: Path) -> None:
    from perfproof.scenario import read

    examples = re.findall(r"```yaml\n(name: .*?)```", (ROOT / "docs" / "scenarios.md").read_text(), re.S)
    assert examples
    for number, example in enumerate(examples):
        assert errors(example) == []
        (tmp_path / f"{number}.yaml").write_text(example)
        assert read(tmp_path / f"{number}.yaml", {"PASSWORD": "hunter22"}).requests


BASE = "name: a\nservice: {command: x}\n"


@pytest.mark.parametrize(
    "text",
    [
        "name: a\nrequests: []\n",
        BASE + "requests: [{name: b}]\n",
        BASE + "requests: [{get: /, post: /}]\n",
        BASE + "requests: [{get: /, wait: 1}]\n",
        BASE + "requests: [{get: /}]\nload: {rate: 100}\n",
        BASE + "requests: [{get: /}]\nbudgets: {latency_p95: 200MiB}\n",
        BASE + "requests: [{get: /}]\ngoals: {latency: 20%}\n",
        BASE + "requests: [{get: /}]\nmargin: 0.05\n",
        BASE + "requests: [{get: /}]\nrounds: {count: 0}\n",
        BASE + "requests: [{get: /}]\narms: {other: {}}\n",
    ],
)
def test_an_editor_shows_common_mistakes(text: str) -> None:
    assert errors(text)


def test_shorthands_and_variables_fit_the_schema() -> None:
    text = BASE + (
        "requests: [{get: '/{a}', values: {a: 1}, expect: {status: 200}}]\narms: {baseline: , candidate: {reset: }}\n"
        "allow: a.b\nload: {rate: '${RATE}', users: '${N}', think_time: 0}\n"
        "rounds: {early_stop: '${E}', warmup: 1m30s}\n"
        "goals: {throughput: {improve: 20%, requests: all}}\nbudgets: {memory_peak: {limit: 1GiB}, error_rate: 0}\n"
    )
    assert errors(text) == []


def test_every_key_is_explained_in_the_schema_and_in_the_documentation() -> None:
    guide = (ROOT / "docs" / "scenarios.md").read_text()
    schema = json_schema()
    for name, part in {"": schema, **schema["$defs"]}.items():
        for key, value in part.get("properties", {}).items():
            part_of = schema["$defs"].get(value.get("$ref", "").rpartition("/")[2], {})
            assert value.get("description") or part_of.get("description"), f"{name}.{key} has no description"
            assert f"`{key}`" in guide, f"docs/scenarios.md does not mention {name}.{key}"
    assert all(f"`{metric}`" in guide for metric in METRICS)
