"""Three versions and more: each against the first, corrected for their number, and which is best."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from judge.several_builders import make_several
from perfproof.errors import UsageError
from perfproof.judge import analyse, compare, look, progress
from perfproof.judge.several import _Race, of_two, settled
from perfproof.model.metrics import ALL
from perfproof.model.policy import Policy
from perfproof.model.probe import Difference, ProbedArm, Probing
from perfproof.model.result import Verdict
from perfproof.model.rules import Rules
from perfproof.model.scenario import Budget, Goal
from perfproof.stats.alpha_spending import confidence
from perfproof.verdict.policy import judge


def p50(result, arm: str = ""):
    return next(r for r in result.comparisons if (r.metric, r.request, r.arm) == ("latency_p50", ALL, arm))


def test_each_candidate_has_its_own_verdict_against_the_first_and_the_worst_is_the_runs() -> None:
    result = analyse(make_several((0.0, -0.3, 0.2)))
    assert result.arms == ("main", "fix-a", "fix-b", "fix-c")
    assert [part.arms for part in result.candidates] == [("main", "fix-a"), ("main", "fix-b"), ("main", "fix-c")]
    verdicts = [part.verdict for part in result.candidates]
    assert verdicts == [Verdict.EQUIVALENT, Verdict.IMPROVED, Verdict.REGRESSED]
    assert (result.verdict, result.exit_code) == (Verdict.REGRESSED, 1)
    for arm, truth in (("fix-a", 0.0), ("fix-b", -0.3), ("fix-c", 0.2)):
        row = p50(result, arm)
        assert row.ci_low < truth < row.ci_high
        assert row.change == pytest.approx(truth, abs=0.02)
    assert {level.arm for level in result.levels} == set(result.arms)
    assert Counter((level.metric, level.request, level.arm) for level in result.levels).most_common(1)[0][1] == 1
    for part in result.candidates:
        assert f"{part.arms[-1]}: {part.sentence}" in result.sentence
    assert result.ranking.best == ("fix-b",)
    assert result.sentence.startswith("Best by p50 latency: fix-b (−")
    assert "against main" in result.ranking.sentence
    assert "against fix-a" in result.ranking.sentence


def test_a_candidate_is_judged_as_if_it_had_been_measured_alone_with_the_first() -> None:
    """What another version does in the same rounds must not move this one's figures by a digit."""
    whole = make_several((-0.1, 0.4), rounds=6)
    alone = of_two(whole, (0, 1), 1)
    kept = replace(
        whole,
        info=replace(
            whole.info, arms=("main", "fix-a"), arm_details=whole.info.arm_details[:2], rules=alone.info.rules
        ),
        rounds=tuple(
            replace(
                each,
                arms=each.arms[:2],
                blocks=each.blocks[:2],
                samples=each.samples.select(each.samples["arm"] < 2),
                processes={name: column[:2] for name, column in each.processes.items()},
            )
            for each in whole.rounds
        ),
    )
    assert analyse(alone).comparisons == analyse(kept).comparisons
    last = of_two(whole, (0, 2), 2)
    assert set(last.rounds[0].samples["arm"].tolist()) == {0, 1}
    assert last.rounds[0].processes["rss"].tolist() == [7, 9], "the processes of the first and of the third"
    assert [each.memory_peak for each in last.rounds[0].arms] == [1000 << 20, 1002 << 20]
    assert [each["command"] for each in last.info.arm_details] == ["serve --main", "serve --fix-b"]


def test_intervals_are_corrected_for_the_number_of_candidates_and_the_correction_is_named() -> None:
    one, three = analyse(make_several((-0.1,))), analyse(make_several((-0.1, 0.0, 0.0)))
    assert one.candidates == () and one.ranking is None and p50(one).arm == ""  # noqa: PT018 - as it always was
    assert p50(one).confidence == pytest.approx(confidence(12, 12))
    assert p50(three, "fix-a").confidence == pytest.approx(1 - (1 - confidence(12, 12)) / 3)
    fact = {each.name: each.candidate for each in three.comparability.facts}["corrected for"]
    assert fact == "3 candidates (Bonferroni): each interval at 99.4 %, all together at 98 %"
    assert all(fact in [each.candidate for each in part.comparability.facts] for part in three.candidates)
    assert "corrected for 3 candidates" in three.sentence
    assert "corrected for" not in {each.name for each in one.comparability.facts}


def test_one_candidate_is_best_only_where_its_own_interval_against_the_other_says_so() -> None:
    alike = analyse(make_several((-0.3, -0.3)))
    assert [part.verdict for part in alike.candidates] == [Verdict.IMPROVED, Verdict.IMPROVED]
    assert alike.ranking.best == ("fix-a", "fix-b")
    assert not alike.ranking.decided
    assert "fix-a and fix-b" in alike.ranking.sentence
    (versus,) = alike.ranking.versus
    assert (versus.first, versus.second) == ("fix-a", "fix-b")
    assert versus.row.ci_low < 0 < versus.row.ci_high
    apart = analyse(make_several((-0.3, -0.37)))
    assert apart.ranking.best == ("fix-b",)
    row = apart.ranking.versus[0].row
    assert row.change == pytest.approx(0.63 / 0.70 - 1, abs=0.02), "from their own pairs"
    assert row.ci_high < 0


def test_where_no_candidate_is_faster_the_first_may_be_best_and_a_best_one_that_regressed_says_so() -> None:
    worse = analyse(make_several((0.1, 0.2)))
    assert worse.ranking.best == ("main",)
    assert worse.ranking.sentence.startswith("Best by p50 latency: main (−")
    none = analyse(make_several((0.0, 0.0), start_sd=0.002))
    assert none.verdict is Verdict.EQUIVALENT
    assert none.ranking.sentence == "None is best by p50 latency: main, fix-a and fix-b are alike within the margin."
    recording = make_several((-0.3, -0.1))
    heavy = tuple(
        replace(each, arms=tuple(replace(arm, memory_peak=(1000 + 500 * (arm.arm == 1)) << 20) for arm in each.arms))
        for each in recording.rounds
    )
    result = analyse(replace(recording, rounds=heavy))
    assert result.verdict is Verdict.REGRESSED
    assert result.ranking.best == ("fix-a",)
    assert result.ranking.sentence.endswith(", but it is regressed against main.")


def test_a_candidate_whose_requests_fail_is_invalid_alone_and_is_not_ranked() -> None:
    result = analyse(make_several((-0.2, -0.4), failing=(0.0, 0.0, 0.3)))
    assert [part.verdict for part in result.candidates] == [Verdict.IMPROVED, Verdict.INVALID]
    assert (result.verdict, result.exit_code) == (Verdict.INVALID, 4)
    assert result.ranking.best == ("fix-a",)
    assert result.ranking.versus == ()
    everywhere = analyse(make_several((-0.2, -0.4), failing=(0.3, 0.0, 0.0)))
    assert [part.verdict for part in everywhere.candidates] == [Verdict.INVALID] * 2
    assert everywhere.ranking is None


def test_what_is_proven_of_one_candidate_stands_whatever_could_not_be_measured_of_another() -> None:
    result = analyse(make_several((0.2, -0.4), failing=(0.0, 0.0, 0.3)))
    assert [part.verdict for part in result.candidates] == [Verdict.REGRESSED, Verdict.INVALID]
    assert (result.verdict, result.exit_code) == (Verdict.REGRESSED, 1)
    gate = judge(result, Policy())
    assert gate.exit_code == 1
    assert gate.summary.endswith("fix-a fails, fix-b is invalid.")


def test_goals_and_budgets_hold_for_every_candidate_and_rank_by_the_metric_of_the_goal() -> None:
    rules = Rules(goals=(Goal("cpu_per_request", 0.2),), budgets=(Budget("latency_p50", 10.0, ("show",)),))
    result = analyse(make_several((-0.3, -0.1), rules=rules))
    assert [part.verdict for part in result.candidates] == [Verdict.MET, Verdict.GOAL_MISSED]
    assert {(each.arm, each.broken) for each in result.budgets} == {("fix-a", False), ("fix-b", True)}
    assert result.exit_code == 1
    assert result.ranking.metric == "cpu_per_request"


def test_it_stops_early_only_when_every_candidate_is_decided() -> None:
    assert look(make_several((-0.3, 0.3), rounds=4, planned=12)).stop
    recording = make_several((-0.3, 0.02), rounds=4, planned=12, start_sd=0.02)
    seen = look(recording)
    assert seen.result.candidates[0].verdict is Verdict.IMPROVED
    assert seen.result.candidates[1].verdict is Verdict.INCONCLUSIVE
    assert seen.planned and not seen.stop  # noqa: PT018
    assert [row.arm for row in progress(recording)] == ["fix-a", "fix-a", "fix-b", "fix-b"]
    open_ = look(make_several((-0.3, -0.33), rounds=4, planned=12, start_sd=0.03))
    assert [part.verdict for part in open_.result.candidates] == [Verdict.IMPROVED] * 2
    assert not settled(open_.result), "which of two gains is the larger is open yet"
    assert not open_.stop


def test_identical_versions_are_rarely_told_apart_however_many_there_are() -> None:
    wrong = sum(
        any(part.verdict in (Verdict.IMPROVED, Verdict.REGRESSED) for part in result.candidates)
        or result.ranking.decided
        for seed in range(20)
        for result in [
            analyse(make_several((0.0,) * 4, rounds=6, each=40, requests=("list",), base_ms=(4.0,), seed=seed))
        ]
    )
    assert wrong <= 3, "a claim on any row of any candidate in one run of 25 at most, and some by chance"


@pytest.mark.parametrize(
    ("proven", "best"),
    [
        ({("b", "a"), ("c", "a"), ("c", "b")}, ("c",)),
        ({("b", "a"), ("c", "a")}, ("b", "c")),
        ({("b", "a")}, ("b", "c")),
        ({("b", "a"), ("a", "c")}, ("b", "c")),
        ({("a", "b"), ("b", "c"), ("c", "a")}, ("a", "b", "c")),
        (set(), ("a", "b", "c")),
    ],
)
def test_best_is_who_beats_all_others_or_all_whom_nobody_is_proven_better_than(
    proven: set[tuple[str, str]], best: tuple[str, ...]
) -> None:
    rows: dict[tuple[str, str], Any] = {}
    for first, second in (("a", "b"), ("a", "c"), ("b", "c")):
        change = -0.2 if (second, first) in proven else 0.2 if (first, second) in proven else 0.0
        rows[first, second] = SimpleNamespace(
            change=change, ci_low=change - 0.1, ci_high=change + 0.1, verdict=Verdict.INCONCLUSIVE
        )
    assert _Race("latency_p50", ("a", "b", "c"), rows).leaders() == best
    turned = {
        key: SimpleNamespace(change=-row.change, ci_low=-row.ci_high, ci_high=-row.ci_low, verdict=row.verdict)
        for key, row in rows.items()
    }
    assert _Race("throughput", ("a", "b", "c"), turned).leaders() == best, "where more is better"


def test_responses_that_differ_are_those_of_one_candidate() -> None:
    probing = Probing(
        tuple(ProbedArm(name, ()) for name in ("main", "fix-a", "fix-b")),
        (Difference("list", None, "json", ("$.total: 3 → 4",), arm="fix-b"),),
        compared=2,
        policy="error",
    )
    recording = make_several((-0.3, -0.3), rounds=4)
    result = analyse(replace(recording, probing=probing))
    assert [part.verdict for part in result.candidates] == [Verdict.IMPROVED, Verdict.INVALID]
    assert any(finding.summary.startswith("fix-b: ") for finding in result.findings)


def test_two_runs_cannot_be_compared_where_one_holds_several_candidates() -> None:
    recording = make_several((0.0, 0.0), rounds=2)
    with pytest.raises(UsageError) as told:
        compare(make_several((0.0,), rounds=2), recording)
    assert "3 versions" in str(told.value)
    assert "--arm, of fix-a and fix-b" in str(told.value)


def test_samples_of_other_versions_are_left_out_of_a_view_whatever_their_order() -> None:
    recording = make_several((0.0, 0.0), rounds=1, each=10)
    two = of_two(recording, (2, 1), 1)
    arms = recording.rounds[0].samples["arm"]
    assert two.rounds[0].samples["arm"].tolist() == np.where(arms[arms > 0] == 2, 0, 1).tolist()
    assert two.info.arms == ("fix-b", "fix-a")
