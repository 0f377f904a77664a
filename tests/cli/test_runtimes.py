"""A slower endpoint of a Node or a Java service, as a user meets it: `ab` names the function in the end."""

from __future__ import annotations

import pytest

import runtimes
from postgres import missing

pytestmark = [pytest.mark.server, pytest.mark.quiet]
SCENARIO = """\
name: runtimes
service:
  command: "COMMAND"
  directory: DIRECTORY
  health: /health
  start_timeout: 60s
arms:
  baseline: {environment: {WHO: a}}
  candidate: {environment: {PLANTED: "ROUNDS"}}
requests:
  - {name: orders, get: /orders}
  - {name: customers, get: /customers}
rounds: {count: 3}
budgets: {error_rate: 1%}
why: {seconds: 4s}
"""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("runtime", ["node", "java"])
def test_ab_names_the_function_that_made_a_request_slower(bench, runtime):
    lacking = runtimes.missing(runtime)
    if lacking:
        missing(lacking)
    changes = (
        ("COMMAND", runtimes.COMMANDS[runtime]),
        ("DIRECTORY", str(runtimes.HERE)),
        ("ROUNDS", str(5 * runtimes.PLANTED[runtime])),
    )
    file = bench.scenario(*changes, text=SCENARIO, name="runtimes.yaml")
    ran = bench.run("ab", str(file), "--json", "result.json", "--quiet", timeout=230)
    assert ran.code in (1, 3), ran.err
    why = bench.json("result.json")["why"]
    assert set(why["engines"].values()) != {"not profiled"}, why["notes"]
    assert why["causes"], why
    first = why["causes"][0]
    assert (first["lever"], first["request"]) == ("hot path", "orders"), why
    assert first["mechanisms"][0]["name"].endswith(".surcharge")
    assert "Hot path on orders" in why["sentence"]
    assert not bench.leftovers()
    page = bench.folder / "page.html"
    assert bench.run("report", "last", "-o", str(page)).code == 0
    assert "surcharge" in page.read_text()
