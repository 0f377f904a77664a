"""What the pages show, on SQLite and PostgreSQL, through a real server."""

from __future__ import annotations

import html
import re
from pathlib import Path

import httpx
import pytest
from boards import EVIL, Board, keep

from perfproof.store.repository import Store
from perfproof.store.summary import RunFilter
from perfproof.why.page import script
from serving import served


def ids(text: str) -> list[str]:
    return [html.unescape(found) for found in re.findall(r'name="baseline" value="([^"]+)"', text)]


def test_runs_are_listed_newest_first_a_page_at_a_time(board: Board) -> None:
    newest = [run.id for run in board.store.runs(limit=100)]
    first, second = board.read("/runs"), board.read("/runs?page=2")
    assert ids(first) + ids(second) == newest
    assert len(ids(first)) == 25
    assert 'href="/runs?page=2"' in first
    assert "older" not in second
    assert ids(board.read("/runs?page=999")) == ids(second)
    assert ids(board.read("/runs?page=-1")) == ids(board.read("/runs?page=x")) == ids(first)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("scenario=projects&branch=faster-lists", RunFilter(scenario="projects", branch="faster-lists")),
        ("label=nightly&verdict=regressed", RunFilter(label="nightly", verdict="regressed")),
        ("verdict=regressed", RunFilter(verdict="regressed")),
        ("branch=%27+OR+1%3D1", RunFilter(branch="' OR 1=1")),
    ],
)
def test_filters_narrow_the_list_and_stay_chosen(board: Board, query: str, wanted: RunFilter) -> None:
    text = board.read(f"/runs?{query}")
    assert len(ids(text)) == min(board.store.count(wanted), 25)
    for chosen in (wanted.scenario, wanted.branch, wanted.label, wanted.verdict):
        if chosen and "'" not in chosen:
            assert f'<option value="{chosen}" selected>' in text


def test_the_sentence_is_the_stored_one_to_the_letter(board: Board) -> None:
    run = next(run for run in board.store.runs(limit=100) if run.verdict == "regressed")
    assert run.sentence is not None
    # Spaces between numbers and units may not break.
    listed, shown = (
        board.read(path).replace("\N{NO-BREAK SPACE}", " ") for path in ("/runs?verdict=regressed", f"/runs/{run.id}")
    )
    assert html.escape(run.sentence) in listed
    assert f">{html.escape(run.sentence)}</h1>" in shown


def test_a_run_shows_its_figures_where_they_come_from_and_its_names(board: Board) -> None:
    info = board.infos[28]
    board.store.set_baseline("main", info.id)
    text = board.read(f"/runs/{info.id}")
    assert "What decided it" in text
    assert info.revision is not None
    assert info.revision.commit in text
    assert "✗ regressed" in text
    assert re.search(r"baseline name</th><td>main<", text)
    assert f"baseline={board.infos[27].id}" in text


def test_a_run_whose_directory_is_elsewhere_says_so_and_shows_what_the_store_knows(board: Board) -> None:
    info = board.infos[0]
    text = board.read(f"/runs/{info.id}")
    assert "not on this machine" in text
    assert "/report" not in text
    answer = board.get(f"/runs/{info.id}/report")
    assert answer.status_code == 404
    assert "is not on this machine" in answer.text


def test_a_kept_report_is_served_as_it_is_and_may_do_nothing(board: Board) -> None:
    keep(board, board.infos[2], "<h1>kept</h1><script>alert(1)</script>")
    assert f"{board.infos[2].id}/report" in board.read(f"/runs/{board.infos[2].id}")
    answer = board.get(f"/runs/{board.infos[2].id}/report")
    assert answer.text == "<h1>kept</h1><script>alert(1)</script>"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-downloads; default-src 'none'")
    assert "script-src" not in policy
    assert "allow-scripts" not in policy


def test_a_report_that_is_a_link_to_somewhere_else_is_not_followed(board: Board, tmp_path: Path) -> None:
    (tmp_path / "secret.html").write_text("hunter2")
    folder = keep(board, board.infos[4], "")
    (folder / "report.html").unlink()
    (folder / "report.html").symlink_to(tmp_path / "secret.html")
    assert "hunter2" not in board.get(f"/runs/{board.infos[4].id}/report").text


def test_trends_show_every_metric_with_its_change_and_commits(board: Board) -> None:
    text = board.read("/trends?scenario=projects")
    assert text.count('class="trend"') == len(board.store.history("projects", request="all"))
    (before, after) = (board.infos[at].revision for at in (27, 28))
    assert before is not None
    assert after is not None
    assert f"commits {before.commit[:7]}..{after.commit[:7]}" in text
    assert "2 stretches that must not be held against each other" in text
    assert f'href="/runs/{board.infos[28].id}"' in text
    one = board.read("/trends?scenario=projects&request=dashboard&branch=main&last=25")
    assert '<option value="dashboard" selected>' in one
    assert "25 runs" in one


def test_trends_begin_with_the_newest_runs_scenario_and_know_unknown_ones(board: Board) -> None:
    assert "<h1>Trends of projects</h1>" in board.read("/trends")
    assert board.get("/trends?scenario=nothing").status_code == 404
    assert "Nothing was recorded" in board.read("/trends?scenario=projects&request=nothing")


def test_two_runs_can_be_chosen_for_a_comparison(board: Board) -> None:
    old, new = board.infos[3].id, board.infos[5].id
    text = board.read(f"/compare?baseline={old}&candidate={new}&choose=1")
    assert text.count(" selected>") == 2
    assert f'<option value="{old}" selected>' in text
    assert 'name="baseline" required' in board.read("/compare")
    answer = board.get(f"/compare?baseline={old}&candidate={new}")
    assert answer.status_code == 404
    assert "is not on this machine" in answer.text


def test_what_is_not_there_is_told_without_a_traceback(board: Board) -> None:
    for path in ("/runs/nope", "/runs/nope/report", "/nope", "/compare?baseline=nope&candidate=last", "/runs/%00"):
        answer = board.get(path)
        assert answer.status_code == 404, path
        assert "Traceback" not in answer.text
        assert "text/html" in answer.headers["content-type"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(board: Board, method: str) -> None:
    for path in ("/", "/runs", f"/runs/{board.infos[0].id}", "/trends", "/compare"):
        assert board.client.request(method, path).status_code == 405
    assert board.store.count() == len(board.infos)


def test_markup_in_names_is_shown_and_never_meant(board: Board) -> None:
    evil = f"/trends?scenario={EVIL.replace('&', '%26')}"
    for path in ("/", "/runs?page=2", "/compare", "/trends", evil, "/runs?label=" + EVIL):
        text = board.get(path).text
        assert "<script>" not in text
        assert "<img" not in text
    link = next(found for found in re.findall(r'href="(/runs/[^"]+)"', board.read("/runs?page=2")) if "script" in found)
    assert "&lt;script&gt;" in board.read(html.unescape(link))
    assert "&lt;script&gt;" in board.read("/runs?page=2")


def test_an_empty_store_says_what_to_do(tmp_path: Path) -> None:
    with (
        Store.open(f"sqlite:///{tmp_path}/perfproof.db") as store,
        served(store) as address,
        httpx.Client(base_url=address) as client,
    ):
        assert "No runs are recorded yet" in client.get("/").text
        assert "No runs are recorded yet" in client.get("/runs").text
        assert "Nothing was recorded" in client.get("/trends").text
        assert "No runs are recorded yet" in client.get("/compare").text


def test_a_report_is_served_without_the_script_that_its_sandbox_would_not_run(board: Board) -> None:
    keep(board, board.infos[6], f"<h1>kept</h1><script>{script()}</script>")
    assert board.get(f"/runs/{board.infos[6].id}/report").text == "<h1>kept</h1>"
