"""What the pass of the checks keeps of facts, which checks it makes, and how far a check may go."""

from __future__ import annotations

import pytest

from perfproof.checks.arm import NotCheckedError, OverError, ProbeClient
from perfproof.core.redaction import Redactor
from perfproof.errors import UsageError
from perfproof.http.plain_client import Client
from perfproof.measure.checks import bounded, with_checks
from perfproof.model.scenario import Checks


def test_facts_are_kept_with_secrets_masked_and_texts_cut():
    kept = bounded({"a": ["x" * 5000, {"b": "token s3cr3t-t0k3n-value"}]}, Redactor(frozenset({"s3cr3t-t0k3n-value"})))
    assert len(kept["a"][0]) == 1000
    assert "s3cr3t" not in str(kept)


@pytest.mark.parametrize("facts", [{"a": object()}, {"a": b"bytes"}, {"a": [1] * 30_000}])
def test_facts_that_are_no_json_or_too_many_are_refused(facts):
    with pytest.raises(NotCheckedError):
        bounded(facts, str)


def test_named_checks_are_made_alone_and_without_any_all_are():
    wanted = Checks({"contract": {"most_rows": 50}})
    assert set(with_checks(Checks(), (), writes=False).wanted) >= {"error_contract", "contract"}
    assert dict(with_checks(wanted, (), writes=True).wanted) == {"contract": {"most_rows": 50}}
    assert with_checks(wanted, (), writes=True).writes
    assert set(with_checks(wanted, ("error_contract",), writes=False).wanted) == {"error_contract"}
    assert with_checks(wanted, ("contract",), writes=False).wanted["contract"] == {"most_rows": 50}
    with pytest.raises(UsageError, match="no check 'telepathy'"):
        with_checks(wanted, ("telepathy",), writes=False)


@pytest.mark.parametrize(("most", "seconds", "why"), [(2, 60.0, "2 requests"), (100, 0.0, "0 s")])
def test_a_check_ends_when_its_requests_or_seconds_are_used_up(most, seconds, why):
    asker = ProbeClient(Client("http://127.0.0.1:9"), most, seconds)
    for _ in range(most if seconds else 0):
        asker.ask("GET", "/")
    with pytest.raises(OverError):
        asker.ask("GET", "/")
    assert asker.asked <= most
    assert why in asker.over


def test_nothing_is_over_while_something_is_left():
    assert ProbeClient(Client("http://127.0.0.1:9"), 2, 60.0).over == ""
