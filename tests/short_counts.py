"""Counting that is over sooner: it waits, warms up and counts for tenths of a second where it takes seconds otherwise.

Everything else is as ever. It is for compiled services, which execute the same for every request: those of Python need
as many requests as share out the collection of garbage. Where the load beside it is not the point either,
``load=False`` has the engine without load measure the rounds and send what is counted. At full length it is done by the
tests marked ``quiet``.
"""

from __future__ import annotations

import os

WITHOUT_LOAD = "PERFPROOF_TEST_WITHOUT_LOAD"


def short_counts(bench, *, load: bool = True):
    """Have every command of this bench count so; return the bench."""
    bench.environ["PERFPROOF_TEST_ENGINE"] = __name__
    if not load:
        bench.environ[WITHOUT_LOAD] = "1"
    return bench


def take_its_place() -> None:
    """See ``warm``: this is what its process does first."""
    from perfproof.instructions import one_arm, run

    one_arm.IDLE_SECONDS, run.WARM_SECONDS, run.PASS_SECONDS = 0.2, 0.1, 0.2
    run.WARM_FEWEST, run.FEWEST, run.FEWEST_IN_ALL = 10, 8, 40
    if os.environ.pop(WITHOUT_LOAD, None):
        import fake_engine

        fake_engine.take_its_place()
