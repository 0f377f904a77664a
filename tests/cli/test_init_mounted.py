"""``perfproof init`` on a service whose document says neither where it is mounted nor what only reads."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.server

SERVE = f"{sys.executable} {Path(__file__).parent.parent / 'services' / 'mounted.py'} {{port}}"
USER = ("--user", "ann:${PASSWORD}")


def test_prefix_token_and_searches_by_post_are_found_and_measured(bench):
    bench.environ["PASSWORD"] = "s3cret-word"
    ran = bench.run("init", "--command", SERVE, *USER, "--reads", "POST */search")
    assert ran.code == 0, ran.err
    assert "all paths stand below /api, of which the document says nothing" in ran.err
    scenario = yaml.safe_load((bench.folder / "perfproof.yaml").read_text())
    assert scenario["setup"][0]["post"] == "/api/token/"
    requests = {each.get("get") or each["post"]: each for each in scenario["requests"]}
    assert set(requests) == {"/api/version", "/api/mine", "/api/items/search", "/api/items/{item_id}"}
    search = requests["/api/items/search"]
    assert (search["post"], search["json"], search["safe"]) == ("/api/items/search", {"limit": "{limit}"}, True)
    assert search["scale"] == {"parameter": "limit", "sizes": [1, 10, 50]}
    assert requests["/api/items/{item_id}"]["values"]["item_id"][0] == "item-0"
    assert requests["/api/mine"]["headers"] == {"Authorization": "Token {token}"}
    assert scenario["service"]["health"] == "/api/version"
    measured = bench.without_load().run("ab", "perfproof.yaml", "--rounds", "2", "--no-why")
    assert (bench.runs[-1] / "rounds" / "002").is_dir(), measured.err


def test_what_is_posted_without_writing_is_told_and_not_sent(bench):
    bench.environ["PASSWORD"] = "s3cret-word"
    ran = bench.run("init", "--command", SERVE, *USER)
    assert ran.code == 0, ran.err
    assert (
        "1 request by POST is called as if only reading, such as /items/search: --reads 'POST */search' sends it too"
        in ran.err
    )
    scenario = yaml.safe_load((bench.folder / "perfproof.yaml").read_text())
    assert all("post" not in each for each in scenario["requests"])


def test_a_search_given_by_curl_is_counted_once_it_is_said_to_read(bench):
    curl = """curl http://127.0.0.1:1/api/items/search -d '{"limit": 20}' -H 'Authorization: Token a-token-of-ann'"""
    header = ("--header", "Authorization: Token a-token-of-ann")
    ran = bench.run("init", "--command", SERVE, *header, curl)
    assert "--reads 'POST */search' has the queries of it counted" in ran.err
    assert bench.run("init", "--command", SERVE, *header, curl, "--reads", "POST */search", "--force").code == 0
    (request,) = yaml.safe_load((bench.folder / "perfproof.yaml").read_text())["requests"]
    assert request["safe"] is True
    assert request["scale"] == {"parameter": "limit", "sizes": [1, 10, 50]}


def test_what_went_wrong_is_told_with_its_cure(bench):
    failed = bench.run("init", "--command", SERVE, "--prepare", "false")
    assert "--prepare names what fills its database" in failed.err
    assert "give --command" not in failed.err
    slow = bench.run("init", "--command", SERVE, "-e", "SLOW=60", "--start-timeout", "1")
    assert "fix: --start-timeout 3 where it takes longer" in slow.err
    broken = bench.run("init", "--command", SERVE, "-e", "BREAK=document")
    assert "/openapi.json is answered with status 500" in broken.err
    (bench.folder / "old").mkdir()
    before = bench.run("init", "--command", f"test -d old && {SERVE}", "--before", "old")
    assert before.code != 0
    assert "the version before does not start with" in before.err


def test_checks_ask_where_the_scenarios_requests_stand(bench):
    bench.environ["PASSWORD"] = "s3cret-word"
    assert bench.run("init", "--command", SERVE, *USER, "--reads", "POST */search").code == 0
    ran = bench.run("checks", "perfproof.yaml", "--check", "contract")
    shown = bench.run("show", "last", "--findings")
    text = ran.out + ran.err + shown.out
    assert "status 404" not in text, text
    facts = json.loads(gzip.decompress((bench.runs[-1] / "checks.json.gz").read_bytes()))
    assert '"GET /api/items/{}"' in json.dumps(facts)


def test_methods_that_another_route_of_the_document_answers_are_not_called_undocumented(bench):
    bench.environ["PASSWORD"] = "s3cret-word"
    assert bench.run("init", "--command", SERVE, *USER, "--reads", "POST */search").code == 0
    bench.run("checks", "perfproof.yaml", "--check", "contract")
    facts = json.loads(gzip.decompress((bench.runs[-1] / "checks.json.gz").read_bytes()))
    (contract,) = facts["checks"]
    for arm in contract["arms"]:
        assert "GET /items/search" not in arm["facts"]["extra"]
        assert "POST /mine" in arm["facts"]["extra"]  # which Allow names, and no route has
