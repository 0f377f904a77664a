from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from perfproof.judge import analyse
from perfproof.model.recording import ArmRound, Block, Recording
from perfproof.model.result import Verdict
from perfproof.model.rules import Rules
from recording_builders import make_recording


def changed(
    recording: Recording,
    block: Callable[[Block], Block] = lambda b: b,
    arm: Callable[[int, ArmRound], ArmRound] = lambda _, a: a,
) -> Recording:
    rounds = tuple(
        replace(r, blocks=tuple(map(block, r.blocks)), arms=tuple(arm(r.number, a) for a in r.arms))
        for r in recording.rounds
    )
    return Recording(recording.info, rounds)


@pytest.fixture(scope="module")
def sound() -> Recording:
    return make_recording(rounds=6)


def test_every_request_failing_is_invalid_and_names_the_commonest_way() -> None:
    result = analyse(make_recording(errors=1.0, rounds=4))
    assert (result.verdict, result.exit_code) == (Verdict.INVALID, 4)
    assert "every request to baseline failed, mostly with status 500" in result.sentence


def test_errors_of_either_arm_above_the_limit_are_invalid() -> None:
    assert analyse(make_recording(errors=(0.05, 0.0))).verdict is Verdict.INVALID
    assert analyse(make_recording(errors=(0.0, 0.05))).verdict is Verdict.INVALID
    assert analyse(make_recording(errors=0.05, rules=Rules(max_error_rate=0.1))).verdict is not Verdict.INVALID


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (lambda b: replace(b, generator_cpu_ns=b.ended_ns - b.started_ns), "generator was saturated"),
        (lambda b: replace(b, lag_max_ns=80_000_000), "stalled for 80 ms"),
        (lambda b: replace(b, late=b.sent // 2), "more than 1 ms late"),
        (lambda b: replace(b, dropped=3, intended=b.intended + 3), "could not be sent"),
    ],
)
def test_a_generator_that_cannot_keep_up_voids_the_measurement(
    sound: Recording, block: Callable[[Block], Block], words: str
) -> None:
    result = analyse(changed(sound, block))
    assert (result.verdict, result.exit_code) == (Verdict.INVALID, 4)
    assert words in result.sentence
    assert {row.verdict for row in result.comparisons} == {Verdict.INVALID}


def test_a_death_voids_the_measurement_but_the_finished_rounds_stay_readable(sound: Recording) -> None:
    dead = changed(sound, arm=lambda number, a: replace(a, died="exit code 137") if number == 6 and a.arm == 1 else a)
    result = analyse(dead)
    assert result.verdict is Verdict.INVALID
    assert "the service of candidate died in round 6: exit code 137" in result.sentence
    assert result.rounds == 5
    assert result.findings[0].kind == "died"


def test_never_being_steady_voids_and_seldom_being_so_warns(sound: Recording) -> None:
    never = analyse(changed(sound, arm=lambda _, a: replace(a, steady=False)))
    assert never.verdict is Verdict.INVALID
    once = analyse(changed(sound, arm=lambda number, a: replace(a, steady=number != 2)))
    assert once.verdict is not Verdict.INVALID
    assert any("not steady after warm-up in 1 of 6 rounds" in w for w in once.comparability.warnings)


def test_steal_cold_workers_and_missing_restarts_are_doubts(sound: Recording) -> None:
    weak = changed(
        sound,
        lambda b: replace(b, steal_ns=(b.ended_ns - b.started_ns) // 10),
        lambda number, a: replace(a, cold_processes=number == 1, restarts=number == 1),
    )
    weak = Recording(replace(weak.info, rules=replace(weak.info.rules, restarts=False, attempts=3)), weak.rounds)
    result = analyse(weak)
    doubts = " ".join(result.comparability.warnings)
    assert result.verdict is not Verdict.INVALID
    for words in ("took 10 % of a core", "2 worker processes served nothing", "between starts", "attempt 3"):
        assert words in doubts
    assert {finding.kind for finding in result.findings} >= {"cold workers", "restarts"}


def test_differences_between_the_arms_are_listed(sound: Recording) -> None:
    facts = {fact.name: fact for fact in analyse(sound).comparability.facts}
    assert facts["command"].differs
    assert (facts["command"].baseline, facts["command"].candidate) == ("serve --old", "serve --new")
    assert not facts["cpu model"].differs
    assert facts["load model"].baseline == "open"


@pytest.mark.parametrize(
    ("load", "cores", "words"),
    [
        ({"model": "open", "workers": 1}, "8", "lower the rate, or share the load with `workers: 2`"),
        ({"model": "open", "workers": 7}, "8", "lower the rate, or take machines of their own"),
        ({"model": "closed", "workers": 1}, "2", "use fewer users or a think time, or take machines"),
        ({"model": "open", "workers": 9, "listen": "h:1"}, "8", "lower the rate, or let more machines join"),
    ],
)
def test_advice_for_a_saturated_generator_goes_by_what_was_tried(
    sound: Recording, load: dict[str, object], cores: str, words: str
) -> None:
    saturated = changed(sound, lambda b: replace(b, generator_cpu_ns=b.ended_ns - b.started_ns))
    environment = replace(saturated.info.environment, facts={**saturated.info.environment.facts, "cores": cores})
    info = replace(saturated.info, settings={**saturated.info.settings, "load": load}, environment=environment)
    assert words in analyse(replace(saturated, info=info)).sentence


def test_other_programs_on_the_generators_core_are_told_and_its_figures_shown(sound: Recording) -> None:
    kept_waiting = changed(sound, lambda b: replace(b, waited_ns=(b.ended_ns - b.started_ns) // 10))
    for recording, told in ((sound, False), (kept_waiting, True)):
        comparability = analyse(recording).comparability
        assert any("waiting for 10 % of the time" in doubt for doubt in comparability.warnings) is told
        fact = next(fact for fact in comparability.facts if fact.name == "load generator")
        assert ("10 % waiting for it" in fact.candidate) is told


def sick(recording: Recording, numbers: set[int], block: Callable[[Block], Block]) -> Recording:
    rounds = tuple(
        replace(r, blocks=tuple(block(b) for b in r.blocks)) if r.number in numbers else r for r in recording.rounds
    )
    return replace(recording, rounds=rounds)


STALLED = {"lag_max_ns": 90_000_000}


def test_a_round_in_which_the_generator_could_not_keep_up_is_left_out_and_named():
    whole = make_recording(rounds=8)
    result = analyse(sick(whole, {3}, lambda b: replace(b, **STALLED)))
    assert result.rounds == 7
    assert result.verdict is not Verdict.INVALID
    assert any(
        text == "1 round of 8 left out, for the load generator stalled for 90 ms in a typical block."
        for text in result.comparability.warnings
    )


def test_more_such_rounds_than_a_quarter_void_the_measurement():
    result = analyse(sick(make_recording(rounds=8), {1, 4, 7}, lambda b: replace(b, **STALLED)))
    assert result.verdict is Verdict.INVALID
    assert "the load generator stalled for 90 ms in a typical block in 3 of 8 rounds" in result.sentence


def test_a_generator_that_shares_its_core_with_others_is_saturated_before_it_uses_all_of_it():
    half = lambda b: replace(b, generator_cpu_ns=240_000_000, waited_ns=230_000_000)  # noqa: E731
    result = analyse(sick(make_recording(rounds=4), {1, 2, 3, 4}, half))
    assert result.verdict is Verdict.INVALID
    assert "it used 48 % of a core and waited for it 46 % of the time" in result.sentence
    assert "stop the other programs on its core, or lower the rate" in result.sentence


def test_an_interrupted_run_says_how_many_of_its_rounds_it_made(sound: Recording) -> None:
    for planned, doing, said in (
        (20, "", "was interrupted: 6 of 20 planned rounds."),
        (6, "", "was interrupted: after its rounds."),
        (20, "the search for causes", ", the search for causes was interrupted; its rounds had ended."),
    ):
        rules = replace(sound.info.rules, planned_rounds=planned)
        info = replace(sound.info, status="interrupted", rules=rules, interrupted_in=doing)
        told = " ".join(analyse(Recording(info, sound.rounds)).comparability.warnings)
        assert said in told
        assert ("planned rounds" in told) is (planned == 20 and not doing)


def test_a_resumed_run_tells_the_pause_and_does_not_count_its_time(sound: Recording) -> None:
    whole = analyse(sound)
    pause = 3600 * 10**9
    later = tuple(
        replace(
            each,
            blocks=tuple(replace(b, started_ns=b.started_ns + pause, ended_ns=b.ended_ns + pause) for b in each.blocks),
        )
        if each.number > 3
        else each
        for each in sound.rounds
    )
    result = analyse(Recording(replace(sound.info, resumed_after=(3,)), later))
    assert any("resumed after round 3: there was a pause" in text for text in result.comparability.warnings)
    assert result.seconds == pytest.approx(whole.seconds, rel=0.2)
    assert analyse(Recording(sound.info, later)).seconds > 3600


def test_a_warm_up_with_too_few_answers_to_judge_is_told_and_voids_nothing(sound: Recording) -> None:
    few = changed(sound, arm=lambda _, a: replace(a, steady=False, warmup_requests=4, warmup_seconds=3.2))
    result = analyse(few)
    assert result.verdict is not Verdict.INVALID
    told = "baseline got 4 requests in 3 s of warm-up, too few to tell whether it was steady: lengthen `rounds: "
    assert len([text for text in result.comparability.warnings if text.startswith(told)]) == 1
    many = changed(sound, arm=lambda _, a: replace(a, steady=False, warmup_requests=400, warmup_seconds=3.2))
    assert "was not steady after warm-up in 6 of 6 rounds" in analyse(many).sentence


def test_a_first_round_that_ended_says_why_in_the_sentence(sound: Recording) -> None:
    problem = "baseline answered 'list' with status 500, not 2xx\n  why: no such table\n  fix: read the log"
    ended = Recording(sound.info, (replace(sound.rounds[0], complete=False, problem=problem),))
    assert analyse(ended).sentence == (
        "Invalid: no round was completed: baseline answered 'list' with status 500, not 2xx: no such table."
    )


def test_why_a_run_failed_is_told_in_one_line_without_what_to_do() -> None:
    recording = make_recording(rounds=2)
    told = "the load is 12/s and candidate carries about 7/s\n  why: requests come faster than answers\n  fix: less"
    failed = replace(recording, info=replace(recording.info, status="failed", problem=told))
    (doubt,) = [each for each in analyse(failed).comparability.warnings if " failed" in each]
    assert doubt == (
        f"The run {recording.info.id} failed: the load is 12/s and candidate carries about 7/s: requests come faster"
        " than answers."
    )
