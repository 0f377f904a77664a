"""The pages in a real browser: nothing is asked of anyone else, nothing complains, links and forms work."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from browsing import Browser, Page, wanted
from filled import fill, make_result
from perfproof.evidence.directory import RunDirectory
from perfproof.model.metrics import METRICS
from perfproof.report import write
from perfproof.store.repository import Store
from serving import served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("board")
    with Store.open(f"sqlite:///{folder}/perfproof.db", results=folder) as store:
        infos = fill(store, folder, runs=40, step=28, machine=36)
        kept = RunDirectory.create(folder, infos[28], "name: projects\n").path / "report.html"
        write(make_result(infos[28], infos[28].requests, 1.2, np.random.default_rng(1), True), kept)
        with served(store) as address:
            yield address


def picture(page: Page) -> Image.Image:
    return Image.open(io.BytesIO(page.picture())).convert("RGB")


PATHS = ["/", "/runs", "/runs/20260829-061500-projects-001c", "/trends", "/compare", "/nope"]


@pytest.mark.parametrize("path", PATHS)
def test_a_page_asks_for_its_style_sheet_only_and_the_console_stays_silent(path: str, address: str, page: Page) -> None:
    page.open(address + path)
    assert "Made by perfproof" in page.run("document.body.innerText")
    assert [each for each in page.complaints if not (path == "/nope" and "404" in each)] == []
    assert sorted(page.requests) == sorted([address + path, f"{address}/style.css"])


def test_a_report_under_the_dashboards_headers_asks_for_nothing_and_looks_as_ever(address: str, page: Page) -> None:
    report = f"{address}/runs/20260829-061500-projects-001c/report"
    page.open(report)
    assert "Regressed: p95 of all requests" in page.run("document.body.innerText")
    assert page.complaints == []
    assert page.requests == [report]
    page.size(800, 600)
    colours = picture(page).getcolors(1 << 20)
    assert colours is not None
    assert any(colour == (0xFD, 0xEB, 0xDF) for _, colour in colours), "the verdict has its ground: styles apply"


@pytest.mark.parametrize("path", PATHS)
def test_nothing_reaches_over_the_edge_of_a_phone(path: str, address: str, page: Page) -> None:
    """The page keeps 16 pixels clear on the right; what is too wide would be drawn there, or make it scroll."""
    page.size(400, 2400)
    page.open(address + path)
    assert page.run("document.documentElement.scrollWidth") == 400
    shown = picture(page)
    paper = shown.getpixel((2, 2))
    assert shown.width == 400
    assert shown.crop((387, 0, 400, shown.height)).getcolors() == [(13 * shown.height, paper)]
    assert len(shown.getcolors(1 << 20) or ()) > 20, "the page is empty"


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_first_screen_says_what_changed_how_much_and_whether_it_is_good(
    width: int, height: int, address: str, page: Page
) -> None:
    page.size(width, height)
    page.open(address + "/")
    first = "document.querySelector('.scenario')"
    for part in ("h2 .chip", "h2 a", ".sentence", ".since li"):
        box = page.run(f"(({first}).querySelector('{part}').getBoundingClientRect()).toJSON()")
        assert 0 < box["top"] < box["bottom"] <= height, (part, box)
        assert 0 <= box["left"] < box["right"] <= width, (part, box)


@pytest.fixture(scope="module")
def trends(address: str, browser: Browser) -> Iterator[Page]:
    """The largest page, open, for tests that change nothing in it but how it is shown."""
    page = browser.new_page()
    page.open(f"{address}/trends")
    yield page
    page.close()


def test_intervals_are_drawn_whole_and_never_over_the_edge_of_their_chart(trends: Page) -> None:
    found = trends.run(
        "[...document.querySelectorAll('svg.trend')].map(svg => { const whole = svg.getBoundingClientRect();"
        " const ends = [...svg.querySelectorAll('.interval')].map(each => each.getBoundingClientRect());"
        " return [ends.length, ends.filter(each => each.top < whole.top || each.bottom > whole.bottom).length] })"
    )
    assert len(found) > 5
    assert all(intervals == 40 and outside == 0 for intervals, outside in found), found


@pytest.mark.parametrize("dark", [True, False])
def test_the_page_follows_light_and_dark(dark: bool, trends: Page) -> None:
    trends.look(dark=dark)
    corner = Image.open(io.BytesIO(trends.corner())).convert("L").getpixel((2, 2))
    assert isinstance(corner, int)
    assert (corner < 64) is dark


def test_a_printed_history_fits_a_few_sheets(trends: Page, tmp_path: Path) -> None:
    counter = shutil.which("pdfinfo") or wanted("pdfinfo")
    printed = tmp_path / "trends.pdf"
    printed.write_bytes(trends.printed())
    said = subprocess.run([counter, printed], capture_output=True, text=True, check=True).stdout
    assert int(said.split("Pages:")[1].split()[0]) <= len(METRICS) // 2 + 1, "two charts to a sheet"
