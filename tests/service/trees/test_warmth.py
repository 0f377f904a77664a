from __future__ import annotations

import http.client

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arms import GUNICORN, an_arm, mask, wait_for
from perfproof.service.lifecycle import start
from perfproof.service.processes import IDLE_NS, ProcessTree, cold
from perfproof.service.sockets import serving_pids

MS = 1_000_000


def test_a_worker_that_did_nothing_is_cold():
    assert cold({1: 100, 2: 50}, {1: 100 + 80 * MS, 2: 50 + 100_000}, [1, 2]) == (2,)


def test_workers_that_share_the_work_unevenly_are_warm():
    assert cold({}, {1: 900 * MS, 2: 6 * MS}, [1, 2]) == ()
    assert cold({}, {1: 3 * MS, 2: 2 * MS, 3: MS}, [1, 2, 3]) == ()


def test_processes_that_do_not_serve_are_not_looked_at():
    assert cold({1: 0, 9: 0}, {1: 50 * MS, 9: 0}, [1]) == ()


def test_a_new_worker_counts_from_zero_and_a_gone_one_is_left_out():
    assert cold({1: 0, 2: 0}, {1: 50 * MS, 3: 50 * MS}, [1, 2, 3]) == ()


def test_if_nobody_worked_everybody_is_cold():
    assert cold({1: 5, 2: 5}, {1: 5, 2: 5}, [1, 2]) == (1, 2)
    assert cold({}, {}, []) == ()


@given(st.dictionaries(st.integers(1, 50), st.integers(0, 10**10), min_size=1))
def test_cold_ones_did_little_and_the_busiest_is_warm(after):
    found = cold({}, after, list(after))
    assert all(after[pid] < IDLE_NS for pid in found)
    if max(after.values()) > 0:
        assert max(after, key=after.__getitem__) not in found


@pytest.mark.server
def test_the_worker_that_answered_is_told_from_the_one_that_did_not(tmp_path):
    (service,) = start([an_arm(GUNICORN)], logs=tmp_path, redactor=mask, cpus=None)
    try:
        tree = ProcessTree(0, service.processes)
        serving = serving_pids(service.processes(), service.port or 0)
        before = tree.cpu_by_pid()
        assert len(serving) == 2
        assert cold(before, tree.cpu_by_pid(), serving)

        def request() -> tuple[int, ...]:
            connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=5)
            connection.request("GET", "/work")
            connection.getresponse().read()
            connection.close()
            return cold(before, tree.cpu_by_pid(), serving)

        assert len(request()) == 1
        assert wait_for(lambda: not request(), 20)
    finally:
        service.stop()
