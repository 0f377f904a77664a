"""Checks from the command line to the report, on shops with known faults and their mended twins."""

from __future__ import annotations

import gzip
import json
import sqlite3
import sys
from pathlib import Path

import pytest

import checks_corpus as corpus

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

SHOP = """\
name: shop
service:
  directory: SHOPS
  prepare: "{python} seed.py FOLDER/shop-{arm}.db"
  reset: "{python} seed.py FOLDER/shop-{arm}.db"
  health: /health
arms:
  baseline: {command: "{python} shop_stdlib.py {port} FOLDER/shop-baseline.db BEFORE"}
  candidate: {command: "{python} shop_stdlib.py {port} FOLDER/shop-candidate.db AFTER"}
requests:
  - {name: products, get: /products}
  - {name: orders, get: /orders, headers: {Authorization: "Bearer let-me-in"}}
  - {name: some prices, get: "/prices?ids=1,2,3,4,5,6,7,8,9,10"}
  - {name: one price, get: "/prices/{id}", values: {id: [1, 2]}}
rounds: {count: 2, warmup: 200ms, pairs: 300ms}
why: off
"""


def written(bench, before="", after="", more="", name="shop.yaml"):
    text = SHOP.replace("SHOPS", str(corpus.SHOPS)).replace("FOLDER", str(bench.folder))
    return str(bench.scenario(text=text.replace("BEFORE", before).replace("AFTER", after) + more, name=name))


def rows(result):
    return {row["metric"]: row for row in result["comparisons"]}


def test_a_mended_error_contract_is_proven_and_judged_again_from_the_facts(bench):
    path = written(
        bench,
        before="html_not_found stack_trace",
        more="goals: {error_contract: 50%}\nbudgets: {error_contract: 100%, error_messages: 100%}\n",
    )
    ran = bench.run("checks", path, "--json", "out.json", "-o", "page.html", "-o", "page.md", "-o", "page.xml")
    assert ran.code == 0, ran.out + ran.err
    assert "MET" in ran.out
    result = bench.json("out.json")
    row = rows(result)["error_contract"]
    assert result["kind"] == "checks"
    assert (row["verdict"], row["role"], row["candidate"]) == ("met", "goal", 1.0)
    assert row["baseline"] < 0.6
    assert [(each["metric"], each["broken"], each["value"]) for each in result["budgets"]] == [
        ("error_contract", False, 1.0),
        ("error_messages", False, 1.0),
    ]
    assert {"error_shape", "error_message"} <= {each["kind"] for each in result["findings"]}
    for page in ("page.html", "page.md", "page.xml"):
        assert "error contract" in (bench.folder / page).read_text()
    stored = gzip.decompress((bench.runs[-1] / "checks.json.gz").read_bytes()).decode()
    assert json.loads(stored)["format"] == 1
    assert "let-me-in" not in stored
    assert "Traceback" not in stored
    assert not (bench.runs[-1] / "load.log").exists(), "no load process was started"
    assert json.loads(bench.run("show", "last", "--json", "-").out) == result
    assert not bench.leftovers()
    back = written(
        bench, after="html_not_found stack_trace", more="budgets: {error_contract: 100%}\n", name="back.yaml"
    )
    broke = bench.run("checks", back, "--json", "back.json")
    assert broke.code == 1, broke.out + broke.err
    assert "Budget broken" in broke.out
    assert rows(bench.json("back.json"))["error_contract"]["verdict"] == "regressed"
    history = bench.run("history", path, "--metric", "error_contract")
    assert history.code == 0, history.err
    assert "error contract" in history.out


def test_checks_are_made_after_the_timed_rounds_in_a_pass_of_their_own(bench):
    path = written(
        bench, before="price_as_text page_overlap", more="checks: {contract: {batch: {some prices: one price}}}\n"
    )
    text = Path(path).read_text()  # so many at once that no neighbour of this test could make them dear
    Path(path).write_text(text.replace("ids=1,2", f"ids={','.join(map(str, range(11, 51)))},1,2"))
    ran = bench.without_load().run("ab", path, "--json", "out.json")
    result = bench.json("out.json")
    found = rows(result)
    assert ran.code in (0, 1, 3), ran.out + ran.err  # the timed rows are as they are
    assert found["latency_p50"]
    assert (found["contract"]["verdict"], found["contract"]["candidate"]) == ("improved", 1.0)
    assert (found["pagination"]["verdict"], found["pagination"]["candidate"]) == ("improved", 1.0)
    assert found["breaking_changes"]["candidate"] == 0
    assert found["batch_cost"]["candidate"] < 1
    assert {"contract_broken", "pagination"} <= {each["kind"] for each in result["findings"]}
    gated = bench.run("gate", "last")
    assert "contract" in gated.out


def test_what_breaks_for_clients_and_what_a_batch_costs_are_held_against_budgets(bench):
    more = "checks: {contract: {batch: {some prices: one price}}}\nbudgets: {breaking_changes: 0, contract: 100%}\n"
    path = written(bench, before="batch_one_by_one", after="breaks_clients", more=more)
    text = Path(path).read_text()
    text = text.replace("  health: /health\n", "  health: /health\n  database: sqlite\n")
    Path(path).write_text(text.replace("shop_stdlib.py", "shop_flask.py"))  # whose requests the agent knows
    ran = bench.run("checks", path, "--json", "out.json")
    assert ran.code == 1, ran.out + ran.err
    result = bench.json("out.json")
    found = rows(result)
    assert (found["breaking_changes"]["verdict"], found["breaking_changes"]["candidate"]) == ("regressed", 5.0)
    (broken,) = [each for each in result["budgets"] if each["broken"]]
    assert broken["metric"] == "breaking_changes"
    changes = next(each for each in result["findings"] if each["kind"] == "breaking_change")["evidence"]["changes"]
    assert "GET /catalogue is gone (it was deprecated)" in changes
    assert any("its version goes from 1.4.0 to 1.4.0" in each["summary"] for each in result["findings"])
    assert "GET /products needs the parameter query limit now" in changes
    assert "GET /products answers without $.items[].note" in changes
    # The route is still there, so what the other version documents is answered and undocumented.
    assert found["undocumented_operations"]["candidate"] == 1.0
    assert (found["batch_queries"]["baseline"], found["batch_queries"]["candidate"]) == (1.0, 0.1)
    assert found["batch_cost"]["baseline"] > found["batch_cost"]["candidate"]


def test_what_cannot_be_measured_is_open_with_reason_and_fix(bench):
    path = written(bench, more="checks: {contract: true, document: /nowhere.json}\nbudgets: {contract: 100%}\n")
    ran = bench.run("checks", path, "--json", "out.json")
    assert ran.code == 3, ran.out + ran.err
    (budget,) = bench.json("out.json")["budgets"]
    assert (budget["value"], budget["broken"]) == (None, False)
    assert "checks: {document: ...}" in budget["why"]
    assert "open" in ran.out
    alone = bench.run("checks", path, "--arm", "candidate", "--check", "contract", "--json", "alone.json")
    assert alone.code == 3, alone.out + alone.err


def test_no_row_of_the_database_changes_and_writing_needs_a_reset(bench):
    path = written(bench, after="takes_anything", more="checks: all\n")
    text = Path(path).read_text()  # one that sends no span is waited for
    Path(path).write_text(text.replace("  health: /health\n", '  health: /health\n  environment: {TELLS: "1"}\n'))
    data = {arm: bench.folder / f"shop-{arm}.db" for arm in ("baseline", "candidate")}
    for file in data.values():
        corpus.seed(file)
    before = {arm: corpus.content(file) for arm, file in data.items()}
    quiet = bench.run("checks", path, "--json", "quiet.json")
    assert quiet.code in (0, 1), quiet.out + quiet.err
    assert {arm: corpus.content(file) for arm, file in data.items()} == before
    writing = bench.run("checks", path, "--writes", "--json", "writing.json")
    assert writing.code == 1, writing.out + writing.err
    assert {arm: corpus.content(file) for arm, file in data.items()} == before
    assert rows(bench.json("writing.json"))["error_status"]["verdict"] == "regressed"
    assert "is taken, with status 201" in json.dumps(bench.json("writing.json")["findings"])
    text = "".join(line for line in Path(path).read_text().splitlines(keepends=True) if "  reset:" not in line)
    bench.scenario(text=text, name="no_reset.yaml")
    refused = bench.run("checks", "no_reset.yaml", "--writes")
    assert refused.code == 2
    assert "needs a reset" in refused.err


COUNTING = """\
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        with open("asked", "a") as file:
            file.write(self.path + "\\n")
        found = self.path in ("/health", "/products")
        body = b"[]" if found else b"{}"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_a_document_is_looked_for_once_whatever_is_started_for_the_checks(bench):
    (bench.folder / "counting.py").write_text(COUNTING)
    text = (
        'name: counting\nservice: {command: "{python} counting.py {port}", health: /health}\n'
        "requests: [{name: products, get: /products}]\n"
        "checks: {error_contract: true, telemetry: {wait: 1, repeats: 1}}\nwhy: off\n"
    )
    ran = bench.run("checks", str(bench.scenario(text=text, name="counting.yaml")), "--json", "out.json")
    assert ran.code in (0, 3), ran.out + ran.err
    asked = (bench.folder / "asked").read_text().splitlines()
    assert "/metrics" in asked, "the second start, of telemetry, was asked as well"
    assert asked.count("/openapi.json") == 1


def test_a_service_that_is_not_there_or_dies_is_told_and_nothing_passes(bench):
    dead = bench.folder / "dead.py"
    dead.write_text("import sys; sys.exit(3)\n")
    command = "shop_stdlib.py {port} FOLDER/shop-candidate.db AFTER"
    assert command in SHOP
    text = SHOP.replace(command, f"{dead} {{port}}").replace(" BEFORE", "")
    text = text.replace("SHOPS", str(corpus.SHOPS)).replace("FOLDER", str(bench.folder))
    bench.scenario(text=text + "budgets: {error_contract: 100%}\n", name="dead.yaml")
    ran = bench.run("checks", "dead.yaml", "--json", "out.json")
    assert ran.code == 3, ran.out + ran.err
    assert "did not start" in bench.json("out.json")["budgets"][0]["why"]
    assert not bench.leftovers()


def test_plain_sqlite_is_what_the_shop_keeps_its_rows_in(tmp_path):
    """The comparison of rows above must be able to fail."""
    file = tmp_path / "shop.db"
    corpus.seed(file)
    before = corpus.content(file)
    with sqlite3.connect(file) as database:
        database.execute("update products set price = price + 1 where id = 7")
    database.close()
    assert corpus.content(file) != before
    assert sys.version_info >= (3, 11)


PLUGIN = """\
from perfproof.checks.protocol import Setting
from perfproof.model.checks import Compared, Measure
from perfproof.model.metrics import Metric


class Hats:
    name = "hats"
    title = "hats"
    version = 1
    metrics = (Metric("hats_worn", "hats worn", "ratio", better="higher", exact=True, per_request=False, check="hats"),)
    settings = (Setting("path", "text", "/health", "Where hats are"),)

    def observe(self, arm):
        return {"worn": arm.asker.ask("GET", arm.settings["path"]).status == 200}

    def compare(self, before, after, settings):
        worn = None if before is None else float(before["worn"])
        return Compared((Measure("hats_worn", float(after["worn"]), worn),))


CHECK = Hats()
"""


def test_another_package_may_bring_a_check_with_metrics_and_settings_of_its_own(bench):
    folder = bench.folder / "site"
    (folder / "hats-1.0.dist-info").mkdir(parents=True)
    (folder / "hats_check.py").write_text(PLUGIN)
    (folder / "hats-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: hats\nVersion: 1.0\n")
    (folder / "hats-1.0.dist-info" / "entry_points.txt").write_text("[perfproof.checks]\nhats = hats_check:CHECK\n")
    path = written(bench, more="checks: {hats: {path: /nowhere}}\nbudgets: {hats_worn: 100%}\n")
    lacking = bench.run("check", path)
    assert lacking.code == 2
    assert "checks.hats: unknown key" in lacking.err
    bench.environ["PYTHONPATH"] = str(folder)
    ran = bench.run("checks", path, "--json", "out.json", "-o", "page.html")
    assert ran.code == 1, ran.out + ran.err
    (row,) = bench.json("out.json")["comparisons"]
    assert (row["metric"], row["baseline"], row["candidate"], row["verdict"]) == ("hats_worn", 0.0, 0.0, "equivalent")
    assert "hats worn" in (bench.folder / "page.html").read_text()
    del bench.environ["PYTHONPATH"]
    shown = bench.run("show", "last", "--findings")
    assert "install the package that has this check" in " ".join(shown.out.split())
