"""What requests can be made of and what is looked at in their responses, against a real server."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path

import numpy as np
import pytest

from perfproof.errors import LoadError
from perfproof.model.recording import Outcome
from perfproof.model.scenario import Capture, Expect, Feed, Limits, Load, Part, Repeat, Request

pytestmark = pytest.mark.server

SLOW = Load(rate=40, connections=4)
DONE = Repeat(Expect(json={"$.status": "done"}), 0.02, 10)


def outcomes(columns, request=0):
    return {Outcome(value).name for value in columns["outcome"][columns["request"] == request]}


def echoed(server, start_load, *requests, seconds=0.25, **rest):
    """Send the requests for a moment; return what the server saw of them."""
    load = start_load(*requests, load=rest.pop("load", SLOW), **rest)
    load.open(0, server.url)
    report = load.block(0, 0, 0, seconds, seed=1)
    assert report.completed == report.intended > 0, load._tail()
    return server.counts()["seen"]


def test_a_form_is_sent_as_a_form(server, start_load):
    request = Request("form", "POST", "/echo", form={"email": "{who}@b.c", "a b": "ö&="}, values={"who": ("me",)})
    seen = echoed(server, start_load, request)
    assert seen[0]["body"] == "email=me%40b.c&a+b=%C3%B6%26%3D"
    assert "content-type: application/x-www-form-urlencoded" in seen[0]["head"]


def test_a_multipart_form_carries_texts_and_files_as_they_are(server, start_load, tmp_path):
    (tmp_path / "cat.bin").write_bytes(bytes(range(32, 127)) * 3)
    parts = (Part("title", "Cat {who}"), Part("photo", file=tmp_path / "cat.bin", type="image/png", filename='c".png'))
    seen = echoed(server, start_load, Request("up", "POST", "/echo", multipart=parts, values={"who": ("Tom",)}))
    kind = next(line for line in seen[0]["head"].splitlines() if line.startswith("content-type"))
    title, photo = message_from_bytes(f"{kind}\r\n\r\n{seen[0]['body']}".encode()).get_payload()
    assert title.get_payload() == "Cat Tom"
    assert photo.get_payload(decode=True) == bytes(range(32, 127)) * 3
    assert photo.get_filename() == "c%22.png"
    assert photo.get_content_type() == "image/png"


def test_a_file_is_sent_whole_and_not_filled(server, start_load, tmp_path):
    (tmp_path / "body.json").write_text('{"a": "{who}"}' + " " * 300_000)
    seen = echoed(server, start_load, Request("file", "PUT", "/echo", body_file=tmp_path / "body.json"))
    assert seen[0]["body"] == (tmp_path / "body.json").read_text()


def test_a_file_that_is_gone_is_named(server, start_load, tmp_path):
    load = start_load(Request("file", "PUT", "/echo", body_file=tmp_path / "gone"))
    with pytest.raises(LoadError, match=r"cannot read .*gone"):
        load.open(0, server.url)


BUILT_IN = Request("drawn", "POST", "/echo?n={sequence}", body="{uuid} {uuid} {random_int(1,6)} {now}")


def test_built_ins_are_drawn_anew_for_each_request_and_alike_for_both_arms(server, start_load):
    load = start_load(BUILT_IN, load=SLOW)
    drawn = []
    for arm in (0, 1):
        load.open(arm, server.url)
    for pair, arm in ((0, 0), (0, 1), (1, 1), (1, 0)):
        before = len(server.counts()["seen"])
        load.block(arm, pair, 0, 1.0, seed=100 + pair)
        drawn.append([(one["path"], *one["body"].split()[:3]) for one in server.counts()["seen"][before:]])
    assert sorted(drawn[0]) == sorted(drawn[1])
    assert sorted(drawn[2]) == sorted(drawn[3])
    first, second = drawn[0], drawn[2]
    assert not set(first) & set(second)
    assert all(one == other for _, one, other, _ in first)
    assert len({uuid for _, uuid, _, _ in first + second}) == 80
    assert {dice for _, _, _, dice in first + second} == set("123456")
    assert sorted(int(path.partition("=")[2]) for path, *_ in first + second) == list(range(1, 81))


def feed_file(tmp_path: Path, rows: int) -> Path:
    file = tmp_path / "users.csv"
    file.write_text("email,word\n" + "".join(f'u{n}@b.c,"w ""{n}"",\nx"\n' for n in range(rows)))
    return file


@pytest.mark.parametrize("order", ["sequential", "shuffled"])
def test_rows_of_a_feed_are_the_same_for_both_arms_and_go_on_from_block_to_block(order, server, start_load, tmp_path):
    feed = Feed("users", feed_file(tmp_path, 30), order)
    load = start_load(Request("r", "POST", "/echo", body="{users.email} {users.word}"), load=SLOW, feeds=(feed,))
    taken = []
    for arm in (0, 1):
        load.open(arm, server.url)
        load.warm(arm, 0.3)
    for pair, arm in ((0, 1), (0, 0), (1, 0), (1, 1)):
        before = len(server.counts()["seen"])
        load.block(arm, pair, 0, 0.5, seed=100 + pair)
        taken.append([one["body"] for one in server.counts()["seen"][before:]])
    assert sorted(taken[0]) == sorted(taken[1])
    assert sorted(taken[2]) == sorted(taken[3])
    assert len(set(taken[0])) == 20
    if order == "sequential":
        assert set(taken[0]) == {f'u{n}@b.c w "{n}",\nx' for n in range(20)}
        assert set(taken[2]) == {f'u{n % 30}@b.c w "{n % 30}",\nx' for n in range(20, 40)}


def test_a_feed_that_is_used_once_ends_and_the_other_requests_go_on(server, start_load, tmp_path, sealed):
    feed = Feed("users", feed_file(tmp_path, 40), "once")
    load = start_load(
        Request("r", "GET", "/once-only?u={users.email}"), Request("ok", "GET", "/ok"), load=SLOW, feeds=(feed,)
    )
    load.open(0, server.url)
    load.warm(0, 1.0)
    reports = [load.block(0, pair, 0, 1.0, seed=pair) for pair in range(3)]
    paths = [one["path"] for one in server.counts()["seen"] if "once-only" in one["path"]]
    assert len(paths) == len(set(paths)) == 40
    assert (sealed(load)["request"] == 0).sum() == 30
    assert sum(report.unfed for report in reports) > 0
    assert all(report.intended == report.completed == 40 for report in reports)


def test_load_ends_when_nothing_is_left_to_send(server, start_load, tmp_path):
    feed = Feed("users", feed_file(tmp_path, 8), "once")
    request = Request("r", "GET", "/ok?u={users.email}")
    for model in (Load(rate=50), Load(model="closed", users=2, connections=2)):
        load = start_load(request, load=model, feeds=(feed,))
        load.open(0, server.url)
        started = time.monotonic()
        report = load.block(0, 0, 0, 1.0, seed=1)
        assert report.completed == report.intended == 6
        assert report.unfed == 1
        assert time.monotonic() - started < 5


def test_json_lines_keep_their_types(server, start_load, tmp_path):
    file = tmp_path / "items.jsonl"
    file.write_text('{"id": 7, "tags": ["a", null]}\n\n{"id": 7, "tags": ["a", null]}\n')
    seen = echoed(
        server,
        start_load,
        Request("r", "POST", "/echo", json={"item": "{items.id}", "tags": "{items.tags}"}),
        feeds=(Feed("items", file),),
    )
    assert json.loads(seen[0]["body"]) == {"item": 7, "tags": ["a", None]}


def test_a_row_that_cannot_be_used_is_named(server, start_load, tmp_path):
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n3\n")
    load = start_load(Request("r", "GET", "/ok?{f.a}"), load=SLOW, feeds=(Feed("f", tmp_path / "bad.csv"),))
    with pytest.raises(LoadError, match=r"row 2 \(line 3\) of the feed .*bad\.csv cannot be used") as caught:
        load.open(0, server.url)
    assert caught.value.why == "it has 1 value, the header 2"


JSON = {"auth": {"tokens": ["t-4711-captured"]}, "id": 42}


@pytest.mark.parametrize(
    ("path", "expect", "outcome"),
    [
        ("/login", Expect(json={"$.id": 42, "$.auth.tokens": ["t-4711-captured"]}), "OK"),
        ("/login", Expect(json={"$.id": 43}), "UNEXPECTED"),
        ("/login", Expect(json={"$.id": True}), "UNEXPECTED"),
        ("/login", Expect(json={"$.nothing": 1}), "UNEXPECTED"),
        ("/echo/{x}", Expect(json={"$.path": "/echo/a%20b"}), "OK"),
        ("/garbled", Expect(json={"$.id": 43}), "UNEXPECTED"),
        ("/ok", Expect(contains=('"ok"',), matches=(r"true\}$",)), "OK"),
        ("/ok", Expect(contains=("nowhere",)), "UNEXPECTED"),
        ("/ok", Expect(matches=(r"^false",)), "UNEXPECTED"),
        ("/cookie/sid/1", Expect(headers={"Set-Cookie": "sid="}), "OK"),
        ("/ok", Expect(headers={"X-Cache": "hit"}), "UNEXPECTED"),
        ("/encoded/gzip", Expect(json={"$.ok": True}), "OK"),
        ("/encoded/deflate", Expect(json={"$.ok": True}), "OK"),
        ("/encoded/br", Expect(json={"$.ok": True}), "OK"),
        ("/encoded/zstd", Expect(json={"$.ok": True}), "OK"),
        ("/encoded/gzip-cut", Expect(json={"$.ok": True}), "UNEXPECTED"),
        ("/encoded/lies", Expect(json={"$.ok": True}), "UNEXPECTED"),
        ("/encoded/bomb", Expect(contains=("x",)), "UNEXPECTED"),
        ("/chunked", Expect(contains=("hello world",)), "OK"),
        ("/eof", Expect(contains=("until the end",)), "OK"),
        ("/status/500", Expect(contains=("x",)), "BAD_STATUS"),
        ("/garbage", Expect(contains=("SSH",)), "PROTOCOL"),
        ("/interim", Expect(headers={"link": "style"}), "UNEXPECTED"),
        ("/big/10000000", Expect(contains=("xxxx",)), "OK"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_expectations_are_held_against_the_decoded_response(path, expect, outcome, server, start_load, sealed):
    load = start_load(
        Request("r", "GET", path, expect=expect, values={"x": ("a b",)} if "{x}" in path else {}), load=Load(rate=10)
    )
    load.open(0, server.url)
    load.block(0, 0, 0, 0.4, seed=1)
    assert outcomes(sealed(load)) == {outcome}


def test_the_log_says_what_was_unexpected(server, start_load, tmp_path):
    request = Request("list", "GET", "/login", expect=Expect(json={"$.id": 43}))
    load = start_load(request, load=SLOW)
    load.open(0, server.url)
    load.block(0, 0, 0, 0.5, seed=1)
    load.stop()
    assert (tmp_path / "load.log").read_text().count("unexpected response: list: $.id is 42, not 43\n") == 1


def test_checking_a_response_takes_no_part_in_its_time(server, start_load, sealed):
    plain = Request("plain", "GET", "/big/3000000")
    checked = replace(plain, name="checked", expect=Expect(matches=("(?:x?y?){1000000}",)))  # takes 0.1 s and more
    load = start_load(plain, checked, load=Load(rate=5, connections=1))
    load.open(0, server.url)
    load.warm(0, 0.3)
    load.block(0, 0, 0, 2.0, seed=1)
    columns = sealed(load)
    took = (columns["done_ns"] - columns["sent_ns"]) / 1e6
    assert set(columns["outcome"]) == {Outcome.OK}
    # The quickest of each: others may have waited for their turn on the processor.
    assert took[columns["request"] == 1].min() < took[columns["request"] == 0].min() + 50


STEPS = (
    Request(
        "log in",
        "POST",
        "/login",
        form={"email": "{users.email}"},
        flow="buy",
        capture={"token": "$.auth.tokens[0]", "name": Capture(regex=r'"(id)"')},
    ),
    Request(
        "order",
        "POST",
        "/echo/{uuid}",
        headers={"Authorization": "Bearer {token}"},
        flow="buy",
        expect=Expect(contains=("Bearer t-4711-captured",)),
        capture={"kind": Capture(header="Content-Length"), "place": "$.path"},
    ),
    Request("look", "GET", "{place}?{name}&{uuid}&{users.email}&{kind}", flow="buy"),
)


def test_a_flow_sends_its_steps_in_order_with_what_it_captured(server, start_load, sealed, tmp_path):
    # `place` holds slashes, which a placeholder in a path encodes: it is one segment.
    load = start_load(*STEPS, load=Load(rate=20), feeds=(Feed("users", feed_file(tmp_path, 9)),))
    load.open(0, server.url)
    report = load.block(0, 0, 0, 1.0, seed=1)
    columns = sealed(load)
    assert report.completed == report.intended == 60
    assert np.bincount(columns["request"]).tolist() == [20, 20, 20]
    for one in server.counts()["seen"]:
        if one["path"].startswith("/%2Fecho"):
            uuid = one["path"][len("/%2Fecho%2F") :][:36]
            assert f"?id&{uuid}&u" in one["path"]
    starts = [np.sort(columns["sent_ns"][columns["request"] == step]) for step in range(3)]
    assert (starts[0] < starts[1]).all()
    assert (starts[1] < starts[2]).all()


def test_a_step_that_fails_ends_its_flow_and_the_rest_counts_as_not_started(server, start_load, sealed):
    steps = [Request(name, "GET", path, flow="f") for name, path in (("a", "/ok"), ("b", "/status/500"), ("c", "/ok"))]
    load = start_load(*steps, Request("d", "GET", "/ok"), load=Load(rate=40))
    load.open(0, server.url)
    report = load.block(0, 0, 0, 1.0, seed=1)
    columns = sealed(load)
    assert outcomes(columns, 1) == {"BAD_STATUS"}
    assert outcomes(columns, 2) == {"NOT_STARTED"}
    assert report.not_started == 20
    assert (report.intended, report.sent, report.completed, report.failed) == (60, 60, 40, 20)
    assert server.counts()["asked"]["ok"] == 40


@pytest.mark.parametrize(
    ("capture", "says"),
    [
        ({"x": "$.nothing"}, "no 'nothing'"),
        ({"x": Capture(header="X-None")}, "no header X-None"),
        ({"x": Capture(regex="nothing here")}, "does not match"),
    ],
    ids=["path", "header", "expression"],
)
def test_a_capture_that_finds_nothing_fails_its_step(capture, says, server, start_load, sealed, tmp_path):
    load = start_load(
        Request("a", "GET", "/login", flow="f", capture=capture), Request("b", "GET", "/{x}", flow="f"), load=SLOW
    )
    load.open(0, server.url)
    load.block(0, 0, 0, 0.3, seed=1)
    columns = sealed(load)
    assert (outcomes(columns, 0), outcomes(columns, 1)) == ({"UNEXPECTED"}, {"NOT_STARTED"})
    load.stop()
    assert says in (tmp_path / "load.log").read_text()


def test_a_captured_line_break_forges_no_header(server, start_load, sealed):
    load = start_load(
        Request("a", "GET", "/evil", flow="f", capture={"x": "$.x"}),
        Request("b", "GET", "/ok", headers={"x-a": "{x}"}, flow="f"),
        load=SLOW,
    )
    load.open(0, server.url)
    load.block(0, 0, 0, 0.3, seed=1)
    columns = sealed(load)
    assert (outcomes(columns, 0), outcomes(columns, 1)) == ({"OK"}, {"NOT_STARTED"})
    assert not any("forged" in one["head"] for one in server.counts()["seen"])


def test_polling_goes_on_until_it_is_done(server, start_load, sealed):
    steps = (
        Request("start", "POST", "/job/3", flow="f", capture={"id": "$.id"}),
        Request(
            "poll",
            "GET",
            "/job/{id}",
            flow="f",
            repeat=Repeat(Expect(json={"$.status": "done"}), 0.02, 10),
            capture={"r": "$.result"},
        ),
        Request("read", "GET", "/echo/{r}", flow="f"),
    )
    load = start_load(*steps, load=Load(rate=20))
    load.open(0, server.url)
    report = load.block(0, 0, 0, 1.0, seed=1)
    columns = sealed(load)
    assert report.failed == report.not_started == 0
    assert np.bincount(columns["request"]).tolist() == [20, 60, 20]


def test_polling_that_never_gets_there_ends_as_a_failure(server, start_load, sealed, tmp_path):
    steps = (
        Request("poll", "GET", "/ok", flow="f", repeat=Repeat(Expect(json={"$.ok": False}), 0.01, 3)),
        Request("read", "GET", "/ok", flow="f"),
    )
    load = start_load(*steps, load=Load(rate=20))
    load.open(0, server.url)
    report = load.block(0, 0, 0, 0.5, seed=1)
    assert (report.completed, report.failed, report.not_started) == (20, 10, 10)
    load.stop()
    assert "poll: still not so after the last try: $.ok is True, not False" in (tmp_path / "load.log").read_text()


def test_users_of_a_flow_think_between_steps(server, start_load, sealed):
    steps = (Request("a", "GET", "/ok", flow="f", think_time=0.15), Request("b", "GET", "/login", flow="f"))
    load = start_load(*steps, load=Load(model="closed", users=2, connections=2))
    load.open(0, server.url)
    load.block(0, 0, 0, 1.0, seed=1)
    columns = sealed(load)
    first, second = (np.sort(columns["sent_ns"][columns["request"] == step]) for step in (0, 1))
    assert 8 <= len(first) == len(second) <= 16
    assert ((second - first) / 1e9 >= 0.149).all()


def test_abort_ends_flows_that_rest_and_starts_no_further_step(server, start_load, sealed):
    steps = (Request("a", "GET", "/ok", flow="f", think_time=60.0), Request("b", "GET", "/login", flow="f"))
    load = start_load(*steps, load=Load(rate=20))
    load.open(0, server.url)
    threading.Timer(0.5, load.abort).start()
    started = time.monotonic()
    report = load.block(0, 0, 0, 20.0, seed=1)
    assert time.monotonic() - started < 3
    assert report.aborted
    assert report.not_started == report.completed > 0
    assert server.counts()["asked"].get("login", 0) == 0


def test_cookies_of_the_set_up_reach_requests_and_those_of_a_flow_stay_in_it(server, start_load):
    setup = (Request("log in", "GET", "/cookie/sid/abc"),)
    flow = (Request("a", "GET", "/cookie/basket/7", flow="f"), Request("b", "GET", "/echo/flow", flow="f"))
    single, without = Request("c", "GET", "/echo/single"), Request("d", "GET", "/echo/without", cookies=False)
    own = Request("e", "GET", "/echo/own", headers={"Cookie": "mine=1"})
    seen = echoed(server, start_load, *flow, single, without, own, setup=setup, load=Load(rate=80))
    cookies = {one["path"]: [line for line in one["head"].splitlines() if line.startswith("cookie:")] for one in seen}
    assert cookies["/echo/flow"] == ["cookie: sid=abc; basket=7"]
    assert cookies["/cookie/basket/7"] == ["cookie: sid=abc"]
    assert cookies["/echo/single"] == ["cookie: sid=abc"]
    assert cookies["/echo/without"] == []
    assert cookies["/echo/own"] == ["cookie: mine=1"]


@pytest.mark.parametrize(
    ("request_", "limits", "says"),
    [
        (
            Request("r", "GET", "/status/500"),
            Limits(consecutive_errors=20),
            "in a row have failed, the last with status 500",
        ),
        (
            Request("r", "GET", "/status/401"),
            Limits(consecutive_errors=20),
            "(?s)with status 401: the load was stopped.*session or token that `setup` was given",
        ),
        (
            Request("r", "GET", "/status/302"),
            Limits(consecutive_errors=20),
            "(?s)with status 302: the load was stopped.*session or token that `setup` was given",
        ),
        (Request("r", "GET", "/ok"), Limits(duration=0.5), "for 0.5 s, the limit"),
        (Request("r", "GET", "/ok"), Limits(rate=100), "requests a second exceed the limit of 100"),
    ],
    ids=["failures", "expired", "sent to log in", "duration", "rate"],
)
def test_a_limit_that_is_exceeded_stops_the_load_and_says_which(request_, limits, says, server, start_load, sealed):
    load = start_load(request_, load=Load(model="closed", users=4, limits=limits))
    load.open(0, server.url)
    started = time.monotonic()
    with pytest.raises(LoadError, match=says):
        load.block(0, 0, 0, 20.0, seed=1)
    assert time.monotonic() - started < 5
    assert len(sealed(load)["arm"]) > 0
    with pytest.raises(LoadError, match=says):
        load.open(0, server.url)


def test_failures_between_good_answers_trip_no_limit(server, start_load):
    requests = (Request("a", "GET", "/ok"), Request("b", "GET", "/status/500"))
    load = start_load(*requests, load=Load(rate=100, limits=Limits(consecutive_errors=20)))
    load.open(0, server.url)
    assert load.block(0, 0, 0, 1.5, seed=1).failed == 75


def test_a_rate_above_the_limit_is_refused_before_anything_is_sent(server, start_load):
    load = start_load(Request("a", "GET", "/ok"), load=Load(rate=100, limits=Limits(rate=50)))
    with pytest.raises(LoadError, match="a rate of 100/s is more than the limit of 50/s"):
        load.open(0, server.url)
    assert server.counts()["asked"] == {"_counts": 1}


def test_a_request_may_name_the_port_of_its_service(server, start_load):
    load = start_load(Request("r", "GET", "/ok?callback=http://127.0.0.1:{port}/back"))
    load.open(0, server.url)
    assert load.block(0, 0, 0, 0.3, seed=1).failed == 0
    seen = [one["path"] for one in server.counts()["seen"] if "callback" in one["path"]]
    assert seen
    assert all(path.endswith(f":{server.url.rsplit(':', 1)[1].strip('/')}/back") for path in seen)
