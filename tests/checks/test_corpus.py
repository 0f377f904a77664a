"""The checks on planted truth: every fault of the corpus is found, and no mended twin is accused of anything."""

from __future__ import annotations

import json
import re

import pytest

import checks_corpus as corpus

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

QUICK = [("stdlib", fault) for fault in corpus.FAULTS] + [
    (stack, fault)
    for stack in ("flask", "express")
    for fault in (
        "other_shape",
        "takes_anything",
        "stack_trace",
        "price_as_text",
        "allows_delete",
        "page_gap",
        "batch_one_by_one",
        "unescaped_search",
        "sql_in_name",
        "any_token",
        "no_csrf_token",
        "any_origin",
        "hash_in_profile",
    )
    if stack in corpus.FAULTS[fault].stacks
]
"""Every fault on the quickest stack, some on the others; benchmarks/checks.py has all."""
WHOLE = {
    "error_contract": {"error_contract": 1.0},
    "contract": {"contract": 1.0, "pagination": 1.0},
    "security": {
        "security_headers": 1.0,
        "cors": 0.0,
        "cookie_flags": 1.0,
        "error_leaks": 0.0,
        "secrets_in_answers": 0.0,
        "reflected_input": 0.0,
        "sql_injection": 0.0,
        "authorisation": 1.0,
        "rate_limited": 1.0,
        "rate_limit": 10.0,
    },
}
"""What a mended twin comes to."""


@pytest.mark.parametrize(("stack", "fault"), QUICK)
def test_a_planted_fault_is_found_and_nothing_else(stack, fault, tmp_path):
    if not corpus.available(stack):
        pytest.skip(f"{stack} is not installed")
    about = corpus.FAULTS[fault]
    with corpus.shop(stack, tmp_path, fault) as (origin, database):
        _, compared = corpus.checked(about.check, origin, database, writes=about.writes)
    kinds = corpus.accusations(compared)
    assert kinds & set(about.kinds), [each.summary for each in compared.findings]
    assert kinds <= set(about.kinds) | set(corpus.ALSO.get(fault, ())), [each.summary for each in compared.findings]


@pytest.mark.parametrize("check", ["error_contract", "contract", "security"])
@pytest.mark.parametrize("stack", corpus.STACKS)
def test_a_mended_twin_is_accused_of_nothing_and_its_data_is_as_it_was(stack, check, tmp_path):
    if not corpus.available(stack):
        pytest.skip(f"{stack} is not installed")
    with corpus.shop(stack, tmp_path) as (origin, database):
        before = corpus.content(database)
        facts, compared = corpus.checked(check, origin, database)
        assert corpus.content(database) == before
        _, let_write = corpus.checked(check, origin, database, writes=True)
        assert corpus.content(database) == before
    assert not corpus.told(compared), [each.summary for each in corpus.told(compared)]
    assert not corpus.told(let_write), [each.summary for each in corpus.told(let_write)]
    values = {measure.metric: measure.candidate for measure in compared.measures}
    wanted = WHOLE[check]
    assert {name: values[name] for name in wanted} == wanted
    assert facts


TOLD = [("stdlib", fault) for fault in corpus.TELEMETRY] + [
    (stack, fault)
    for stack in ("flask", "express")
    for fault in ("no_request_id", "logged_twice", "silent_500", "counts_twice", "raw_paths", "own_trace_ids")
]


@pytest.mark.parametrize(("stack", "fault"), TOLD)
def test_a_fault_in_what_a_service_tells_of_itself_is_found_and_nothing_else(stack, fault, tmp_path):
    if not corpus.available(stack):
        pytest.skip(f"{stack} is not installed")
    _, compared, as_it_was = corpus.telemetry_of(stack, tmp_path, fault)
    kinds = corpus.accusations(compared)
    assert kinds == set(corpus.TELEMETRY[fault].kinds), [each.summary for each in compared.findings]
    assert as_it_was


@pytest.mark.parametrize("stack", corpus.STACKS)
def test_a_shop_that_tells_all_is_accused_of_nothing_and_no_word_of_it_is_kept(stack, tmp_path):
    if not corpus.available(stack):
        pytest.skip(f"{stack} is not installed")
    facts, compared, as_it_was = corpus.telemetry_of(stack, tmp_path)
    assert not corpus.told(compared), [each.summary for each in corpus.told(compared)]
    values = {measure.metric: measure.candidate for measure in compared.measures}
    shares = ("structured_logs", "log_levels", "log_request_ids", "errors_logged_once", "metrics_endpoint", "traces")
    assert {values[name] for name in (*shares, "metrics_counts")} == {1.0}
    assert as_it_was
    kept = json.dumps(facts)
    log = (tmp_path / "shop.log").read_text()
    ids = set(re.findall(r"[0-9a-f]{16,32}", log))
    assert len(ids) > 20
    assert not any(each in kept for each in ids)
    assert "it failed" in log
    assert "it failed" not in kept
