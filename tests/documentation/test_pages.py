"""The tutorial and the how-to pages are run from top to bottom, as their readers would.

What a busy machine measures in two rounds is not judged; that the commands work, and what is counted exactly, is. So
real load is sent where a page is about it, in the tutorial, the notebook and beside Locust.
"""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from documentation.pages import ROOT, databases, run_page

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]


def said(name: str, folder: Path, *, load: bool = False) -> str:
    """Run a page in a folder of its own, with the database that it needs; return what its commands printed."""
    (folder / "shop").mkdir()
    page = ROOT / "docs" / f"{name}.md"
    with ExitStack() as stack:
        environ = databases(page, stack)
        return "\n".join(done.stdout for _, done in run_page(page, folder / "shop", environ, load=load))


def test_the_tutorial_goes_from_nothing_to_a_verdict(tmp_path):
    told = said("tutorial", tmp_path, load=True)
    folder = tmp_path / "shop"
    assert "limit" in (folder / "perfproof.yaml").read_text()
    assert (folder / "report.html").stat().st_size > 50_000
    assert (folder / "slide.png").is_file()
    assert "101 → 2" in told  # queries of the list, counted exactly
    assert not list(folder.glob("*.partial"))


def test_the_page_about_fastapi_proves_the_n_plus_one_and_that_it_went(tmp_path):
    told = said("howto/fastapi", tmp_path)
    assert "N+1" in told
    assert "2 → 11 → 21 → 51 queries" in told
    assert "2 → 2 → 2 → 2 queries" in told


def test_the_page_about_django_proves_the_n_plus_one_and_that_it_went(tmp_path):
    told = said("howto/django", tmp_path)
    assert "N+1" in told
    assert "3 → 12 → 22 → 52 queries" in told
    assert "3 → 3 → 3 → 3 queries" in told


def test_the_page_about_node_measures_two_folders(tmp_path):
    if shutil.which("node") is None:
        pytest.skip("needs Node")
    if not any((Path(each) / "express").is_dir() for each in os.environ.get("NODE_PATH", "").split(os.pathsep) if each):
        pytest.skip("needs express in NODE_PATH")
    assert "p50 latency" in said("howto/node", tmp_path)


@pytest.mark.database
def test_the_page_about_postgresql_counts_at_the_server(tmp_path):
    told = said("howto/postgresql", tmp_path)
    assert "pg_stat_statements" in told
    assert "2 → 11 → 21 → 51 queries" in told
    assert "1 → 1 → 1 → 1 queries" in told


@pytest.mark.database
def test_the_page_about_mariadb_counts_at_the_server(tmp_path):
    told = said("howto/mariadb", tmp_path)
    assert "performance_schema" in told
    assert "2 → 11 → 21 → 51 queries" in told
    assert "2 → 2 → 2 → 2 queries" in told


def test_the_page_about_sqlite_compares_with_and_without_an_index(tmp_path):
    assert "p50 latency" in said("howto/sqlite", tmp_path)


def test_the_page_about_locust_runs_its_file_as_it_is(tmp_path):
    told = said("howto/locust", tmp_path, load=True)
    assert "Visitor" in told
    assert "/items/[id]" in told


def test_the_page_about_k6_takes_requests_and_thresholds_from_the_script(tmp_path):
    told = said("howto/k6", tmp_path)
    assert "/items?limit={limit}" in told
    assert "latency_p95: 200ms" in told


def test_the_page_about_notebooks_runs_its_cells(tmp_path):
    told = said("howto/notebooks", tmp_path, load=True)
    assert "latency_p50" in told
    assert "candidate" in told
