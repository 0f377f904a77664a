"""The order of the checks, what becomes of one that fails, and how it all looks."""

from __future__ import annotations

import json
from io import StringIO

from rich.console import Console

from perfproof.core.redaction import Redactor
from perfproof.doctor.context import Asked, Context
from perfproof.doctor.examine import Diagnosis, _run
from perfproof.doctor.results import CheckResult, NoiseEstimate, NotChecked, joined, ok, problem, warning
from perfproof.doctor.text import render, to_json
from perfproof.errors import ServiceError
from perfproof.machine.cores import split_cpus
from perfproof.rounds.observer import Silent


class Failing:
    about = "some"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def run(self, context: Context):
        yield ok("some", "what came before it")
        raise self.error


def test_a_check_that_fails_is_a_finding_and_the_others_have_their_turn(tmp_path):
    context = Context(Asked(), tmp_path, split_cpus(), Redactor(frozenset()), Silent())
    told = ServiceError("it fell over", why="no legs", hint="give it some", log_tail=tuple("abcdefg"))
    checks = [Failing(told), Failing(NotChecked("it is dark")), Failing(ZeroDivisionError("secret-1"))]
    found = [each for each in _run(checks, context) if each.state != "ok"]
    assert found[0] == CheckResult("problem", "some", "it fell over", "no legs", "give it some", tuple("cdefg"))
    assert found[1] == CheckResult("skipped", "some", "it is dark")
    assert found[2].state == "problem"
    assert "ZeroDivisionError" in found[2].what
    assert "test_examine.py" in found[2].why
    assert "secret-1" not in str(found[2]), "a message may quote what is secret"
    assert len(list(_run(checks, context))) == 6


def test_what_holds_for_all_arms_is_said_once_and_what_holds_for_one_names_it():
    alike = problem("requests", "answered 'x' with status 500", "read its log")
    with_log = CheckResult(alike.state, alike.about, alike.what, fix=alike.fix, log=("boom",))
    other = warning("start", "candidate was slow", "wait")
    both = joined([("baseline", [with_log]), ("candidate", [alike, other])], always=" ")
    assert [each.what for each in both] == [
        "baseline and candidate answered 'x' with status 500",
        "candidate was slow",
    ]
    assert both[0].log == ("boom",)
    assert joined([("baseline", [alike]), ("candidate", [alike])]) == [alike]
    assert joined([("baseline", [alike])], everywhere=2)[0].what == "baseline: answered 'x' with status 500"


def diagnosis(*findings: CheckResult) -> Diagnosis:
    return Diagnosis(
        "some.yaml", (("Machine", findings),), (NoiseEstimate(60, 0, float("inf")), NoiseEstimate(120, 9, 0.031))
    )


def test_a_screen_has_state_fix_and_the_next_command_and_no_colour_where_none_is_wanted():
    bad = problem("requests", "baseline answered 'x' with status 500, not 2xx", "read its \x1b[31mlog", "a reason")
    page = Console(width=80, record=True, force_terminal=True, color_system="truecolor", file=StringIO())
    render(diagnosis(ok("cores", "2"), warning("disk", "little", "free some"), bad), page)
    coloured = page.export_text(styles=True, clear=False)
    text = page.export_text()
    assert "\x1b[" in coloured
    assert "\x1b" not in text, "what a service said cannot colour a terminal"
    lines = text.splitlines()
    assert lines[0] == "Machine"
    assert lines[1].split() == ["ok", "cores", "2"]
    assert "fix: free some" in lines[3]
    assert lines[-1].startswith("1 problem, 1 warning; mend it, then again: perfproof doctor some.yaml")
    assert all(len(line) <= 80 for line in lines)
    plain = Console(width=80, record=True, file=StringIO())
    render(diagnosis(ok("cores", "2")), plain)
    assert plain.export_text().splitlines()[-1] == "no problem; next: perfproof ab some.yaml"


def test_the_json_says_the_same_and_is_valid_where_nothing_can_be_seen():
    found = diagnosis(ok("cores", "2"), problem("disk", "none", "free some"))
    document = json.loads(to_json(found))
    assert document["exit_code"] == document["problems"] == 1
    told = document["findings"][1]
    assert (told["area"], told["state"], told["about"], told["fix"]) == ("Machine", "problem", "disk", "free some")
    assert document["sees"][0]["smallest_change"] is None
    assert document["sees"][1] == {"seconds": 120, "rounds": 9, "smallest_change": 0.031}
    assert diagnosis(warning("disk", "little", "free some")).exit_code == 0
