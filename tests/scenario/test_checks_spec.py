"""``checks:`` in a scenario file: its forms, and its mistakes with their place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest
import yaml

from editors import validator
from perfproof.errors import ScenarioError
from perfproof.scenario import read
from perfproof.scenario.schema import checks
from perfproof.scenario.schema.scenario import json_schema

KNOWN = ("error_contract", "contract", "security")
BASE = """\
name: shop
service: {command: "run {port}", reset: "true"}
requests: [{get: /}]
"""


def scenario(tmp_path: Path, text: str):
    file = tmp_path / "shop.yaml"
    file.write_text(BASE + text)
    return read(file, {})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("checks: off\n", []),
        ("checks: error_contract\n", ["error_contract"]),
        ("checks: [contract, error_contract]\n", ["error_contract", "contract"]),
        ("checks: all\n", ["error_contract", "contract"]),
        ("checks: {contract: {most_rows: 50}}\n", ["contract"]),
        ("checks: {contract: off, error_contract: true}\n", ["error_contract"]),
        ("budgets: {error_contract: 100%}\n", ["error_contract"]),
        ("goals: {contract: 10%}\n", ["contract"]),
        ("checks: security\n", ["security"]),
        ("budgets: {sql_injection: 0}\n", ["security"]),
        ("checks: {security: {rate_limit: some request}}\n", ["security"]),
    ],
)
def test_checks_are_named_or_demanded_by_goals_and_budgets(tmp_path, text, names):
    assert [each for each in scenario(tmp_path, text).checks.wanted if each in KNOWN] == names
    validator().validate(yaml.safe_load((BASE + text).replace(": off", ': "off"')))


def test_settings_are_the_scenarios_or_their_defaults(tmp_path):
    found = scenario(tmp_path, "checks: {time: 5s, requests: 20, writes: true, contract: {most_rows: 50}}\n").checks
    assert (found.time, found.requests, found.writes) == (5.0, 20, True)
    assert found.wanted["contract"] == {"most_rows": 50, "unpaged": 20, "batch": {}, "ignore": []}


def test_who_else_asks_and_what_is_limited_are_settings_of_security(tmp_path):
    text = "checks: {security: {rate_limit: log in, second: {headers: {Authorization: Bearer b}, own: GET /me}}}\n"
    found = scenario(tmp_path, text).checks.wanted["security"]
    assert found["rate_limit"] == {"request": ["log in"], "most": 200, "window": 60}
    assert found["second"] == {"headers": {"Authorization": "Bearer b"}, "own": ["GET /me"]}
    assert (found["read_only"], found["inputs"]) == (None, 500)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("checks: telepathy\n", "shop.yaml:4:1: checks.telepathy: unknown key"),
        ("checks: {eror_contract: true}\n", "checks.eror_contract: unknown key (did you mean error_contract?)"),
        ("checks: {contract: {most_row: 5}}\n", "unknown key (did you mean most_rows?)"),
        ("checks: {contract: {most_rows: many}}\n", "must be a whole number"),
        ("checks: {error_contract: {shape: round}}\n", "must be auto or problem or document or majority"),
        ("checks: {document: nowhere.json}\n", "checks.document: `nowhere.json` does not exist"),
        ("checks: {time: 0s}\n", "out of range"),
        ("budgets: {breaking_changes: some}\n", "whole number"),
    ],
)
def test_mistakes_are_told_with_place_and_fix(tmp_path, text, told):
    with pytest.raises(ScenarioError) as error:
        scenario(tmp_path, text)
    assert told in str(error.value)
    assert "shop.yaml:4:" in str(error.value)


def test_writing_needs_a_reset(tmp_path):
    file = tmp_path / "shop.yaml"
    file.write_text(BASE.replace(', reset: "true"', "") + "checks: {writes: true}\n")
    with pytest.raises(ScenarioError, match=r"checks\.writes: needs a reset"):
        read(file, {})


def test_checks_are_no_part_of_what_makes_runs_comparable(tmp_path):
    assert scenario(tmp_path, "").hash == scenario(tmp_path, "checks: all\n").hash


def test_the_schema_is_json():
    assert json.dumps(json_schema())


def test_parts_made_from_a_table_are_not_searched_for_in_sources_and_say_what_they_mean():
    made = checks.ChecksSpec
    parts = {name: get_args(field.annotation) for name, field in made.model_fields.items()}
    inner = [part for name in KNOWN for part in parts[name] if part is not type(None)]
    assert len(inner) == len(KNOWN)
    for each in (made, *inner):
        assert each.model_config["use_attribute_docstrings"] is False
        assert each.model_config["extra"] == "forbid"
        assert all(field.description for field in each.model_fields.values())
    for name, field in checks.CommonSpec.model_fields.items():
        assert made.model_fields[name].description == field.description
