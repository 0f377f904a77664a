"""The pages in a real browser: nothing is asked of anyone else, nothing complains, links and forms work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from filled import fill, make_result
from perfproof.evidence.directory import RunDirectory
from perfproof.reports import write
from perfproof.store.repository import Store
from serving import served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--enable-logging=stderr",
)


@dataclass(frozen=True)
class Visit:
    dom: str
    messages: list[str]
    addresses: set[str]


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        if os.environ.get("PERFPROOF_NO_SKIP") == "1":
            pytest.fail("chromium is not installed, but PERFPROOF_NO_SKIP=1 asks for every test")
        pytest.skip("chromium is not installed")
    return found


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("board")
    with Store.open(f"sqlite:///{folder}/perfproof.db", results=folder) as store:
        infos = fill(store, folder, runs=40, step=28, machine=36)
        kept = RunDirectory.create(folder, infos[28], "name: projects\n").path / "report.html"
        write(make_result(infos[28], infos[28].requests, 1.2, np.random.default_rng(1), True), kept)
        with served(store) as address:
            yield address


def run(chromium: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [chromium, *FLAGS, f"--user-data-dir={folder / 'profile'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)


def visit(chromium: str, folder: Path, page: str) -> Visit:
    log = folder / "net.json"
    done = run(chromium, folder, f"--log-net-log={log}", "--virtual-time-budget=2000", "--dump-dom", page)
    messages = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    noted = json.loads(log.read_text(encoding="utf-8"))
    kind = noted["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    started = [e["params"] for e in noted["events"] if e["type"] == kind and "url" in e.get("params", {})]
    asked = {each["url"] for each in started if each.get("initiator") != "not an origin"}
    return Visit(done.stdout, messages, asked)


PATHS = ["/", "/runs/20260829-061500-projects-001c", "/trends", "/compare", "/nope"]


@pytest.mark.parametrize("path", PATHS)
def test_a_page_asks_for_its_style_sheet_only_and_the_console_stays_silent(
    path: str, address: str, chromium: str, tmp_path: Path
) -> None:
    seen = visit(chromium, tmp_path, address + path)
    assert "Made by perfproof" in seen.dom
    complaints = [line for line in seen.messages if not (path == "/nope" and "404" in line)]
    assert complaints == []
    assert seen.addresses == {f"{address}/style.css"}


def test_a_report_under_the_dashboards_headers_asks_for_nothing_and_looks_as_ever(
    address: str, chromium: str, tmp_path: Path
) -> None:
    page = f"{address}/runs/20260829-061500-projects-001c/report"
    seen = visit(chromium, tmp_path, page)
    assert "Regressed: p95 of all requests" in seen.dom
    assert seen.messages == []
    assert seen.addresses == set()
    shot = tmp_path / "report.png"
    run(chromium, tmp_path, "--window-size=800,600", f"--screenshot={shot}", page)
    with Image.open(shot) as picture:
        colours = picture.convert("RGB").getcolors(1 << 20)
    assert colours is not None
    assert any(colour == (0xFD, 0xEB, 0xDF) for _, colour in colours), "the verdict has its ground: styles apply"


@pytest.mark.parametrize("path", PATHS)
def test_nothing_reaches_over_the_edge_of_a_phone(path: str, address: str, chromium: str, tmp_path: Path) -> None:
    """The page keeps 16 pixels clear on the right; what is too wide would be drawn there."""
    shot = tmp_path / "phone.png"
    run(chromium, tmp_path, "--window-size=400,2400", f"--screenshot={shot}", address + path)
    with Image.open(shot) as picture:
        shown = picture.convert("RGB")
    assert shown.size == (400, 2400)
    paper = shown.getpixel((2, 2))
    assert shown.crop((387, 0, 400, 2400)).getcolors() == [(13 * 2400, paper)]
    assert len(shown.getcolors(1 << 20) or ()) > 20, "the page is empty"


@pytest.mark.parametrize(("scheme", "dark"), [("0", True), ("1", False)])
def test_the_page_follows_light_and_dark(scheme: str, dark: bool, address: str, chromium: str, tmp_path: Path) -> None:
    shot = tmp_path / "scheme.png"
    run(
        chromium,
        tmp_path,
        f"--blink-settings=preferredColorScheme={scheme}",
        f"--screenshot={shot}",
        f"{address}/trends",
    )
    with Image.open(shot) as picture:
        corner = picture.convert("L").getpixel((2, 2))
    assert isinstance(corner, int)
    assert (corner < 64) is dark


def test_a_printed_history_fits_a_few_sheets(address: str, chromium: str, tmp_path: Path) -> None:
    counter = shutil.which("pdfinfo")
    if counter is None:
        pytest.skip("pdfinfo is not installed")
    printed = tmp_path / "trends.pdf"
    run(chromium, tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={printed}", f"{address}/trends")
    said = subprocess.run([counter, printed], capture_output=True, text=True, check=True).stdout
    pages = int(said.split("Pages:")[1].split()[0])
    assert pages <= 10
