"""What facts of restarts show, of one arm and of two."""

from __future__ import annotations

from perfproof.rollout import CHECK
from perfproof.rollout.judging import compare

RESTART = {
    **dict.fromkeys(("refused", "lost", "wrong", "unanswered", "unsent", "raced", "slow", "failed_before"), 0),
    "requests": 300,
    "failed": 0,
    "statuses": {},
    "without_service_ms": 0.0,
    "under_way": 4,
    "finished": 4,
    "startup_ms": 300.0,
    "drain_ms": 60.0,
    "took_ms": 400.0,
    "usual_ms": 10.0,
    "curve": [],
    "warm_ms": 0.0,
    "ready_but_failed": 0,
    "not_alive": 0,
    "said_not_ready": 0,
    "asked_ready": 50,
    "asked_alive": 0,
    "problem": "",
    "killed": False,
    "replaced": 1,
    "kept": True,
    "ends": {"idle": 2},
}


def facts(**changes):
    one = {**RESTART, **changes}
    return {"restart": "SIGTERM", "order": "stop_first", "rate": 60, "first_start_ms": 310.0, "restarts": [one, one]}


def measured(compared):
    return {each.metric: each for each in compared.measures}


def test_every_metric_of_the_check_has_a_measure():
    assert set(measured(compare(None, facts(), {}))) == {metric.name for metric in CHECK.metrics}


def test_a_service_without_fault_is_accused_of_nothing():
    assert compare(facts(), facts(), {}).findings == ()


def test_counts_of_all_restarts_add_up_and_guard():
    found = measured(compare(facts(failed=9, lost=9), facts(), {}))["failed_requests"]
    assert (found.baseline, found.candidate, found.shown) == (18, 0, False)


def test_two_numbers_that_chance_could_make_guard_nothing():
    near = measured(compare(facts(failed=20, refused=20), facts(failed=22, refused=22), {}))["failed_requests"]
    far = measured(compare(facts(failed=5, refused=5), facts(failed=60, refused=60), {}))["failed_requests"]
    one = measured(compare(facts(), facts(failed=1, refused=1), {}))["failed_requests"]
    assert near.shown
    assert near.notes
    assert not far.shown
    assert not one.shown  # nothing lost before: a single one is a fault


def test_what_could_not_be_measured_is_open_with_the_reason():
    none_kept = measured(compare(None, facts(kept=False, ends={}), {}))["keep_alive_closed"]
    assert none_kept.candidate is None
    assert "closes each connection" in none_kept.why
    by_command = measured(compare(None, facts(under_way=None, finished=None), {}))["in_flight_finished"]
    assert by_command.candidate is None
    assert "not known from outside" in by_command.why


def test_a_restart_that_failed_keeps_no_budget_and_what_it_cost_is_counted():
    failed = {"problem": "the rollout's command exited with code 1", "startup_ms": None}
    free = compare(None, facts(**failed), {})
    assert {each.candidate for each in free.measures} == {None}
    assert "exited with code 1" in measured(free)["failed_requests"].why
    assert "rollout_failed" in {each.kind for each in free.findings}
    costly = measured(compare(facts(), facts(failed=9, refused=9, finished=1, **failed), {}))
    assert (costly["failed_requests"].candidate, costly["in_flight_finished"].candidate) == (18, 0.25)
    assert not costly["failed_requests"].shown
    assert costly["lost_requests"].candidate is None


def test_findings_say_what_to_do():
    refused = compare(None, facts(failed=9, refused=9), {}).findings[0].summary
    lost = compare(None, facts(failed=9, lost=9, finished=1), {}).findings
    assert "start the new one first" in refused
    assert "finish what is under way" in lost[0].summary
    assert {each.kind for each in lost} == {"rollout_failed_requests", "rollout_in_flight_dropped"}


def test_a_service_that_replaces_its_own_processes_shows_the_time_of_its_first_start():
    assert measured(compare(None, facts(startup_ms=None), {}))["startup_time"].candidate == 310
