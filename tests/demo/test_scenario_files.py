"""The scenario files under scenarios/ fit the demo they measure."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from perfproof.demo import seed
from perfproof.demo.levers import NAMES, Levers, from_environment

SCENARIOS = Path(__file__).parents[2] / "scenarios"
OF_THE_DEMO = ["demo", *NAMES, "identical", "slower", "placebo"]


def load(name: str) -> dict[str, Any]:
    return yaml.safe_load((SCENARIOS / f"{name}.yaml").read_text())


def settings_of(scenario: dict[str, Any]) -> list[Any]:
    shared = scenario["service"]["environment"]
    return [from_environment({**shared, **(arm.get("environment") or {})}) for arm in scenario["arms"].values()]


@pytest.mark.parametrize("lever", NAMES)
def test_a_lever_scenario_moves_that_lever_alone(lever: str) -> None:
    slow, fast = settings_of(load(lever))
    assert fast.levers == Levers.all(True)
    assert [name for name in NAMES if not getattr(slow.levers, name)] == [lever]


def test_the_demo_scenario_moves_them_all() -> None:
    assert [settings.levers for settings in settings_of(load("demo"))] == [Levers.all(False), Levers.all(True)]


def test_the_placebo_moves_no_lever() -> None:
    first, second = settings_of(load("placebo"))
    assert first.levers == second.levers
    assert [first.placebo, second.placebo] == [False, True]


def test_identical_arms_differ_in_nothing_and_slower_ones_by_five_percent() -> None:
    first, second = settings_of(load("identical"))
    assert first == second
    assert [settings.extra_work for settings in settings_of(load("slower"))] == [0.0, 0.05]


@pytest.mark.parametrize("name", OF_THE_DEMO)
def test_the_login_is_the_one_that_was_seeded(name: str) -> None:
    scenario = load(name)
    assert scenario["name"] == name
    assert scenario["setup"][0]["json"] == {"email": seed.EMAIL, "password": seed.PASSWORD}


@pytest.mark.parametrize("name", OF_THE_DEMO)
def test_every_request_of_every_variant_is_answered_with_rows(name: str, client_with: Callable[..., Any]) -> None:
    client = client_with()
    for request in load(name)["requests"]:
        values = request.get("values", {})
        for choice in product(*values.values()):
            answer = client.get(request["get"].format(**dict(zip(values, choice, strict=True))))
            assert answer.status_code == request["expect"]["status"]
            assert answer.json().get("items", True)
