"""Streams from the command line: server-sent events and WebSockets, in pairs and in blocks, cut and failing."""

from __future__ import annotations

import re

import pytest

from perfproof.model.recording import Outcome

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

TICKS = """\
name: ticks
service:
  command: "{python} -m uvicorn ticking:app --host 127.0.0.1 --port {port} --log-level warning --ws wsproto"
  directory: DIRECTORY
  health: /health
  start_timeout: 30s
arms:
  baseline: {environment: {FIRST_MS: "30", EVERY_MS: "10"}}
  candidate: {environment: {FIRST_MS: "10", EVERY_MS: "5"}}
requests:
  - {name: events, get: "/events?name={name}", values: {name: [tick]}, stream: {kind: sse, messages: 8}, timeout: 5s}
  - {name: socket, get: /socket, stream: {kind: websocket, messages: 8}, timeout: 5s}
  - {name: health, get: /health, weight: 4}
rounds: {count: 3, warmup: 100ms, warmup_requests: 3, pairs: 2s}
why: off
"""


def rows(result):
    return {(row["metric"], row["request"]): row for row in result["comparisons"]}


@pytest.mark.quiet
def test_first_messages_and_those_between_are_compared_in_pairs_and_judged_by_a_goal(bench):
    goal = ("why: off", "why: off\ngoals: {time_between_messages: {improve: 20%, requests: [events, socket]}}")
    ran = bench.run("ab", str(bench.scenario(goal, text=TICKS)), "--json", "out.json", "-o", "page.html")
    assert ran.code in (0, 1, 3), ran.err + ran.out
    found = rows(bench.json("out.json"))
    for name in ("events", "socket"):
        first, between = found["time_to_first_message", name], found["time_between_messages", name]
        assert first["rounds"] == 3
        assert 29 < first["baseline"] < 60
        assert 9 < first["candidate"] < 40
        assert 9.5 < between["baseline"] < 14
        assert 4.5 < between["candidate"] < 9
        assert between["verdict"] == "met", between
        assert between["ci_low"] is not None
        assert "time_between_messages_p95" in {metric for metric, _ in found}
        latency = found["latency_p50", name]
        assert latency["baseline"] > 90, "of a stream that is all of it"
    assert found["latency_p50", "health"]["baseline"] < 20, "requests beside streams are what they were"
    assert "time between messages" in (bench.folder / "page.html").read_text()
    assert re.search("message gap|time between messages", bench.details())
    assert not bench.leftovers()


REST = ", timeout: 5s}\n  - {name: socket"
"""What comes after the first stream, so that it alone is changed."""
BUDGETS = """\
why: off
budgets:
  time_to_first_message: 500ms
  time_between_messages: {limit: 1ms, requests: [socket]}
"""


@pytest.mark.quiet
def test_streams_go_with_blocks_workers_feeds_and_flows_and_budgets_are_kept(bench):
    (bench.folder / "names.csv").write_text("name\nanna\nberta\n")
    changes = (
        ('"/events?name={name}", values: {name: [tick]}', '"/events?name={names.name}"'),
        ("requests:\n", "feeds: {names: names.csv}\nload: {rate: 20/s, workers: 2}\nrequests:\n"),
        ("  - {name: health, get: /health, weight: 4}", "  - {name: both, steps: [{get: /health}, {get: /other}]}"),
        (
            "rounds: {count: 3, warmup: 100ms, warmup_requests: 3, pairs: 2s}",
            "rounds: {count: 2, blocks: 2, block: 1s}",
        ),
        ("why: off", BUDGETS),
        (f"messages: 8}}{REST}", f"""messages: 8, until: '"n": 3, "name": "{{names.name}}"'}}{REST}"""),
    )
    ran = bench.run("ab", str(bench.scenario(*changes, text=TICKS)), "--json", "out.json")
    assert ran.code == 1, ran.err + ran.out
    result = bench.json("out.json")
    assert {(each["metric"], each["request"]): each["broken"] for each in result["budgets"]} == {
        ("time_to_first_message", "events"): False,
        ("time_to_first_message", "socket"): False,
        ("time_between_messages", "socket"): True,
    }
    (run,) = bench.runs
    shown = bench.run("show", run.name)
    assert shown.code == 0, shown.err
    assert "Budget broken: time between messages of socket" in shown.out, "read back from the evidence"


REQUESTS = TICKS[TICKS.index("requests:") : TICKS.index("rounds:")]
FLOW = """\
  - name: visit
    weight: 3
    steps:
      - {name: enter, post: /session, json: {who: "{names.name}"}, capture: {token: $.token}, think_time: 5ms}
      - name: follow
        get: "/events?name={names.name}"
        headers: {Authorization: "Bearer {token}"}
        stream: {kind: sse, messages: 8, until: '"n": 3, "name": "{names.name}"'}
        timeout: 5s
      - name: talk
        get: /echo
        headers: {Authorization: "Bearer {token}"}
        stream: {kind: websocket, messages: 2, until: "BYE {token}", send: [hello, "bye {token}"]}
        timeout: 5s
      - {name: leave, get: /health}
"""


@pytest.mark.parametrize("load", ["", "load: {rate: 30/s, workers: 2}\n"], ids=["pairs", "blocks of two workers"])
def test_a_stream_is_a_step_of_a_flow_with_what_steps_before_it_captured(bench, load):
    (bench.folder / "names.csv").write_text("name\nanna\nberta\n")
    changes = (
        (REQUESTS, f"feeds: {{names: names.csv}}\n{load}requests:\n{FLOW}"),
        ("pairs: 2s", "pairs: 1500ms" if not load else "blocks: 2, block: 1500ms"),
        ("count: 3", "count: 1"),
        ('FIRST_MS: "30"', 'MODE: guarded, FIRST_MS: "3"'),
        ('FIRST_MS: "10"', 'MODE: guarded, FIRST_MS: "3"'),
        ("why: off", "why: off\nbudgets: {time_to_first_message: 3s}"),
    )
    ran = bench.run("ab", str(bench.scenario(*changes, text=TICKS)), "--json", "out.json")
    result = bench.json("out.json")
    found = rows(result)
    assert {name for metric, name in found if metric == "time_to_first_message"} >= {"follow", "talk"}, ran.out
    assert found["error_rate", "all"]["baseline"] == found["error_rate", "all"]["candidate"] == 0, ran.out + ran.err
    # All of its messages lie in it, and requests beside and after streams are what they were.
    assert found["latency_p50", "follow"]["baseline"] > 3 + 2 * 10
    assert found["time_between_messages", "talk"]["candidate"] > 5
    assert {budget["request"]: budget["broken"] for budget in result["budgets"]} == {"follow": False, "talk": False}
    import pandas as pd  # here: every worker imports this file

    samples = pd.concat(pd.read_parquet(file) for file in bench.runs[-1].glob("rounds/*/samples.parquet"))
    whole = samples[samples["outcome"] == Outcome.OK]  # others are the messages of streams
    counts = whole["request"].value_counts()
    assert len(counts) == 4, "every step of every flow was sent"
    assert set(counts) == {counts[0]}
    assert counts[0] > 10


def test_a_step_that_is_a_stream_and_fails_ends_its_flow(bench):
    visit = FLOW.replace("{names.name}", "anna").replace("BYE {token}", "NEVER")
    changes = ((REQUESTS, f"requests:\n{visit}"), ('FIRST_MS: "30"', 'MODE: guarded, FIRST_MS: "3"'))
    ran = bench.run("ab", str(bench.scenario(*changes, text=TICKS)))
    assert ran.code == 4
    assert "none of 2 messages holds 'NEVER'" in " ".join(ran.err.split())


def test_an_answered_socket_is_a_conversation(bench):
    talk = (
        "  - {name: socket, get: /socket, stream: {kind: websocket, messages: 8}, timeout: 5s}",
        "  - {name: socket, get: /echo, stream: {kind: websocket, messages: 3, until: BYE, "
        'send: [hello, {say: "{uuid}"}, bye]}}',
    )
    ran = bench.run("probe", str(bench.scenario(talk, text=TICKS)), "--arm", "candidate", "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    answers = {each["request"]: each for each in bench.json("out.json")["answers"]}
    assert answers["socket"]["status"] == 101
    assert answers["events"]["status"] == 200


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("{kind: sse, messages: 8}", "{kind: sse, messages: 8, until: never}"), "none of 8 messages holds 'never'"),
        (('FIRST_MS: "30"', 'COUNT: "3", FIRST_MS: "30"'), "the response ended after 3 of 8 messages"),
        (('FIRST_MS: "30"', 'MODE: plain, FIRST_MS: "30"'), "application/json, not text/event-stream"),
        (('"/events?name={name}", values: {name: [tick]}', "/health"), "its content type is application/json"),
        (("get: /socket", "get: /health"), "with status 403"),
    ],
)
def test_a_stream_that_is_not_as_expected_is_told_before_any_load(bench, change, said):
    ran = bench.run("ab", str(bench.scenario(change, text=TICKS)))
    assert ran.code == 4, ran.err + ran.out
    assert said in " ".join(ran.err.split()), ran.err


def test_a_stream_that_gets_stuck_ends_with_its_timeout_and_says_how_far_it_came(bench):
    stuck = (('FIRST_MS: "30"', 'MODE: stuck, FIRST_MS: "30"'), ("timeout: 5s", "timeout: 300ms"))
    path = bench.scenario(*stuck, text=TICKS)
    ran = bench.run("ab", str(path))
    assert ran.code == 4, ran.err + ran.out
    assert "2 of 8 messages came in time" in " ".join(ran.err.split()), ran.err


def test_what_cannot_be_meant_is_told_with_its_place(bench):
    for change, said in (
        ((f"messages: 8}}{REST}", f"messages: 0}}{REST}"), "messages"),
        (("{kind: sse, messages: 8}", "{kind: sse, send: [a]}"), "is for a WebSocket"),
        (("get: /socket", "post: /socket"), "begins with a GET"),
        ((REST, f", expect: {{json: {{$.a: 1}}}}{REST}"), "has no effect on a stream"),
        (("why: off", "why: off\nload: {rate: 5/s, samples: histogram}"), "stands beside load.samples: histogram"),
        (("stream: {kind: sse, messages: 8}", "stream: http2"), "http2"),
        ((REST, f", steps: [{{get: /health}}]{REST}"), "stands beside steps (write it in the step that is the stream)"),
        ((REST, f"}}\n{FLOW.replace('timeout: 5s', 'capture: {id: $.id}')}  - {{name: socket"), "take it from the"),
    ):
        ran = bench.run("check", str(bench.scenario(change, text=TICKS)))
        assert ran.code == 2, (change, ran.out)
        assert said in ran.err, ran.err
