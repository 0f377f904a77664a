"""The page in a real browser: nothing is asked for, nothing complains, links open what they lead to, it prints."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import builders
import pytest

from browsing import Page, wanted
from perfproof.report import write

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

OPENED = "document.querySelectorAll('details.detail[open]').length"


@pytest.mark.parametrize("make", [builders.make_result, builders.make_hostile], ids=["ab", "hostile"])
def test_the_page_asks_for_nothing_and_the_console_stays_silent(make: Any, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    write(make(), file)
    page.open(file.as_uri())
    assert page.run("document.getElementById('verdict') !== null")
    assert page.run("document.scripts.length") == 0
    assert page.complaints == []
    assert page.dialogs == []
    assert page.requests == [file.as_uri()]


def test_these_checks_would_notice_a_request_and_a_complaint(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    file.write_text("<img src='http://perfproof.invalid/x.png'><script>console.error('oh')</script>", encoding="utf-8")
    page.open(file.as_uri())
    assert "http://perfproof.invalid/x.png" in page.requests
    assert any("oh" in complaint for complaint in page.complaints)


def test_a_link_to_a_detail_opens_it(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    write(builders.make_result(), file)
    page.open(file.as_uri())
    assert page.run(OPENED) == 1
    page.run("document.querySelector('a[href=\"#d3\"]').click(); new Promise(done => setTimeout(done, 200))")
    assert page.run(OPENED) == 2


def test_the_printed_page_is_a4_and_shows_every_detail(page: Page, tmp_path: Path) -> None:
    reader = shutil.which("pdftotext") or wanted("pdftotext")
    file, printed = tmp_path / "report.html", tmp_path / "report.pdf"
    write(builders.make_result(), file)
    page.open(file.as_uri())
    printed.write_bytes(page.printed())
    text = subprocess.run([reader, "-layout", printed, "-"], capture_output=True, text=True, check=True).stdout
    assert text.count("How latencies are spread") == 7
    assert "Goal missed" in text
    # A4 in points is 595 × 842; the PDF says so itself.
    assert b"/MediaBox [0 0 594" in printed.read_bytes() or b"/MediaBox [0 0 595" in printed.read_bytes()
