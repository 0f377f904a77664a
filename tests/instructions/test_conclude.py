from __future__ import annotations

from dataclasses import replace

import pytest

from perfproof.instructions.conclude import across, conclude_instructions, half_width, with_functions
from perfproof.model.instructions import CountPart, Instructions, RequestCount, StartCount
from perfproof.model.levers import Causes
from perfproof.model.profile import ArmProfile
from perfproof.model.result import Verdict, basis
from perfproof.model.rules import Rules
from perfproof.model.scenario import Goal

RULES = Rules()
FACTS = {"architecture": "x86_64", "C library": "glibc 2.36", "CPU features": "x86-64-v3"}


def counted(baseline: list[float], candidate: list[float], **other: object) -> Instructions:
    """Return counts of one request; each figure is what a start executed per request."""
    starts = [
        StartCount(arm, number, (RequestCount("list", 10, each * 10),))
        for arm, values in (("baseline", baseline), ("candidate", candidate))
        for number, each in enumerate(values, 1)
    ]
    return Instructions("callgrind", tuple(starts), weights={"list": 1.0}, facts=FACTS, **other)  # type: ignore[arg-type]


def judged(found: Instructions, rules: Rules = RULES) -> dict[str, Verdict]:
    conclusion = conclude_instructions(found, rules, ["baseline", "candidate"])
    return {row.request: row.verdict for row in conclusion.rows}


def test_starts_are_the_unit_and_one_per_cent_is_a_change():
    steady = [1000e3, 1002e3, 999e3, 1001e3]
    more = [each * 1.02 for each in steady]
    assert judged(counted(steady, more)) == {"all": Verdict.REGRESSED, "list": Verdict.REGRESSED}
    assert judged(counted(more, steady))["all"] is Verdict.IMPROVED
    assert judged(counted(steady, steady[::-1]))["all"] is Verdict.EQUIVALENT


def test_a_change_below_one_per_cent_is_no_regression_however_sure():
    assert judged(counted([1000e3] * 4, [1007e3] * 4))["all"] is Verdict.EQUIVALENT
    assert judged(counted([1000e3] * 4, [1012e3] * 4))["all"] is Verdict.REGRESSED


def test_what_runs_without_requests_is_taken_off():
    noisy = [
        StartCount(arm, number, (RequestCount("list", 10, 10_000_000 + beat, idle=beat),))
        for arm, beat in (("baseline", 0.0), ("candidate", 3e6))
        for number in (1, 2, 3)
    ]
    found = Instructions("callgrind", tuple(noisy), weights={"list": 1.0})
    row = conclude_instructions(found, RULES, ["baseline", "candidate"]).rows[0]
    assert (row.baseline, row.candidate) == (pytest.approx(1e6), pytest.approx(1e6))


def test_all_requests_are_weighted_by_traffic():
    starts = tuple(
        StartCount(arm, number, (RequestCount("small", 10, 1e6), RequestCount("large", 10, 9e6)))
        for arm in ("baseline", "candidate")
        for number in (1, 2)
    )
    found = Instructions("callgrind", starts, weights={"small": 3.0, "large": 1.0})
    rows = {row.request: row for row in conclude_instructions(found, RULES, ["baseline", "candidate"]).rows}
    assert rows["all"].baseline == pytest.approx((3 * 1e5 + 9e5) / 4)


def test_starts_that_differ_much_are_told_and_leave_the_matter_open():
    found = counted([1000e3, 1150e3, 950e3], [1060e3, 1010e3, 1180e3])
    row = conclude_instructions(found, RULES, ["baseline", "candidate"]).rows[0]
    assert row.verdict is Verdict.INCONCLUSIVE
    assert "starts of one version vary by" in row.notes[0]


def test_what_came_now_and_then_is_told_at_its_row_and_moves_no_verdict():
    usual = [CountPart(4, 4e6)] * 5
    starts = tuple(
        StartCount(arm, number, (RequestCount.whole("list", [*usual[1:], CountPart(4, last)]),))
        for arm, last in (("baseline", 4e6), ("candidate", 90e6))
        for number in (1, 2, 3)
    )
    one = replace(starts[0], counts=(RequestCount.whole("list", usual),))
    found = Instructions("callgrind", (*starts[:4], *(replace(one, arm="candidate", number=n) for n in (2, 3))))
    found = replace(found, weights={"list": 1.0})
    rows = {row.request: row for row in conclude_instructions(found, RULES, ["baseline", "candidate"]).rows}
    assert rows["list"].verdict is Verdict.EQUIVALENT
    (note,) = rows["list"].notes
    assert note == (
        "not among them is what came now and then: of candidate 1 time in 15 stretches (86 M instructions each time)"
    )


@pytest.mark.parametrize(("candidate", "expected"), [([1000e3, 1002e3], 0.003), ([2000e3, 2004e3], 0.003)])
def test_how_much_starts_differ_does_not_hang_on_what_the_arms_differ_by(candidate, expected):
    found = counted([1000e3, 1002e3] * 2, candidate * 2)
    assert half_width(found, ["baseline", "candidate"]) == pytest.approx(expected, abs=0.0012)
    wide = counted([1000e3, 1050e3] * 2, candidate * 2)
    assert half_width(wide, ["baseline", "candidate"]) > 0.03
    assert half_width(wide, ["baseline"]) > half_width(found, ["baseline"]) > 0
    assert half_width(counted([1000e3], candidate[:1]), ["baseline"]) is None


def test_a_goal_is_met_by_instructions_too():
    rules = replace(RULES, goals=(Goal("instructions_per_request", 0.1),))
    verdicts = judged(counted([1000e3] * 4, [850e3] * 4), rules)
    assert verdicts == {"all": Verdict.IMPROVED, "list": Verdict.MET}


def test_what_was_not_counted_and_what_cannot_be_seen_is_said():
    none = Instructions("none", notes=("Valgrind is not installed: install it",))
    (told,) = conclude_instructions(none, RULES, ["baseline"]).warnings
    assert told == "Instructions were not counted: Valgrind is not installed: install it."
    partly = counted([1e6] * 2, [1e6] * 2, skipped={"step one": "it is a step of a flow"})
    warnings = conclude_instructions(partly, RULES, ["baseline", "candidate"]).warnings
    assert warnings[0] == "Instructions of step one were not counted: it is a step of a flow."
    assert "the database's own process" in warnings[-1]


def test_two_runs_are_held_against_each_other_only_on_one_kind_of_machine():
    one, two = counted([1e6] * 2, [2e6] * 2), counted([3e6] * 2, [4e6] * 2)
    both = across(one, two, ["candidate", "candidate"], ["before", "after"])
    assert both is not None
    found = {arm: {s.counts[0].per_request for s in both.starts if s.arm == arm} for arm in ("before", "after")}
    assert found == {"before": {2e6}, "after": {4e6}}
    other = across(one, replace(two, facts={**FACTS, "architecture": "aarch64"}), ["candidate"] * 2, ["a", "b"])
    assert other is not None
    assert (other.source, other.notes) == ("none", ("not comparable, since they differ in architecture",))
    assert across(None, two, ["candidate"] * 2, ["a", "b"]) is None


def test_another_processor_compiler_or_interpreter_is_told_of_two_runs_and_not_held_against_them():
    one = counted([1e6] * 3, [2e6] * 3, made_by={"baseline": "Python 3.11.2", "candidate": "Python 3.11.2"})
    two = replace(one, facts={**FACTS, "CPU features": "x86-64-v2"}, made_by={"candidate": "Python 3.13.1"})
    both = across(one, two, ["candidate"] * 2, ["before", "after"])
    assert both is not None
    warnings = " ".join(conclude_instructions(both, RULES, ["before", "after"]).warnings)
    assert "processors with other features (x86-64-v3 and x86-64-v2)" in warnings
    assert "The compiler or interpreter differs (Python 3.11.2 and Python 3.13.1)" in warnings
    same = across(one, one, ["candidate"] * 2, ["before", "after"])
    assert same is not None
    assert same.notes == ()


def test_what_a_count_rests_on_is_told_whole_or_not_at_all():
    found = counted([1e6] * 2, [1e6] * 2, made_by={"baseline": "GCC 11", "candidate": "GCC 12.2.0"})
    facts = conclude_instructions(found, RULES, ["baseline", "candidate"]).facts
    assert basis(facts) == {
        "instructions counted by": "Valgrind's callgrind",
        **FACTS,
        "compiler or interpreter": "GCC 12.2.0",  # of the candidate, which history follows
    }
    assert basis(conclude_instructions(counted([1e6], [1e6]), RULES, ["baseline", "candidate"]).facts) == {}


def test_functions_stand_in_where_no_profiler_saw_any():
    mine = (ArmProfile("baseline", "callgrind"), ArmProfile("candidate", "callgrind"))
    found = counted([1e6], [1e6], profiles=mine)
    blind = Causes(profiles=(ArmProfile("baseline", "none"), ArmProfile("candidate", "none")))
    seen = Causes(profiles=(ArmProfile("baseline", "perf"), ArmProfile("candidate", "perf")))
    assert with_functions(blind, found) == Causes(profiles=mine)
    assert with_functions(None, found) == Causes(profiles=mine)
    assert with_functions(seen, found) is seen
    assert with_functions(blind, None) is blind
