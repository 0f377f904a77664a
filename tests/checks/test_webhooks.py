"""The check of webhooks: on planted truth, and its signatures on known values."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest

import webhooks_corpus as corpus
from perfproof.checks.webhooks.signing import SCHEMES, header_of, verify

SECRET, BODY, NOW = "hush", b'{"id":1}', 1_800_000_000.0


def mac(data: bytes, key: bytes = b"hush") -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


RIGHT = {
    "hex": {"x-signature": mac(BODY).hex()},
    "github": {"x-hub-signature-256": "sha256=" + mac(BODY).hex()},
    "base64": {"x-signature": base64.b64encode(mac(BODY)).decode()},
    "stripe": {"stripe-signature": f"t=1800000000,v1=00,v1={mac(b'1800000000.' + BODY).hex()},v0=1"},
    "standard": {
        "webhook-id": "m1",
        "webhook-timestamp": "1800000000",
        "webhook-signature": f"v1,AAAA v1,{base64.b64encode(mac(b'm1.1800000000.' + BODY)).decode()}",
    },
}


@pytest.mark.parametrize("scheme", list(SCHEMES))
def test_every_scheme_knows_right_wrong_missing_and_stale(scheme: str) -> None:
    header = header_of(scheme, "X-Signature" if scheme in ("hex", "base64") else None)
    assert verify(scheme, header, SECRET, RIGHT[scheme], BODY, NOW) == "right"
    assert verify(scheme, header, SECRET, RIGHT[scheme], BODY + b" ", NOW) == "wrong"
    assert verify(scheme, header, "other", RIGHT[scheme], BODY, NOW) == "wrong"
    assert verify(scheme, header, SECRET, {header: "nonsense é"}, BODY, NOW) == "wrong"
    assert verify(scheme, header, SECRET, {}, BODY, NOW) == "missing"
    late = verify(scheme, header, SECRET, RIGHT[scheme], BODY, NOW + 3600)
    assert late == ("stale" if scheme in ("stripe", "standard") else "right")


def test_a_secret_of_standard_webhooks_is_base64() -> None:
    key = base64.b64encode(b"hush").decode()
    assert verify("standard", "webhook-signature", f"whsec_{key}", RIGHT["standard"], BODY, NOW) == "right"


QUICK = [("stdlib", fault) for fault in corpus.FAULTS] + [
    (stack, fault) for stack in ("flask", "express") for fault in ("signs_other_bytes", "forgets_timeouts", "inline")
]
"""Every fault on the quickest stack, some on the others; benchmarks/checks.py has all."""


@pytest.mark.server
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("stack", "fault"), QUICK)
def test_a_planted_fault_is_found_and_nothing_else(stack, fault, tmp_path):
    if not corpus.available(stack):
        pytest.skip(f"{stack} is not installed")
    with corpus.service(stack, tmp_path, fault) as (origin, database):
        # Pauses that are alike are known by their lengths: long ones, which a busy machine changes by little.
        _, compared = corpus.checked(stack, origin, database, retry_within=6 if fault == "no_back_off" else 3)
    assert {each.kind for each in compared.findings} == set(corpus.FAULTS[fault]), compared.findings


@pytest.mark.server
@pytest.mark.timeout(120)
@pytest.mark.parametrize("stack", corpus.STACKS)
def test_a_mended_twin_is_accused_of_nothing_and_no_secret_is_kept(stack, tmp_path):
    if not corpus.available(stack):
        pytest.skip(f"{stack} is not installed")
    with corpus.service(stack, tmp_path) as (origin, database):
        facts, compared = corpus.checked(stack, origin, database)
    assert not compared.findings, compared.findings
    values = {measure.metric: measure.candidate for measure in compared.measures}
    assert values.pop("webhook_latency") < 500
    assert values == {
        "webhook_delivered": 1.0,
        "webhook_duplicates": 0.0,
        "webhook_signed": 1.0,
        "webhook_retried": 1.0,
    }
    kept = json.dumps(facts)
    assert corpus.SECRET not in kept
    assert "order.created" not in kept
    assert all(each["pauses"] for each in facts["failures"])


@pytest.mark.server
def test_a_service_that_outwaits_a_held_answer_is_not_said_to_forget_it(tmp_path):
    with corpus.service("stdlib", tmp_path) as (origin, database):
        _, compared = corpus.checked("stdlib", origin, database, hold=0, signature=None, times=1)
    values = {measure.metric: measure for measure in compared.measures}
    assert values["webhook_retried"].candidate == 1.0, "by the answers of 500 alone"
    assert values["webhook_signed"].candidate is None
    assert "signature" in values["webhook_signed"].why
