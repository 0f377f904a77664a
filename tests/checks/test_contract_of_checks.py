"""Our own checks keep what is asked of every check, and what is found by entry points is what is ours."""

import tomllib
from pathlib import Path

import pytest

from perfproof.checks import registry
from perfproof.testing import CheckContract


class TestErrorContract(CheckContract):
    check = registry.find("error_contract")


class TestRollout(CheckContract):
    check = registry.find("rollout")


class TestTelemetry(CheckContract):
    check = registry.find("telemetry")


class TestContract(CheckContract):
    check = registry.find("contract")


class TestWebhooks(CheckContract):
    check = registry.find("webhooks")


class TestSecurity(CheckContract):
    check = registry.find("security")


def test_every_check_of_ours_is_registered_as_a_plugin_would_be():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"][registry.GROUP] == registry.OWN


@pytest.mark.parametrize("name", registry.names())
def test_every_check_can_be_loaded_by_its_name(name):
    assert registry.find(name).name == name


def test_a_name_that_no_package_has_is_not_found():
    assert registry.find("telepathy") is None
