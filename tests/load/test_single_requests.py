"""One request alone: with headers of its own, and many times in a row."""

import json
from dataclasses import replace

import pytest

from perfproof.errors import LoadError
from perfproof.model.scenario import Expect, Request


def get(path, **more):
    return Request("one", "GET", path, **more)


def test_a_probes_own_headers_take_the_place_of_the_requests(server, start_load):
    load = start_load(get("/echo", headers={"Accept-Encoding": "gzip", "X-Kept": "1"}))
    load.open(0, server.url)
    head = json.loads(load.probe(0, 0, {}, headers={"accept-encoding": "br", "if-none-match": '"a"'}).content)["head"]
    lines = [line.lower() for line in head.splitlines()]
    assert [line for line in lines if line.startswith("accept-encoding")] == ["accept-encoding: br"]
    assert "x-kept: 1" in lines
    assert 'if-none-match: "a"' in lines
    after = json.loads(load.probe(0, 0, {}).content)["head"].lower()
    assert "accept-encoding: gzip" in after
    assert "if-none-match" not in after


def test_a_probe_is_sent_as_often_as_asked_each_with_its_own_time_and_id(server, start_load):
    load = start_load(get("/ok"))
    load.open(0, server.url)
    reply = load.probe(0, 0, {}, times=7)
    counts = server.counts()
    assert counts["asked"]["ok"] == 7
    assert len(reply.each_ns) == 7
    assert reply.each_ns[-1] == reply.took_ns > 0
    assert len(set(counts["ids"])) == 7
    assert load.probe(0, 0, {}).each_ns == []


def test_a_probe_that_fails_is_not_repeated(server, start_load):
    load = start_load(get("/nowhere-at-all", expect=replace(get("/").expect, status=(299,))))
    load.open(0, server.url)
    reply = load.probe(0, 0, {}, times=5)
    assert reply.outcome == "bad_status"
    assert len(reply.each_ns) == 1


def test_a_header_that_would_forge_another_is_refused(server, start_load):
    load = start_load(get("/echo"))
    load.open(0, server.url)
    with pytest.raises(LoadError):
        load.probe(0, 0, {}, headers={"x": "a\r\nforged: 1"})


def test_a_probe_follows_redirects_as_load_does_and_all_of_it_has_one_id(server, start_load):
    path = "/redirect/302//redirect/307//echo?limit={limit}"
    load = start_load(get(path, follow_redirects=3, values={"limit": [20]}))
    load.open(0, server.url)
    reply = load.probe(0, 0, {"limit": 20})
    assert (reply.outcome, reply.status) == ("ok", 200)
    assert json.loads(reply.content)["head"].startswith("GET /echo?limit=20 ")
    assert int(reply.headers["content-length"]) == len(reply.content), "the headers are those of the last answer"
    ids = server.counts()["ids"]
    assert len(ids) == 3
    assert len(set(ids)) == 1


def test_a_redirect_that_is_not_to_be_followed_stays_what_it_is(server, start_load):
    load = start_load(get("/redirect/302//ok"))
    load.open(0, server.url)
    reply = load.probe(0, 0, {})
    assert (reply.outcome, reply.status, reply.headers["location"]) == ("bad_status", 302, "/ok")


def test_a_probe_is_held_against_all_that_is_expected(server, start_load):
    load = start_load(get("/ok", expect=Expect(json={"$.ok": False})))
    load.open(0, server.url)
    reply = load.probe(0, 0, {})
    assert reply.outcome == "unexpected"
    assert "$.ok" in reply.problem
    assert reply.content == b'{"ok": true}'


def test_every_request_and_flow_is_tried_once_and_what_fails_is_told_with_what_was_expected(server, start_load):
    flow = [get("/echo?first", flow="f"), get("/status/418", flow="f")]
    requests = [get("/ok"), get("/ok?wrong", expect=Expect(json={"$.ok": False})), *flow, get("/echo?last")]
    load = start_load(*requests)
    load.open(0, server.url)
    wrong = load.try_out(0)
    assert [(each.request, each.outcome, each.status) for each in wrong] == [
        (1, "unexpected", 200),
        (3, "bad_status", 418),
    ]
    assert wrong[0].problem == "$.ok is True, not False"
    targets = [each["head"].split()[1] for each in server.counts()["seen"]]
    assert targets.count("/echo?last") == 1
    assert targets.count("/echo?first") == 3, "what fails is sent anew"
    assert load.learned().troubles == (), "nothing of it is measured"
    load.block(0, 0, 0, 0.3, seed=1)
    (answer,) = load.learned().troubles
    assert (answer.arm, answer.kind) == (0, "answer")
    assert answer.text == "one: $.ok is True, not False"
    assert answer.count > 0
    assert load.learned().troubles == ()


def test_a_captured_token_is_masked_in_what_was_unexpected(server, start_load):
    login = Request("in", "POST", "/login", capture={"token": "$.auth.tokens[0]"})
    load = start_load(get("/login", expect=Expect(json={"$.auth.tokens[0]": "{token}-else"})), setup=(login,))
    load.open(0, server.url)
    (wrong,) = load.try_out(0)
    assert "$.auth.tokens[0] is ***, not '***-else'" in wrong.problem
