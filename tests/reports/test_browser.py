"""The page in a real browser: nothing is asked for, nothing complains, links open what they lead to, it prints."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import builders
import pytest

from perfproof.reports import write

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
    "--host-resolver-rules=MAP * ~NOTFOUND",
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


def run(chromium: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    profile = folder / "profile"
    command = [chromium, *FLAGS, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)


def visit(chromium: str, folder: Path, address: str) -> Visit:
    log = folder / "net.json"
    done = run(chromium, folder, f"--log-net-log={log}", "--virtual-time-budget=2000", "--dump-dom", address)
    messages = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Visit(done.stdout, messages, requested(json.loads(log.read_text(encoding="utf-8"))))


def requested(log: dict[str, Any]) -> set[str]:
    """Return every address that a page asked for; the browser's own errands have no origin and are not counted."""
    kind = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    started = [event["params"] for event in log["events"] if event["type"] == kind and "url" in event.get("params", {})]
    return {asked["url"] for asked in started if asked.get("initiator") != "not an origin"}


@pytest.mark.parametrize("make", [builders.make_result, builders.make_hostile], ids=["ab", "hostile"])
def test_the_page_asks_for_nothing_and_the_console_stays_silent(make: Any, chromium: str, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write(make(), page)
    seen = visit(chromium, tmp_path, page.as_uri())
    assert 'id="verdict"' in seen.dom
    assert "<script" not in seen.dom
    assert seen.messages == []
    assert seen.addresses == set()


def test_these_checks_would_notice_a_request_and_a_complaint(chromium: str, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text("<img src='http://perfproof.invalid/x.png'><script>console.error('oh')</script>", encoding="utf-8")
    seen = visit(chromium, tmp_path, page.as_uri())
    assert "http://perfproof.invalid/x.png" in seen.addresses
    assert any("oh" in message for message in seen.messages)


def test_a_link_to_a_detail_opens_it(chromium: str, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write(builders.make_result(), page)
    assert visit(chromium, tmp_path, page.as_uri()).dom.count('<details class="detail" open="">') == 1
    assert visit(chromium, tmp_path, page.as_uri() + "#d3").dom.count('<details class="detail" open="">') == 2


def test_the_printed_page_is_a4_and_shows_every_detail(chromium: str, tmp_path: Path) -> None:
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.skip("pdftotext is not installed")
    page, printed = tmp_path / "report.html", tmp_path / "report.pdf"
    write(builders.make_result(), page)
    run(chromium, tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={printed}", page.as_uri())
    text = subprocess.run([reader, "-layout", printed, "-"], capture_output=True, text=True, check=True).stdout
    assert text.count("How latencies are spread") == 7
    assert "Goal missed" in text
    # A4 in points is 595 × 842; the PDF says so itself.
    assert b"/MediaBox [0 0 594" in printed.read_bytes() or b"/MediaBox [0 0 595" in printed.read_bytes()
