"""CPU time between requests, by the clocks of threads that really burn it."""

from __future__ import annotations

import time
from threading import Barrier, Event, Thread

import pytest

from perfproof.agent.inject.perfproof_agent.between import Between

MS = 1_000_000


def burn(ms: float) -> None:
    end = time.thread_time_ns() + int(ms * MS)
    while time.thread_time_ns() < end:
        pass


def in_a_thread(*work) -> None:
    threads = [Thread(target=each) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_what_a_thread_burns_before_between_and_during_requests_is_told_apart():
    between = Between()

    def serve():
        burn(3)
        first = between.begin()
        burn(20)
        between.end(first)
        burn(5)
        between.end(between.begin())

    in_a_thread(serve)
    within, rest = between.used()
    assert within == pytest.approx(20 * MS, abs=1 * MS)
    assert rest == pytest.approx(8 * MS, abs=1 * MS)


def test_requests_that_overlap_in_one_thread_leave_nothing_between_them():
    between = Between()

    def serve():
        one = between.begin()
        two = between.begin()
        burn(5)
        between.end(one)
        burn(5)
        assert not between.idles(two)
        between.end(two)
        assert between.idles(two)
        burn(2)
        between.end(between.begin())

    in_a_thread(serve)
    within, rest = between.used()
    assert within == pytest.approx(10 * MS, abs=1 * MS)
    assert rest == pytest.approx(2 * MS, abs=1 * MS)


def test_threads_are_added_up_and_a_thread_without_requests_is_between_none():
    between = Between()
    together = Barrier(2)  # both alive, so that they have idents of their own

    def serve():
        together.wait()
        between.end(between.begin())
        burn(4)
        between.begin()
        together.wait()

    in_a_thread(serve, serve)
    assert between.used()[1] == pytest.approx(8 * MS, abs=2 * MS)
    assert not between.idles(-1)


def test_a_request_still_under_way_has_its_time_told_by_the_kernel():
    between = Between()
    begun, looked_at = Event(), Event()

    def serve():
        between.begin()
        burn(20)
        begun.set()
        assert looked_at.wait(10)

    def look():
        assert begun.wait(10)
        found.append(between.used())
        looked_at.set()

    found: list[tuple[int, int]] = []
    in_a_thread(serve, look)
    assert found[0][0] == pytest.approx(20 * MS, abs=2 * MS)
    deadline = time.monotonic() + 10
    while between.used()[0] and time.monotonic() < deadline:  # the kernel forgets a thread a moment after it was joined
        time.sleep(0.001)
    assert between.used()[0] == 0  # nobody can tell any more


def test_a_request_that_ends_in_another_thread_leaves_its_own_thread_s_clock_alone():
    between = Between()

    def serve():
        ident = between.begin()
        in_a_thread(lambda: between.end(ident))
        burn(5)
        assert between.idles(ident)
        between.begin()

    in_a_thread(serve)
    assert between.used()[1] < 2 * MS
