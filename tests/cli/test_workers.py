"""Services of several processes: every worker is warmed, and their memory and CPU are whole."""

from __future__ import annotations

import pytest

from perfproof.evidence.reader import read

pytestmark = [pytest.mark.server, pytest.mark.quiet, pytest.mark.timeout(180)]

COMMANDS = {
    "uvicorn": "{python} -m uvicorn tiny:app --workers 2 --host 127.0.0.1 --port {port} --log-level warning",
    "gunicorn": "{python} -m gunicorn tiny_wsgi:app -w 2 -b 127.0.0.1:{port} --log-level warning",
}


@pytest.mark.parametrize("server", COMMANDS)
def test_every_worker_is_warm_and_counted(bench, server):
    text = f"""
name: {server}
service:
  command: "{COMMANDS[server]}"
  directory: DIRECTORY
  environment: {{WORK_US: "4000"}}
  health: /health
requests: [{{name: item, get: "/items/1"}}]
load: {{rate: 60/s}}
rounds: {{count: 2, warmup: 500ms, warmup_requests: 20, blocks: 4, block: 400ms}}
"""
    ran = bench.run("run", str(bench.scenario(text=text)), "--json", "out.json")
    assert ran.code in (0, 4), ran.err + ran.out
    recording = read(bench.runs[0])
    for each in recording.rounds:
        (arm,) = each.arms
        assert arm.processes >= 3, "the master and two workers"
        assert arm.cold_processes == 0
        # A worker alone burns 4 ms a request; the tree's CPU holds all of it, whoever served.
        per_request = (
            sum(block.service_cpu_ns or 0 for block in each.blocks) / sum(b.completed for b in each.blocks) / 1e6
        )
        assert per_request > 4.0
        assert arm.memory_kind == "pss"
        processes = each.processes
        full = processes["pss"] >= 0
        assert processes["pss"][full].max() < processes["rss"][full].max(), "shared pages are counted once"
    assert not bench.leftovers()
