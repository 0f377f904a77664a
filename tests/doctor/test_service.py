"""What is made of answers, footprints and the sentences of sources: pure parts of the checks on a service."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfproof.doctor.instrumentation import _of_sentence
from perfproof.doctor.requests import TOLD, modest, unanswered
from perfproof.doctor.start import readable
from perfproof.load.plan import WrongAnswer
from perfproof.model.scenario import Arm, Load, Request, Scenario, Service


def scenario(count: int = 1, load: Load = Load()) -> Scenario:  # noqa: B008 - it is frozen
    requests = tuple(Request(f"r{number}", "GET", f"/{number}") for number in range(count))
    return Scenario("some", Path("some.yaml"), (Arm("baseline", Service(command="x")),), requests, load=load)


@pytest.mark.parametrize(
    ("outcome", "status", "what", "fix"),
    [
        ("bad_status", 500, "answered 'r0' with status 500, not 2xx", "read its log"),
        ("bad_status", 401, "answered 'r0' with status 401, not 2xx", "what the set-up captures"),
        ("bad_status", 404, "answered 'r0' with status 404, not 2xx", "path"),
        ("bad_status", 302, "answered 'r0' with status 302, not 2xx", "follow_redirects"),
        ("bad_status", 422, "answered 'r0' with status 422, not 2xx", "`expect:`"),
        ("timeout", 0, "did not answer 'r0' (timeout)", "`timeout:`"),
        ("unexpected", 200, "did not answer 'r0' as expected", "`expect:`"),
    ],
)
def test_each_kind_of_wrong_answer_has_its_own_fix(outcome, status, what, fix):
    (finding,) = unanswered(scenario(), [WrongAnswer(0, outcome, status, "some reason")], ("boom",))
    assert (finding.state, finding.what, finding.why) == ("problem", what, "some reason")
    assert fix in finding.fix
    assert finding.log == ("boom",)


def test_of_many_wrong_answers_the_first_are_told_one_by_one_and_a_log_once():
    answers = [WrongAnswer(number, "bad_status", 500, "") for number in range(TOLD + 2)]
    found = unanswered(scenario(TOLD + 2), answers, ("boom",))
    assert len(found) == TOLD + 1
    assert [finding.log for finding in found] == [("boom",), *[()] * TOLD]
    assert found[-1].what == f"did not answer these as expected either: r{TOLD} and r{TOLD + 1}"


def test_memory_that_cannot_be_read_as_it_should_is_a_warning():
    assert readable("pss") is None
    assert "RSS" in readable("rss").what
    assert "user" in readable("rss").fix
    assert "`command:`" in readable("none").fix


def test_a_check_needs_few_users_and_no_workers_from_elsewhere():
    heavy = Load(model="closed", users=5000, connections=5000, workers=8, listen="0.0.0.0:1", token_file="t", rate=9.0)
    load = modest(scenario(load=heavy)).load
    assert (load.users, load.connections, load.workers, load.listen) == (4, 4, 1, "")
    assert load.rate == 9.0, "a rate that is refused must be refused here, too"


@pytest.mark.parametrize(
    ("text", "what", "why", "fix"),
    [
        ("x is off on pg://h/d: set y and restart", "x is off on pg://h/d", "", "set y and restart"),
        ("h does not answer\n  why: refused\n  fix: check it", "h does not answer", "refused", "check it"),
        ("log of h cannot be used: denied", "log of h cannot be used", "denied", "docs/queries.md"),
        ("the agent failed in hook of x", "the agent failed in hook of x", "", "docs/queries.md"),
    ],
)
def test_sentences_of_sources_become_what_why_and_fix(text, what, why, fix):
    finding = _of_sentence("warning", text)
    assert (finding.state, finding.what, finding.why) == ("warning", what, why)
    assert finding.fix.startswith(fix)
