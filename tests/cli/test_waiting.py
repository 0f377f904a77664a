"""Requests that wait for one another are told of, with both times and the usual reasons."""

from __future__ import annotations

import pytest

SCENARIO = """
name: waits
service:
  command: "{python} sleepy.py {port} lock"
  directory: DIRECTORY
  health: /
requests: [{name: item, get: /}]
load: {model: closed, users: 16}
rounds: {count: 1, warmup: 300ms, warmup_requests: 5, blocks: 2, block: 500ms}
why: off
"""


@pytest.mark.server
@pytest.mark.quiet
def test_requests_that_wait_for_a_lock_are_told_of(bench):
    path = bench.scenario(text=SCENARIO)
    ran = bench.run("run", str(path), "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    compared = bench.json("out.json")["comparability"]
    (told,) = [each for each in compared["warnings"] if "one at a time" in each]
    assert told.startswith("Requests to baseline wait: ")
    assert "Usual reasons: fewer workers or threads than requests at a time" in told
