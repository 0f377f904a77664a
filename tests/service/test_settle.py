from __future__ import annotations

import subprocess
import sys

from perfproof.service import health
from perfproof.service.health import wait_until_settled
from perfproof.service.tree import is_alive

BUSY_THEN_IDLE = """
import time
end = time.thread_time() + 0.3
while time.thread_time() < end:
    pass
print(flush=True)
time.sleep(60)
"""


def test_a_worker_that_is_still_starting_is_waited_for():
    with (
        subprocess.Popen([sys.executable, "-c", BUSY_THEN_IDLE], stdout=subprocess.PIPE) as worker,
        subprocess.Popen(["sleep", "60"]) as idle,
    ):
        try:
            assert wait_until_settled(lambda: [worker.pid, idle.pid], given_up=lambda: False)
            assert health._cpu([worker.pid])[worker.pid] >= 300_000_000
            assert is_alive(worker.pid)
        finally:
            worker.kill()
            idle.kill()


def test_a_single_process_is_not_waited_for():
    assert wait_until_settled(lambda: [1], given_up=lambda: False)


def test_waiting_ends_when_given_up():
    assert not wait_until_settled(lambda: [1, 2], given_up=lambda: True)
