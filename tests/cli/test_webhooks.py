"""Webhooks from the command line: only where writing is allowed, with budgets, both arms, feeds and evidence."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import webhooks_corpus as corpus

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

SEED = Path(corpus.HOOKS).parent / "shops" / "seed.py"
SHOP = """\
name: hooks
service:
  command: "{python} PROGRAM {port} {work}/shop.db"
  health: /health
  prepare: "{python} SEED {work}/shop.db"
  reset: "{python} SEED {work}/shop.db"
  environment: {WEBHOOK_SECRET: "${WEBHOOK_SECRET}", WEBHOOK_URL: "{webhook}"}
arms:
  baseline: {command: "{python} PROGRAM {port} {work}/shop.db delivers_twice unsigned"}
  candidate: {}
requests:
  - {name: order, post: /orders, json: {item: "{items.item}", key: "{uuid}"}}
feeds: {items: items.csv}
checks:
  writes: true
  webhooks:
    request: order
    times: 3
    within: 2
    settle: 300
    hold: 1
    retry_within: 3
    signature: {header: X-Signature, secret: WEBHOOK_SECRET}
budgets:
  {webhook_delivered: 100%, webhook_duplicates: 0, webhook_signed: 100%, webhook_retried: 100%, webhook_latency: 2s}
goals: {webhook_signed: 50%}
load: {rate: 20/s}
rounds: {count: 2, warmup: 200ms, warmup_requests: 4, blocks: 2, block: 300ms}
why: off
"""


@pytest.fixture
def hooks(bench):
    (bench.folder / "items.csv").write_text("item\n1\n2\n3\n")
    shutil.copy(corpus.HOOKS / "hooks_stdlib.py", bench.folder / "hooks.py")
    bench.environ["WEBHOOK_SECRET"] = corpus.SECRET

    def scenario(*changes):
        text = SHOP.replace("PROGRAM", "hooks.py").replace("SEED", str(SEED))
        return str(bench.scenario(*changes, text=text))

    bench.hooks = scenario
    return bench


def test_budgets_and_goals_are_judged_on_both_arms_and_nothing_secret_is_kept(hooks):
    ran = hooks.run("checks", hooks.hooks(), "--json", "out.json", "-o", "page.html")
    assert ran.code == 0, ran.err + ran.out
    result = hooks.json("out.json")
    rows = {row["metric"]: row for row in result["comparisons"]}
    assert (rows["webhook_signed"]["baseline"], rows["webhook_signed"]["candidate"]) == (0, 1)
    assert rows["webhook_signed"]["verdict"] == "met"
    assert rows["webhook_duplicates"]["baseline"] >= 3
    assert rows["webhook_duplicates"]["candidate"] == 0
    assert rows["webhook_latency"]["role"] == "shown"
    assert not any(each["broken"] or each["why"] for each in result["budgets"]), result["budgets"]
    told = {each["kind"]: each["severity"] for each in result["findings"]}
    assert told == {"webhook_duplicate": "info", "webhook_unsigned": "info"}, "the candidate has mended them"
    page = (hooks.folder / "page.html").read_text()
    assert "webhooks signed rightly" in page
    for file in hooks.folder.rglob("*"):
        if file.is_file():
            assert corpus.SECRET.encode() not in file.read_bytes(), file
    assert not hooks.leftovers()


def test_without_leave_to_write_nothing_is_sent_and_the_budgets_are_open(hooks):
    ran = hooks.run("checks", hooks.hooks(("  writes: true\n", "")), "--json", "out.json")
    assert ran.code == 3, ran.err + ran.out
    result = hooks.json("out.json")
    assert all(each["why"] for each in result["budgets"])
    assert "checks: {writes: true}" in " ".join(ran.out.split())


def test_a_service_that_is_told_no_address_is_not_accused_of_losing_anything(hooks):
    ran = hooks.run("checks", hooks.hooks((', WEBHOOK_URL: "{webhook}"', "")), "--json", "out.json")
    assert ran.code == 3, ran.err + ran.out
    assert hooks.json("out.json")["findings"] == []
    assert "write {webhook} where the address belongs" in " ".join((ran.out + hooks.details()).split())
    request = ('json: {item: "{items.item}", key: "{uuid}"}', 'json: {item: 1, callback: "{webhook}"}')
    ran = hooks.run("checks", hooks.hooks((', WEBHOOK_URL: "{webhook}"', ""), request), "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out


def test_ab_measures_first_and_checks_then_while_nothing_listens_under_load(hooks):
    hooks.without_load()
    plain = ('json: {item: "{items.item}", key: "{uuid}"}', "json: {item: 1}"), ("feeds: {items: items.csv}\n", "")
    worse = ("  candidate: {}", '  candidate: {command: "{python} hooks.py {port} {work}/shop.db loses_some"}')
    ran = hooks.run("ab", hooks.hooks(worse, *plain, ("goals: {webhook_signed: 50%}\n", "")), "--json", "out.json")
    assert ran.code == 1, ran.err + ran.out
    result = hooks.json("out.json")
    broken = {each["metric"] for each in result["budgets"] if each["broken"]}
    assert broken == {"webhook_delivered"}
    assert "latency_p50" in {row["metric"] for row in result["comparisons"]}
    lost = next(each for each in result["findings"] if each["kind"] == "webhook_lost")
    assert lost["severity"] == "warning"
    assert "1 of 3 times an event was not delivered within 2 s" in lost["summary"]


def test_an_unknown_request_is_told_at_check_time(hooks):
    ran = hooks.run("check", hooks.hooks(("request: order", "request: ordr")))
    assert ran.code == 2
    assert "checks.webhooks.request" in ran.err
    assert "order" in ran.err
