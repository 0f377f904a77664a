from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from perfproof.machine.cores import format_cpus, parse_cpus, pinned, siblings, split_cpus


def alone(cpu: int) -> frozenset[int]:
    return frozenset({cpu})


def paired(cpu: int) -> frozenset[int]:
    return frozenset({cpu & ~1, cpu | 1})


def test_two_cores_get_one_each():
    plan = split_cpus([0, 1], alone)
    assert (plan.generator, plan.service) == ({0}, {1})
    assert plan.sentence == "generator on core 0, service on core 1"


def test_one_core_is_shared_and_the_sentence_says_so():
    plan = split_cpus([3], alone)
    assert (plan.generator, plan.service) == (None, None)
    assert plan.sentence.startswith("one core only: ")


def test_hardware_threads_of_a_core_stay_together():
    plan = split_cpus(range(8), paired)
    assert (plan.generator, plan.service) == ({0, 1}, {2, 3, 4, 5, 6, 7})
    assert plan.sentence == "generator on cores 0-1, service on cores 2-7"


def test_two_threads_of_the_only_core_are_split_with_a_note():
    plan = split_cpus([0, 1], paired)
    assert (plan.generator, plan.service) == ({0}, {1})
    assert plan.sentence.endswith("(hardware threads of one physical core)")


def test_this_machine_can_be_split():
    plan = split_cpus()
    assert plan.sentence
    assert 0 in siblings(0)


@given(st.sets(st.integers(0, 200), min_size=1))
def test_a_cpu_list_survives_writing_and_reading(cpus):
    assert parse_cpus(format_cpus(cpus)) == cpus


@given(st.sets(st.integers(0, 64), min_size=2), st.sampled_from([alone, paired]))
def test_every_usable_core_goes_to_exactly_one_side(cpus, share):
    plan = split_cpus(cpus, share)
    assert plan.generator
    assert plan.service
    assert plan.generator | plan.service == cpus
    assert not plan.generator & plan.service


def test_a_thread_is_pinned_for_a_while_and_freed_again() -> None:
    before = os.sched_getaffinity(0)
    with pinned({min(before)}):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before
    with pinned(None):
        assert os.sched_getaffinity(0) == before
