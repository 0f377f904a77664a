from __future__ import annotations

import os
import signal
import threading
import time

import psutil
import pytest

from arms import HTTP_SERVER, an_arm, mask
from perfproof.machine.signals import uninterrupted
from perfproof.service.lifecycle import start, stop_all


def test_whatever_moment_a_start_is_interrupted_in_nothing_is_left_when_it_has_ended(tmp_path):
    interrupted = 0
    before = set(psutil.Process().children(recursive=True))  # a database of other tests
    for tenths in range(0, 80, 2):
        arms = [an_arm(HTTP_SERVER), an_arm(HTTP_SERVER, "candidate")]
        timer = threading.Timer(tenths / 1e4, os.kill, (os.getpid(), signal.SIGINT))
        try:
            timer.start()
            services = start(arms, logs=tmp_path, redactor=mask, cpus=None)
            stop_all(services)
            timer.join()
            time.sleep(0.01)
        except KeyboardInterrupt:
            interrupted += 1
        assert set(psutil.Process().children(recursive=True)) <= before
    assert interrupted == 40


def test_a_held_signal_is_delivered_once_the_block_is_over():
    done = []

    def hold() -> None:
        with uninterrupted():
            with uninterrupted():
                signal.raise_signal(signal.SIGINT)
            done.append(True)

    with pytest.raises(KeyboardInterrupt):
        hold()
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
