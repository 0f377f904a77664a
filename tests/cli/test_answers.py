"""Wrong answers, from the command line: found before the load, told first, with what came and what was expected."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

GRAPH = """\
name: graph
service:
  command: "{python} graph.py {port}"
  directory: DIRECTORY
  environment: {ANSWER: fine}
arms: {baseline: {}, candidate: {}}
requests:
  - post: /graphql
    graphql: {query: "query products($first: Int) { products(first: $first) { id price } }", variables: {first: "{n}"}}
    values: {n: [3]}
load: {rate: 60/s}
rounds: {count: 1, warmup: 100ms, warmup_requests: 2, blocks: 2, block: 200ms}
goals: {latency_p50: 20%}
why: off
"""
CAME = """its response has GraphQL errors: 'Cannot query field "price" on type "Product".'; none were expected"""


def candidate(answer):
    return ("candidate: {}", f"candidate: {{environment: {{ANSWER: {answer}}}}}")


def test_a_candidate_that_answers_nothing_but_graphql_errors_never_reaches_the_load(bench):
    ran = bench.run("ab", str(bench.scenario(candidate("errors"), text=GRAPH)))
    assert ran.code == 4, ran.err + ran.out
    assert "met" not in ran.out.lower()
    assert f"candidate did not answer 'products' as expected\n  why: {CAME}" in ran.err
    ran = bench.run("probe", str(bench.scenario(candidate("errors"), text=GRAPH)))
    assert ran.code == 4, ran.err + ran.out
    assert CAME in " ".join(ran.out.split())
    assert not bench.leftovers()


def test_run_tries_every_request_and_tells_a_wrong_answer_first(bench):
    path = str(bench.scenario(("{ANSWER: fine}", "{ANSWER: errors}"), ("n: [3]", "n: [3, 4]"), text=GRAPH))
    ran = bench.run("run", path, "--json", "out.json")
    assert ran.code == 4, ran.err + ran.out
    assert "error: baseline did not answer 'products' as expected\n" in ran.err
    result = bench.json("out.json")
    assert result["verdict"] == "invalid"
    assert result["sentence"] == (
        f"Invalid: no round was completed: baseline did not answer 'products' as expected: {CAME}."
    )
    (run,) = bench.runs
    assert list(run.glob("rounds/001/*.log")), "the service's log is kept"
    assert not bench.leftovers()


def test_graphql_queries_are_compared_at_every_size_and_what_starts_change_is_told_last(bench):
    sized = ("values: {n: [3]}", "values: {n: [3]}\n    scale: {parameter: n, sizes: [1, 3, 5, 9]}")
    ran = bench.run("probe", str(bench.scenario(candidate("reversed"), sized, text=GRAPH)), "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    found = {each["kind"]: each for each in bench.json("out.json")["findings"]}
    told = found["response_changed"]["summary"]
    assert "json, $.data.products: the same rows in another order (if that may be, add `responses: {order: " in told
    assert "(at size 5)" in told
    assert told.index("another order") < told.index("$.extensions.pid")
    assert "$.extensions.requestId" in found["volatile_response"]["summary"]
    ignored = ("why: off", "why: off\nresponses: {order: false, ignore: [$.extensions.pid]}")
    ran = bench.run("probe", str(bench.scenario(candidate("reversed"), sized, ignored, text=GRAPH)))
    assert (ran.code, "response_changed" in ran.out) == (0, False), ran.err + ran.out
    ran = bench.run("probe", str(bench.scenario(candidate("other"), sized, ignored, text=GRAPH)))
    assert "$.data.products[1].price: 1.5 → 2.5" in " ".join(ran.out.split()), ran.err + ran.out


def test_what_is_said_to_be_safe_is_compared_and_a_mutation_is_not(bench):
    write = ('"query products', '"mutation products')
    ran = bench.run("probe", str(bench.scenario(candidate("other"), write, text=GRAPH)), "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    assert bench.json("out.json")["findings"] == []
    safe = ("why: off", "why: off\nresponses: error"), ("values: {n: [3]}", "values: {n: [3]}\n    safe: true")
    ran = bench.run("probe", str(bench.scenario(candidate("other"), write, *safe, text=GRAPH)), "--json", "out.json")
    assert ran.code == 1, ran.err + ran.out
    (changed,) = [each for each in bench.json("out.json")["findings"] if each["kind"] == "response_changed"]
    assert changed["severity"] == "error"
    assert "$.data.products[1].price: 1.5 → 2.5" in changed["summary"]


def test_answers_that_are_wrong_now_and_then_are_told_with_what_came(bench):
    text = GRAPH.replace("{ANSWER: fine}", "{ANSWER: sometimes}")
    ran = bench.run("run", str(bench.scenario(text=text)), "--json", "out.json")
    assert ran.code == 4, ran.err + ran.out
    assert f"mostly with an unexpected answer: products: {CAME}" in bench.json("out.json")["sentence"]


LOCUST = """\
from locust import HttpUser, constant, task

class Reader(HttpUser):
    wait_time = constant(0.01)
    @task
    def read(self):
        with self.client.get("/items", catch_response=True) as response:
            status = response.json()["status"]
            if status != "ready":
                response.failure("status was %r, wanted ready" % status)
"""


def test_the_text_of_a_locust_files_failure_is_told(bench):
    (bench.folder / "load.py").write_text(LOCUST)
    begin, end = GRAPH.index("requests:"), GRAPH.index("rounds:")
    text = GRAPH[:begin] + "locustfile: load.py\nload: {model: closed, users: 2}\n" + GRAPH[end:]
    text = text.replace("goals: {latency_p50: 20%}\n", "").replace("arms: {baseline: {}, candidate: {}}\n", "")
    ran = bench.run("run", str(bench.scenario(text=text)), "--json", "out.json")
    assert ran.code == 4, ran.err + ran.out
    told = "mostly with an unexpected answer: GET /items: status was 'ok', wanted ready"
    assert f"every request to baseline failed, {told}" in bench.json("out.json")["sentence"]
    bench.run("run", str(bench.scenario(text=text + "max_error_rate: 100%\n")), "--json", "out.json")
    warnings = bench.json("out.json")["comparability"]["warnings"]
    assert any("were not answered as expected, mostly GET /items: status was 'ok'" in each for each in warnings), (
        warnings
    )
