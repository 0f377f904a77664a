"""Every page of the dashboard, looked at by axe in light and dark; nothing planted in it runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from boards import EVIL

import browsing
import warm
from filled import fill, one_of_each_kind
from perfproof.store.repository import Store
from serving import served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

OPEN_ALL = "document.querySelectorAll('details').forEach(each => each.open = true); 0"
RUN = "20260821-061500-projects-0014"
PATHS = {
    "lately": "/",
    "runs": "/runs",
    "runs filtered to none": "/runs?branch=nowhere",
    "a run": f"/runs/{RUN}",
    "trends": "/trends",
    "trends of one request": "/trends?scenario=projects&request=dashboard",
    "hostile trends": f"/trends?scenario={quote(EVIL, safe='')}",
    "compare": "/compare",
    "compare within a scenario": "/compare?scenario=projects",
    "a comparison of what differs": f"/compare?baseline={RUN}&candidate=20260827-061500-projects-001a&choose=1",
    "a choice to compare": f"/compare?baseline={RUN}&candidate=last&choose=1",
    "no such page": "/nope",
    "a run that is not there": "/runs/nothing",
}


@pytest.fixture(scope="module")
def axe() -> str:
    return browsing.axe()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("board")
    with Store.open(f"sqlite:///{folder}/perfproof.db", results=folder) as store:
        # Every kind of element is there with a sixth of the metrics, and axe takes a minute for a page of all of them;
        # with 30 runs there is a second page of them, and both changes.
        metrics = one_of_each_kind()
        infos = fill(store, folder, runs=30, step=20, machine=26, metrics=metrics)
        store.set_baseline("main", infos[15].id)
        fill(store, folder, runs=6, scenario=EVIL, names=(EVIL,), seed=2, metrics=metrics)
        with served(store) as address:
            yield address


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_axe_finds_nothing_and_only_the_style_sheet_is_asked_for(
    path: str, address: str, browser: browsing.Browser, axe: str
) -> None:
    page = browser.new_page()
    try:
        page.open(address + path)
        page.run(OPEN_ALL)
        for found in browsing.light_and_dark(page, axe):
            assert found.breaches == []
            assert found.score >= 95
        assert {each.removeprefix(address) for each in page.requests} == {path, "/style.css"}
        assert [text for text in page.complaints if "404" not in text] == []
        assert page.dialogs == []
    finally:
        page.close()


@pytest.mark.parametrize("runs", [0, 1])
def test_a_store_that_is_empty_or_holds_one_run_is_as_good(
    runs: int, browser: browsing.Browser, axe: str, tmp_path
) -> None:
    with Store.open(f"sqlite:///{tmp_path}/perfproof.db", results=tmp_path) as store, served(store) as address:
        fill(store, tmp_path, runs=runs, metrics=one_of_each_kind())
        page = browser.new_page()
        for path in ("/", "/runs", "/trends", "/compare"):
            page.open(address + path)
            assert [found.breaches for found in browsing.light_and_dark(page, axe)] == [[], []], path
        page.close()


def test_a_history_page_of_the_command_line_is_as_good(browser: browsing.Browser, axe: str, tmp_path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/perfproof.db", results=tmp_path) as store:
        fill(store, tmp_path, runs=30, step=20, machine=26, metrics=one_of_each_kind())
    written = warm.perfproof(
        "history", "projects", "--results", str(tmp_path), "-o", str(tmp_path / "h.html"),
        environ={**os.environ}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert written.wait(100) == 0
    page = browser.new_page()
    page.open((tmp_path / "h.html").as_uri())
    page.run(OPEN_ALL)
    assert [found.breaches for found in browsing.light_and_dark(page, axe)] == [[], []]
    assert len(page.requests) == 1
    page.close()
