from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import why_builders
from perfproof.judge import analyse, compare, look, progress, spreads
from perfproof.judge.analysis import pair_facts
from perfproof.measure.rounds import describe
from perfproof.model.levers import ArmLevers, Causes
from perfproof.model.metrics import ALL
from perfproof.model.probe import ProbedArm, Probing
from perfproof.model.recording import Block, Recording, Samples
from perfproof.model.result import Comparison, Result, Verdict
from perfproof.model.rules import Rules
from perfproof.model.scenario import Budget, Goal
from perfproof.stats.pairs import Effects
from recording_builders import make_recording


def row(result: Result, metric: str = "latency_p50", request: str = ALL) -> Comparison:
    return next(r for r in result.comparisons if r.metric == metric and r.request == request)


def with_rules(recording: Recording, **changes: object) -> Recording:
    return Recording(replace(recording.info, rules=replace(recording.info.rules, **changes)), recording.rounds)  # type: ignore[arg-type]


def swapped(recording: Recording) -> Recording:
    rounds = []
    for r in recording.rounds:
        columns = dict(r.samples.columns)
        columns["arm"] = 1 - columns["arm"]
        processes = dict(r.processes) | {"arm": 1 - r.processes["arm"]}
        rounds.append(
            replace(
                r,
                samples=replace(r.samples, columns=columns),
                processes=processes,
                blocks=tuple(replace(b, arm=1 - b.arm) for b in r.blocks),
                arms=tuple(replace(a, arm=1 - a.arm) for a in r.arms),
            )
        )
    return Recording(recording.info, tuple(rounds))


def scaled(recording: Recording, factor: int) -> Recording:
    rounds = []
    for r in recording.rounds:
        columns = dict(r.samples.columns)
        columns["done_ns"] = columns["intended_ns"] + factor * (columns["done_ns"] - columns["intended_ns"])
        rounds.append(replace(r, samples=replace(r.samples, columns=columns)))
    return Recording(recording.info, tuple(rounds))


def numbers(result: Result) -> list[tuple[float, float, float]]:
    rows = [r for r in result.comparisons if r.ci_low is not None and r.ci_high is not None and r.change is not None]
    return [(r.change, r.ci_low, r.ci_high) for r in rows if r.metric.startswith("latency")]  # type: ignore[misc]


@pytest.fixture(scope="module")
def slower() -> Recording:
    return make_recording(effect=0.08, block_sd=0.01, start_sd=0.01, seed=3)


def test_identical_arms_are_equivalent() -> None:
    result = analyse(make_recording(block_sd=0.02, start_sd=0.01))
    assert (result.verdict, result.exit_code) == (Verdict.EQUIVALENT, 0)
    assert result.sentence.startswith("No difference: p50 latency")


def test_a_slower_candidate_has_regressed(slower: Recording) -> None:
    result = analyse(slower)
    assert (result.verdict, result.exit_code) == (Verdict.REGRESSED, 1)
    found = row(result)
    assert found.ci_low is not None
    assert found.ci_high is not None
    assert found.ci_low < 0.08 < found.ci_high


def test_levels_agree_with_the_change(slower: Recording) -> None:
    for each in analyse(slower).comparisons:
        if each.change is not None and each.baseline and each.candidate and not each.typical:
            assert each.candidate / each.baseline - 1 == pytest.approx(each.change, rel=1e-9)


def test_swapping_the_arms_mirrors_every_interval(slower: Recording) -> None:
    there, back = numbers(analyse(slower)), numbers(analyse(swapped(slower)))
    assert len(there) == len(back) > 5
    for (change, low, high), (change2, low2, high2) in zip(there, back, strict=True):
        assert (1 / (1 + change2), 1 / (1 + high2), 1 / (1 + low2)) == pytest.approx((1 + change, 1 + low, 1 + high))


def test_scaling_both_arms_changes_nothing(slower: Recording) -> None:
    assert np.allclose(numbers(analyse(slower)), numbers(analyse(scaled(slower, 3))), atol=1e-6)


def test_the_order_of_rounds_does_not_matter(slower: Recording) -> None:
    turned = Recording(slower.info, slower.rounds[::-1])
    assert np.allclose(numbers(analyse(slower)), numbers(analyse(turned)))


@pytest.mark.parametrize(
    ("effect", "verdict", "code"),
    [
        (-0.35, Verdict.MET, 0),
        (-0.10, Verdict.GOAL_MISSED, 1),
        (-0.205, Verdict.IMPROVED, 3),
        (0.15, Verdict.REGRESSED, 1),
    ],
)
def test_goals_decide_the_run(effect: float, verdict: Verdict, code: int) -> None:
    rules = Rules(goals=(Goal("latency_p50", 0.2, 0.3),))
    result = analyse(make_recording(effect=effect, rules=rules, block_sd=0.02, start_sd=0.01, memory_effect=0.0))
    assert (result.verdict, result.exit_code) == (verdict, code)
    goals = [r for r in result.comparisons if r.role == "goal"]
    assert [r.request for r in goals] == ["list", "show"]
    assert all(r.stretch_met is (effect == -0.35) for r in goals)


def test_a_goal_may_name_all_requests_together() -> None:
    rules = Rules(goals=(Goal("latency_p50", 0.2, requests=(ALL,)),))
    result = analyse(make_recording(effect=-0.4, rules=rules))
    assert [r.request for r in result.comparisons if r.role == "goal"] == [ALL]
    assert result.verdict is Verdict.MET


def test_more_memory_fails_a_run_whose_goal_is_met_and_the_sentence_tells_both() -> None:
    rules = Rules(goals=(Goal("latency_p50", 0.2),))
    result = analyse(make_recording(effect=-0.5, memory_effect=0.3, rules=rules))
    assert (result.verdict, result.exit_code) == (Verdict.REGRESSED, 1)
    assert result.sentence.startswith("Goal met (p50 latency of 2 requests −")
    assert re.search(r"\), but peak memory rose by (29|30|31)\.\d % ", result.sentence)
    assert result.sentence.endswith(" (guard): not passed.")


def test_a_rise_of_errors_forbids_gains() -> None:
    rules = Rules(goals=(Goal("latency_p50", 0.2),), max_error_rate=0.2)
    result = analyse(make_recording(effect=-0.5, errors=(0.0, 0.05), rules=rules))
    assert not {r.verdict for r in result.comparisons} & {Verdict.MET, Verdict.IMPROVED} - {
        r.verdict for r in result.comparisons if r.metric in ("cpu_per_request",)
    }
    assert row(result, "error_rate").verdict is Verdict.REGRESSED
    assert result.exit_code == 1
    assert any(finding.kind == "more errors" for finding in result.findings)


def test_one_failure_among_many_requests_forbids_no_gain() -> None:
    rules = Rules(goals=(Goal("latency_p50", 0.2),))
    recording = make_recording(effect=-0.5, rules=rules, rounds=6, rate=200)
    samples = dict(recording.rounds[0].samples.columns)
    outcome = samples["outcome"].copy()
    outcome[np.flatnonzero(samples["arm"] == 1)[7]] = 1
    first = replace(recording.rounds[0], samples=Samples({**samples, "outcome": outcome}))
    result = analyse(Recording(recording.info, (first, *recording.rounds[1:])))
    assert row(result, "error_rate").candidate > 0
    assert (result.verdict, result.exit_code) == (Verdict.MET, 0)


def test_a_broken_budget_fails_the_run() -> None:
    rules = Rules(budgets=(Budget("latency_p95", 5.0), Budget("error_rate", 0.01)))
    result = analyse(make_recording(rules=rules))
    assert result.exit_code == 1
    assert [b.broken for b in result.budgets] == [True, True, False, False]
    assert result.sentence.startswith("Budgets broken: p95 latency of list")


def test_a_single_arm_is_judged_by_its_budgets_alone() -> None:
    kept = analyse(make_recording(kind="run", rules=Rules(budgets=(Budget("latency_p95", 500.0),))))
    assert (kept.verdict, kept.exit_code, kept.comparisons) == (Verdict.MET, 0, ())
    assert kept.sentence.startswith("Both budgets hold; measured ")
    plain = analyse(make_recording(kind="run"))
    assert (plain.exit_code, plain.sentence.split(":")[0]) == (0, "Measured candidate over 12 rounds")


def test_one_round_decides_nothing() -> None:
    result = analyse(make_recording(rounds=1, effect=-0.5))
    assert (result.verdict, result.exit_code) == (Verdict.INCONCLUSIVE, 3)
    assert row(result).ci_low is None


def test_an_unfinished_round_is_left_out() -> None:
    recording = make_recording(rounds=6)
    broken = replace(recording.rounds[-1], complete=False)
    result = analyse(Recording(recording.info, (*recording.rounds[:-1], broken)))
    assert result.rounds == 5


def test_inconclusive_rows_say_what_would_settle_them() -> None:
    result = analyse(make_recording(rounds=3, effect=0.01, cpu_effect=0.0))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "would settle it" in row(result).notes[-1]
    assert "would settle it" in result.sentence


def test_a_run_stops_early_only_at_a_planned_look_and_only_when_decided() -> None:
    clear = make_recording(effect=-0.6, rounds=12)
    for rounds in range(1, 12):
        seen = look(Recording(clear.info, clear.rounds[:rounds]))
        assert seen.planned == (rounds in (4, 8))
        assert not seen.stop or seen.planned
    assert look(Recording(clear.info, clear.rounds[:4])).stop
    open_ = make_recording(effect=0.05, rounds=8, rules=Rules())
    assert not look(Recording(open_.info, open_.rounds[:4])).stop


def test_a_run_without_early_stop_goes_on_to_the_end() -> None:
    clear = make_recording(effect=-0.6, rounds=8, rules=Rules(early_stop=False))
    assert not look(clear).stop
    done = make_recording(effect=-0.6, rounds=12, rules=Rules(early_stop=False))
    assert look(done).stop


def test_two_runs_are_compared_with_their_rounds_as_units() -> None:
    before = make_recording(kind="run", run_id="a", block_sd=0.02)
    after = make_recording(kind="run", run_id="b", seed=2, base_ms=(7.0, 14.0), block_sd=0.02)
    result = compare(before, after)
    found = row(result, request="list")
    assert (result.kind, result.run_ids, found.verdict) == ("compare", ("a", "b"), Verdict.IMPROVED)
    assert found.ci_low is not None
    assert found.ci_high is not None
    assert found.ci_low < -0.3 < found.ci_high
    assert found.candidate is not None
    assert found.baseline is not None
    assert found.change == pytest.approx(found.candidate / found.baseline - 1)
    assert any("different times" in warning for warning in result.comparability.warnings)


def test_of_a_run_with_two_arms_the_candidate_is_compared() -> None:
    result = compare(make_recording(effect=-0.5, run_id="a"), make_recording(kind="run", run_id="b", seed=2))
    assert row(result).verdict is Verdict.INCONCLUSIVE or row(result).change == pytest.approx(0.0, abs=1.5)
    assert any("a has two arms: its candidate is the baseline here" in w for w in result.comparability.warnings)


def test_runs_of_different_scenarios_or_machines_are_not_compared_unless_forced() -> None:
    before = make_recording(kind="run", run_id="a")
    after = make_recording(kind="run", run_id="b", scenario_hash="other", environment="elsewhere")
    result = compare(before, after)
    assert (result.verdict, result.exit_code) == (Verdict.INVALID, 4)
    assert "scenarios differ" in result.sentence
    forced = compare(before, after, force=True)
    assert forced.verdict is not Verdict.INVALID
    assert any("environments differ" in warning for warning in forced.comparability.warnings)


def test_forced_runs_with_differing_requests_are_compared_where_they_agree() -> None:
    before = make_recording(kind="run", run_id="a", requests=("list", "show"), base_ms=(10, 20))
    after = make_recording(kind="run", run_id="b", requests=("show", "new"), base_ms=(20, 5), scenario_hash="other")
    result = compare(before, after, force=True)
    assert {r.request for r in result.comparisons} == {ALL, "show"}
    assert row(result, request="show").change == pytest.approx(0, abs=0.08)


def test_a_noise_run_says_what_can_be_seen_and_leaves_spreads_behind() -> None:
    recording = make_recording(kind="noise")
    result = analyse(recording)
    assert result.exit_code == 0
    assert "can see changes from" in result.sentence
    known = {(s.metric, s.request): s for s in spreads(recording)}
    assert 0.005 < known["latency_p50", ALL].sd < 0.06
    assert known["latency_p50", ALL].rounds == 12


def test_spreads_narrow_the_intervals_of_short_runs() -> None:
    known = spreads(make_recording(kind="noise", seed=9))

    def width(found: Comparison) -> float:
        assert found.ci_low is not None
        assert found.ci_high is not None
        return found.ci_high - found.ci_low

    short = [make_recording(rounds=4, rules=Rules(planned_rounds=4), seed=seed) for seed in range(6)]
    alone, helped = ([width(row(analyse(r, s))) for r in short] for s in ((), known))
    assert np.mean(helped) < 0.8 * np.mean(alone)


def test_progress_is_the_current_estimate_of_latency_and_cpu() -> None:
    recording = make_recording(effect=-0.3, rounds=5)
    rows = progress(recording)
    assert [(r.metric, r.request) for r in rows] == [("latency_p50", ALL), ("cpu_per_request", ALL)]
    assert rows[0].change == pytest.approx(row(analyse(recording)).change)
    assert progress(make_recording(kind="run", rounds=1)) == ()


def test_impact_is_the_time_saved_in_a_second_of_traffic() -> None:
    result = analyse(make_recording(effect=-0.5, weights=(3, 1)))
    means = {(lv.request, lv.arm): lv.estimate.value for lv in result.levels if lv.metric == "latency_mean"}
    saved = means["list", "baseline"] - means["list", "candidate"]
    assert row(result, request="list").impact == pytest.approx(saved * 75, rel=0.1)
    assert row(result, "cpu_per_request").impact == 0


def test_throughput_is_told_only_of_a_closed_model() -> None:
    closed = make_recording(settings={"load": {"model": "closed", "users": 4}}, rounds=4)
    assert row(analyse(closed), "throughput").unit == "1/s"
    assert not [r for r in analyse(make_recording(rounds=4)).comparisons if r.metric == "throughput"]


def test_throughput_counts_whole_turns_and_blocks_alone() -> None:
    closed = make_recording(settings={"load": {"model": "closed", "users": 4}}, rounds=3)
    plain = row(analyse(closed), "throughput")

    def with_blocks(change: Callable[[Block], Block]) -> Recording:
        return Recording(
            closed.info, tuple(replace(r, blocks=tuple(change(block) for block in r.blocks)) for r in closed.rounds)
        )

    slower = with_blocks(lambda b: replace(b, turns_ns=(b.ended_ns - b.started_ns) * (2 if b.arm == 1 else 1)))
    found = row(analyse(slower), "throughput")
    assert found.candidate == pytest.approx(plain.candidate / 2)
    assert found.baseline == pytest.approx(plain.baseline)
    mixed = with_blocks(lambda b: replace(b, paired=b.pair < 4, completed=b.completed * (9 if b.pair < 4 else 1)))
    assert row(analyse(mixed), "throughput").baseline == pytest.approx(plain.baseline, rel=0.2)
    in_pairs = with_blocks(lambda b: replace(b, paired=True))
    assert not [r for r in analyse(in_pairs).comparisons if r.metric == "throughput"]


def test_gates_are_fixed_before_the_data() -> None:
    recording = make_recording()
    roles = {(r.metric, r.request): r.role for r in analyse(recording).comparisons}
    gates = {key for key, role in roles.items() if role == "gate"}
    assert gates == {
        *(("latency_p50", name) for name in (ALL, "list", "show")),
        *((metric, ALL) for metric in ("latency_p95", "cpu_per_request", "memory_peak", "error_rate")),
    }


def test_many_identical_requests_do_not_raise_a_false_alarm() -> None:
    names = [f"r{i}" for i in range(20)]
    verdicts = [
        analyse(make_recording(requests=names, base_ms=[5 + i for i in range(20)], rate=200, seed=s)).verdict
        for s in range(4)
    ]
    assert Verdict.REGRESSED not in verdicts


def test_charts_are_thin_and_counts_add_up() -> None:
    result = analyse(make_recording(rate=400, errors=0.005, rounds=4, rules=Rules(max_error_rate=0.5)))
    assert [d.request for d in result.details] == [ALL, "list", "show"]
    for detail in result.details:
        for curves in detail.charts.values():
            assert all(0 < len(curve.x) == len(curve.y) <= 400 for curve in curves)
        for arm, counts in detail.counts.items():
            assert counts["sent"] == counts["completed"] + counts["failed"]
            assert sum(detail.errors[arm].values()) == counts["failed"] + counts["dropped"]
    everything, parts = result.details[0], result.details[1:]
    assert {"cpu_over_time", "memory_over_time"} < set(everything.charts)
    for arm in ("baseline", "candidate"):
        assert everything.counts[arm]["sent"] == sum(part.counts[arm]["sent"] for part in parts)


def test_what_two_recorded_runs_observed_is_joined_to_say_why() -> None:
    times = {"list": {"app.views:list": 4.0}, "show": {"app.views:show": 8.0}}
    slower = {"list": {"app.views:list": 4.0, "app.views:list > app.audit:audit": 3.0}, "show": times["show"]}
    runs = [
        replace(
            make_recording(kind="run", seed=seed, run_id=f"r{seed}", base_ms=(6.0 + 4 * seed, 20.0)),
            causes=why_builders.causes(why_builders.profile("candidate", spent, seed=seed)),
        )
        for seed, spent in ((1, times), (2, slower))
    ]
    why = compare(*runs).why
    assert why is not None
    assert [(cause.lever, cause.request) for cause in why.causes] == [("hot path", "list")]
    assert why.causes[0].mechanisms[0].name == "app.audit.audit"
    assert why.causes[0].impact == pytest.approx(-50 * 3.0, rel=0.2)
    assert compare(runs[0], replace(runs[1], causes=None)).why is None
    alone = analyse(runs[0]).why
    assert alone is not None
    assert alone.sentence.startswith("Most of the time goes to app.views.show: ")


def test_what_probe_and_causes_lack_alike_is_told_once_for_both_versions() -> None:
    lacking = "pg_stat_statements is not loaded on postgresql://db/shop: set shared_preload_libraries"
    recording = replace(
        make_recording(),
        probing=Probing(tuple(ProbedArm(arm, (), problems=(lacking,)) for arm in ("baseline", "candidate"))),
        causes=Causes(tuple(ArmLevers(arm, notes=(lacking, "another")) for arm in ("baseline", "candidate"))),
    )
    result = analyse(recording)
    assert [each for each in result.comparability.warnings if lacking in each] == [
        f"Queries on baseline and candidate: {lacking}"
    ]
    assert result.why is not None
    assert result.why.notes == ("another",)


def test_what_is_known_so_far_says_whether_it_rose_or_fell() -> None:
    def told(change: float, rounds: int = 4) -> str:
        ends = (change - 0.1, change + 0.1)
        return describe([
            Comparison("latency_p50", "all", "ms", 10, 12, change, *ends, 0.98, Verdict.INCONCLUSIVE, "shown", rounds)
        ])  # fmt: skip

    assert told(0.2783) == "p50 +27.8 % [+17.8, +37.8]"
    assert told(-0.3, rounds=2) == "p50 −30.0 %"


def test_pairs_that_only_had_to_connect_first_weaken_nothing() -> None:
    """Of a slow service each stretch holds few pairs, and one of them is the first."""
    nothing = np.full((2, 1), np.nan)
    matched = Effects(nothing, {}, np.full(2, np.nan), pairs=80, left_out=20, connected=18)
    assert pair_facts(matched)[1] == []
    assert pair_facts(matched)[0][0].baseline == "80 (20 left out)"
    (doubt,) = pair_facts(replace(matched, connected=5))[1]
    assert doubt.startswith("15 % of pairs were left out: one of their two requests failed")
