"""The library does what the command line does, and says what goes wrong in the same words."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import checks_corpus as corpus
import perfproof
import warm
from filled import fill
from perfproof import api, pytest_plugin
from perfproof.judge import analyse
from perfproof.measure import Measured
from perfproof.store.repository import Store
from recording_builders import make_recording

ROOT = Path(__file__).parents[2]


def test_importing_the_package_costs_nothing():
    code = (
        "import sys; before = set(sys.modules); import perfproof; dir(perfproof)\n"
        "print(sorted(m for m in set(sys.modules) - before if m.partition('.')[0] in\n"
        "      ('perfproof', 'numpy', 'pandas', 'typer', 'rich', 'sqlalchemy', 'yaml', 'pydantic')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['perfproof']"


def test_what_the_package_gives_is_what_the_library_documents_and_what_its_types_say():
    stub = ast.parse((ROOT / "src" / "perfproof" / "__init__.pyi").read_text())
    typed = {name.asname for node in stub.body if isinstance(node, ast.ImportFrom) for name in node.names}
    assert typed | {"__version__"} == set(perfproof.__all__)
    assert set(api.__all__) <= set(perfproof.__all__)
    for name in perfproof.__all__:
        assert getattr(perfproof, name).__doc__, name
    assert (ROOT / "src" / "perfproof" / "py.typed").is_file()


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'bench'"):
        perfproof.bench  # noqa: B018


def test_a_run_is_opened_by_its_folder_its_id_the_beginning_of_it_and_as_the_last(kept, faster):
    folder = kept(faster)
    results = folder.parent
    for reference in (folder, str(folder), folder.name, folder.name[:12], "last"):
        opened = perfproof.open_run(reference, results=results)
        assert opened.id == faster.info.id
        assert opened.folder == folder
    assert len(opened.samples()) == sum(len(each.samples) for each in faster.rounds)
    assert opened.result.sentence == analyse(faster, ()).sentence
    assert opened.rows()["request"].unique().tolist() == ["all", "list", "show"]
    assert not opened.processes().empty
    assert not opened.blocks().empty
    assert not opened.levels().empty
    assert not opened.round_changes().empty
    assert opened.queries().empty
    assert opened.query_counts().empty


def test_the_folder_of_runs_is_that_of_the_environment_as_for_the_command_line(kept, faster, monkeypatch):
    folder = kept(faster)
    monkeypatch.setenv("PERFPROOF_RESULTS", str(folder.parent))
    assert perfproof.open_run().id == faster.info.id


def test_what_is_not_there_is_told_with_what_to_do(kept, faster, tmp_path):
    results = kept(faster).parent
    with pytest.raises(perfproof.StoreError) as caught:
        perfproof.open_run("yesterday", results=results)
    assert caught.value.hint
    with pytest.raises(perfproof.UsageError, match="no run of a scenario `shpo`"):
        perfproof.open_history("shpo", results=results)
    with pytest.raises(perfproof.ScenarioError) as mistakes:
        perfproof.read_scenario(tmp_path / "missing.yaml")
    assert "does not exist" in str(mistakes.value)
    assert isinstance(caught.value, perfproof.PerfproofError)


def test_a_damaged_run_is_told_when_it_is_opened(kept, faster):
    folder = kept(faster)
    (folder / "run.json").write_text("{")
    with pytest.raises(perfproof.EvidenceError, match=r"run\.json"):
        perfproof.open_run(folder, results=folder.parent)


def test_two_runs_are_compared_and_unlike_ones_only_by_force(kept, tmp_path):
    before = kept(make_recording(kind="run", rounds=6, run_id="20261123-061502-projects-0001"))
    after = kept(make_recording(kind="run", rounds=6, base_ms=[6, 12], seed=2, run_id="20261124-061502-projects-0002"))
    other = kept(make_recording(kind="run", rounds=6, run_id="20261125-061502-projects-0003", scenario_hash="other"))
    found = perfproof.compare(before, after, results=before.parent)
    assert found.baseline.folder == before
    p50 = found.rows().query("metric == 'latency_p50' and request == 'all'")
    assert p50["change"].item() == pytest.approx(-0.4, abs=0.1)
    assert found.levels()["arm"].nunique() == 2
    assert perfproof.compare(before, other, results=before.parent).result.verdict == "invalid"
    forced = perfproof.compare(found.baseline, other, results=before.parent, force=True).result
    assert forced.verdict != "invalid"
    assert forced.comparability.warnings


def test_reports_are_written_by_their_ending(kept, faster, tmp_path):
    opened = perfproof.open_run(kept(faster), results=tmp_path / "results")
    written = opened.report(tmp_path / "report.json")
    assert json.loads(written.read_text())["sentence"] == opened.result.sentence
    with pytest.raises(perfproof.UsageError, match="no report format"):
        opened.report(tmp_path / "report.doc")


def test_a_history_is_a_table_of_every_metric_and_request(tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    with Store.open(f"sqlite:///{results / 'perfproof.db'}", results=results) as store:
        fill(store, results, runs=12, names=("list",), step=6)
    history = perfproof.open_history(results=results)
    assert history.scenario == "projects"
    table = history.rows()
    assert {"latency_p50", "latency_p95"} <= set(table["metric"])
    p50 = table.query("metric == 'latency_p50' and request == 'list'")
    assert len(p50) == p50["run"].nunique() > 5
    only = perfproof.open_history("projects", request="list", limit=5, results=results).rows()
    assert set(only["request"]) == {"list"}
    assert only["run"].nunique() <= 5
    listed = perfproof.list_runs(results=results, limit=3)
    assert list(listed.columns) == list(perfproof.frames.COLUMNS["runs"])
    assert len(listed) == 3
    assert listed["started_at"].is_monotonic_decreasing


def test_an_arm_that_is_not_there_is_named(tmp_path):
    file = tmp_path / "shop.yaml"
    file.write_text("name: shop\nservice: {command: serve, health: /}\nrequests: [{get: /}]\n")
    with pytest.raises(perfproof.UsageError, match="no arm 'nightly'"):
        perfproof.run(file, arm="nightly", results=tmp_path / "results")


def test_a_scenario_shown_in_a_notebook_shows_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_PASSWORD", "s3same-open")
    file = tmp_path / "shop.yaml"
    file.write_text(
        "name: shop\nservice: {command: serve, environment: {KEY: '${SHOP_PASSWORD}'}, health: /}\n"
        "requests: [{get: /, headers: {Authorization: 'Bearer ${SHOP_PASSWORD}'}}]\n"
    )
    assert "s3same-open" not in repr(perfproof.read_scenario(file))


def test_what_ended_a_measurement_early_is_raised_and_the_finished_rounds_are_kept(kept, faster, monkeypatch, tmp_path):
    folder = kept(faster)
    problem = perfproof.ServiceError("the candidate died")
    measured = Measured(replace(faster.info, status="failed"), folder, analyse(faster, ()), problem)
    monkeypatch.setattr(api.Session, "measure", lambda *_: measured)
    file = tmp_path / "shop.yaml"
    file.write_text("name: shop\nservice: {command: serve, health: /}\nrequests: [{get: /}]\n")
    with pytest.raises(perfproof.ServiceError, match="the candidate died"):
        perfproof.ab(file, results=folder.parent)
    assert perfproof.open_run("last", results=folder.parent).result.rounds == 6


def test_the_fixture_fails_the_test_when_the_measurement_ended_early(kept, faster, monkeypatch, tmp_path):
    folder = kept(faster)
    measured = Measured(faster.info, folder, analyse(faster, ()), perfproof.ServiceError("the candidate died"))
    monkeypatch.setattr(api.Session, "measure", lambda *_: measured)
    (tmp_path / "shop.yaml").write_text("name: shop\nservice: {command: serve, health: /}\nrequests: [{get: /}]\n")
    fixture = pytest_plugin.Perfproof(tmp_path, folder.parent, {})
    with pytest.raises(pytest.fail.Exception, match="the candidate died"):
        fixture.ab("shop.yaml")


SHOP = """\
name: shop
service:
  directory: SHOPS
  prepare: "{python} seed.py FOLDER/shop-{arm}.db"
  health: /health
arms:
  baseline: {command: "{python} shop_stdlib.py {port} FOLDER/shop-baseline.db html_not_found"}
  candidate: {command: "{python} shop_stdlib.py {port} FOLDER/shop-candidate.db"}
requests: [{name: products, get: /products}]
claims:
  - {claim: Errors have one format, metric: error_shape, target: 100%}
"""


@pytest.mark.server
@pytest.mark.timeout(180)
def test_claims_are_proven_and_checks_are_made_from_the_library(tmp_path, monkeypatch):
    warm.lend_load_processes(monkeypatch.setattr)
    file = tmp_path / "shop.yaml"
    file.write_text(SHOP.replace("SHOPS", str(corpus.SHOPS)).replace("FOLDER", str(tmp_path)))
    proven = perfproof.prove(file, results=tmp_path / "results")
    assert [(each.claim.text, each.state) for each in proven.result.proofs] == [("Errors have one format", "proven")]
    assert perfproof.open_run("last", results=tmp_path / "results").result == proven.result
    checked = perfproof.run_checks(file, only=["error_contract"], arm="baseline", results=tmp_path / "results")
    assert checked.result.arms == ("baseline",)
    assert [each.state for each in checked.result.proofs] == ["refuted"]
    with pytest.raises(perfproof.UsageError, match="no check 'hats'"):
        perfproof.run_checks(file, only=["hats"], results=tmp_path / "results")
    with pytest.raises(perfproof.UsageError, match="needs a reset"):
        perfproof.run_checks(file, writes=True, results=tmp_path / "results")
    file.write_text(file.read_text()[: file.read_text().index("claims:")])
    with pytest.raises(perfproof.UsageError, match="claims nothing"):
        perfproof.prove(file, results=tmp_path / "results")
