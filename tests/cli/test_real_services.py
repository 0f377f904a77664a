"""Checks on services that nobody here wrote: each finding is known and true, nothing else is told, nothing written."""

from __future__ import annotations

import pytest

import postgres
import real_services as real

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]


def checked(bench, service, *more):
    """Run the checks of a service's scenario; return the result and whether what it holds is as it was."""
    if reason := real.lacking(service):
        postgres.missing(reason)
    with real.ground(service, bench.folder) as ground:
        before = ground.before()
        bench.environ.update(ground.environ)
        ran = bench.run("checks", str(real.HERE / f"{service}.yaml"), "--json", "out.json", *more)
        assert ran.code in (0, 3), ran.err + ran.out
        assert ground.content() == before
    return bench.json("out.json")


@pytest.mark.parametrize("service", real.ASKED)
def test_errors_contract_security_and_telemetry_accuse_a_real_service_of_nothing_but_what_is_true(bench, service):
    result = checked(bench, service)
    assert real.accusations(result) == real.EXPECTED[service]
    assert not bench.leftovers()


@pytest.mark.parametrize("service", real.DELIVERING)
def test_webhooks_of_a_real_service_are_told_as_they_are(bench, service):
    result = checked(bench, service, "--check", "webhooks")
    assert real.accusations(result) == real.EXPECTED[service]
    assert not bench.leftovers()


def test_what_is_known_of_a_real_service_is_about_the_services_there_are():
    assert set(real.EXPECTED) == {*real.ASKED, *real.DELIVERING}
    for service in real.EXPECTED:
        assert (real.HERE / f"{service}.yaml").is_file()
