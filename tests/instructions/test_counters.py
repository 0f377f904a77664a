from __future__ import annotations

import subprocess
import sys

import pytest

from perfproof.instructions.counters import HardwareCounters
from perfproof.instructions.source import UncountableError

TASK_CLOCK = (1, 1)
"""The kernel's own clock of a task (ns): an event that every machine has, opened and summed up in the same way."""

WORK = """
import os, sys, threading
def burn():
    for _ in range(400_000):
        pass
for line in sys.stdin:
    if line == "here\\n":
        burn()
    elif line == "thread\\n":
        thread = threading.Thread(target=burn)
        thread.start()
        thread.join()
    elif line == "fork\\n":
        pid = os.fork()
        if not pid:
            burn()
            os._exit(0)
        os.waitpid(pid, 0)
    print("done", flush=True)
"""


def test_what_a_service_its_new_threads_and_its_ended_children_did_is_counted_once_each():
    counter = HardwareCounters(TASK_CLOCK)
    with subprocess.Popen(
        [sys.executable, "-c", WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def took(what: str) -> int:
            process.stdin.write(f"{what}\n")
            process.stdin.flush()
            process.stdout.readline()
            return counter.take()

        process.stdin.write("nothing\n")
        process.stdin.flush()
        process.stdout.readline()
        counter.begin(lambda: [process.pid])
        nothing = min(took("nothing") for _ in range(3))
        burnt = {what: min(took(what) for _ in range(3)) for what in ("here", "thread", "fork")}
        process.stdin.close()
    counter.close()
    assert all(20 * nothing < each for each in burnt.values()), (nothing, burnt)
    assert max(burnt.values()) < 2 * min(burnt.values()), burnt  # counted once, whoever did it


def test_where_the_processor_has_no_counters_to_lend_that_is_said_before_anything_starts():
    told = ""
    try:
        counter = HardwareCounters()
    except UncountableError as error:
        told = error.what
    else:
        with pytest.raises(UncountableError, match="no process on this machine"):
            counter.begin(list)
    assert told == "" or any(word in told for word in ("not there", "does not lend", "without performance events"))


def test_an_event_the_kernel_does_not_know_is_a_sentence():
    with pytest.raises(UncountableError, match="counters"):
        HardwareCounters((9999, 0))
