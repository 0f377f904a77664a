"""A run in which the service closed connections under requests is read again like every other."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

CLOSING = """\
name: closing
service:
  command: "{python} -S closing.py {port}"
  directory: DIRECTORY
  health: /health
arms: {baseline: {}, candidate: {}}
requests:
  - {name: items, get: /items}
  - {name: note, post: /items, json: {text: hello}}
load: {rate: 40/s, connections: 4}
rounds: {count: 1, warmup: 100ms, warmup_requests: 3, blocks: 1, block: 1s, pairing: block}
why: off
"""


@pytest.mark.parametrize("samples", ["raw", "histogram"])
def test_requests_that_were_sent_again_or_lost_do_not_make_the_evidence_damaged(bench, samples):
    bench.scenario(("connections: 4", f"connections: 4, samples: {samples}"), text=CLOSING, name="closing.yaml")
    ran = bench.run("ab", "closing.yaml", "--json", "out.json")
    assert ran.code != 2, ran.err
    blocks = bench.json("out.json")
    assert "connection" in str(blocks["comparability"]), "it is told that the service closes connections"
    for words in (("show", "last"), ("show", "last", "--findings"), ("report", "last", "-o", "out.csv")):
        again = bench.run(*words)
        assert "damaged" not in again.err, again.err
        assert again.code in (0, ran.code), again.err
    assert (bench.folder / "out.csv").exists()


def test_a_step_that_is_lost_before_any_load_says_what_the_service_does(bench):
    flow = "  - {name: visit, steps: [{name: enter, get: /items}, {name: leave, post: /items, json: {}}]}\n"
    bench.scenario(("load: {", f"{flow}load: {{"), text=CLOSING, name="closing.yaml")
    ran = bench.run("ab", "closing.yaml")
    assert ran.code == 4
    said = " ".join(ran.err.split())
    assert "did not answer 'leave' (lost)" in said
    assert "Give it a longer keep-alive timeout" in said
    assert "`expect`" not in said
