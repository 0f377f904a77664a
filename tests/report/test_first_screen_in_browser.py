"""The first screen in a real browser: it fits, no word is torn, and axe finds nothing, light, dark and printed."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pytest
import states
from PIL import Image, ImageStat

import browsing
from perfproof.model.result import Comparability, Fact
from perfproof.report import write

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SCREENS = ((1280, 800), (390, 844))
BOTTOM = "Math.ceil(document.querySelector('.first').getBoundingClientRect().bottom)"
WIDE = "document.documentElement.scrollWidth"
OUTSIDE = """[...document.querySelectorAll('.first *')]
  .filter(each => !each.classList.contains('hidden') && each.getClientRects().length)
  .filter(each => each.getBoundingClientRect().right > innerWidth + 0.5).map(each => each.outerHTML.slice(0, 90))"""
TORN = """(() => {
  const torn = [];
  const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode;
    if (!node.parentElement.closest('.facts, .figures, .tiles, .bars, .promises')) continue;
    for (const found of node.data.matchAll(/[A-Za-z]{2,18}(?![A-Za-z])/g)) {
      if (/[A-Za-z]/.test(node.data[found.index - 1] || '')) continue;
      const range = document.createRange();
      range.setStart(node, found.index);
      range.setEnd(node, found.index + found[0].length);
      const tops = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
      if (tops.size > 1) torn.push(found[0]);
    }
  }
  return torn;
})()"""
"""Words of letters, no longer than 18, that stand on more than one line."""


@pytest.fixture(scope="module")
def axe() -> str:
    return browsing.axe()


def opened(name: str, page: browsing.Page, folder: Path) -> None:
    file = folder / "report.html"
    write(states.STATES[name](), file)
    page.open(file.as_uri())


@pytest.mark.parametrize("name", states.STATES)
def test_it_fits_a_laptop_and_a_phone_and_axe_finds_nothing(
    name: str, page: browsing.Page, axe: str, tmp_path: Path
) -> None:
    page.size(*SCREENS[0])
    opened(name, page, tmp_path)
    for width, height in SCREENS:
        page.size(width, height)
        assert page.run(BOTTOM) <= height, f"{name} needs scrolling at {width} x {height}"
        assert page.run(WIDE) <= width
        assert page.run(OUTSIDE) == []
        assert page.run(TORN) == []
        browsing.without_what_is_folded(page)  # test_accessibility.py has it looked at
        assert [found.breaches for found in browsing.light_and_dark(page, axe)] == [[], []]
    assert page.requests == [(tmp_path / "report.html").as_uri()]
    assert page.complaints == []


def test_no_word_is_torn_in_the_tables_of_a_phone(page: browsing.Page, tmp_path: Path) -> None:
    counted = "6 opened for 142 requests, {} ms each, which is part of their latency"
    facts = (
        Fact("connections", counted.format("0.129"), counted.format("2.17")),
        Fact("env DATABASE_CONNECTION_POOL_SIZE", "sqlite:///var/lib/projects/database.sqlite", "5"),
        Fact("being second of a pair costs", "−7.9 % [−67.8 %, +163.6 %]", "nothing"),
    )
    file = tmp_path / "report.html"
    write(states.met(comparability=Comparability(facts)), file)
    for width in (320, 390, 640, 1280):
        page.size(width, 844)
        page.open(file.as_uri())
        assert page.run("document.querySelector('.facts').textContent.includes('connections')")
        assert page.run(TORN) == []
        assert page.run(WIDE) <= width


def test_this_would_notice_a_torn_word_and_a_screen_that_is_too_long(page: browsing.Page, tmp_path: Path) -> None:
    page.size(390, 844)
    opened("met", page, tmp_path)
    page.run("document.querySelector('.tiles .what').style.cssText = 'width: 20px; overflow-wrap: anywhere'; 0")
    page.run("document.querySelector('.first').style.paddingBottom = '700px'; 0")
    assert "Queries" in page.run(TORN)
    assert page.run(BOTTOM) > 844


def test_before_after_and_the_promise_are_told_apart_in_grey(page: browsing.Page, tmp_path: Path) -> None:
    page.size(1280, 800)
    opened("met", page, tmp_path)
    page.run("document.documentElement.style.filter = 'grayscale(1)'; 0")
    shown = Image.open(io.BytesIO(page.picture())).convert("L")
    bright = {}
    for name in ("before", "after", "band"):
        box = page.run(
            f"(() => {{ const b = document.querySelector('.track .{name}').getBoundingClientRect();"
            " return [b.left, b.top, b.right, b.bottom]; })()"
        )
        left, top, right, bottom = (int(each) for each in box)
        part = (left + 2, top + 2, min(left + 30, right - 2), bottom - 2)
        bright[name] = ImageStat.Stat(shown.crop(part)).mean[0]
    assert bright["before"] - bright["after"] > 60
    assert bright["before"] - bright["band"] > 10


def test_the_first_printed_page_answers_and_keeps_the_bars(page: browsing.Page, tmp_path: Path) -> None:
    reader = shutil.which("pdftotext") or browsing.wanted("pdftotext")
    opened("met", page, tmp_path)
    printed = tmp_path / "report.pdf"
    printed.write_bytes(page.printed())
    said = subprocess.run([reader, "-l", "1", "-layout", printed, "-"], capture_output=True, text=True, check=True)
    text = " ".join(said.stdout.split())
    for shown in ("reached 63 %", "promised: 20–30 % shorter", "How sure? Sure", "Queries, list projects", "as before"):
        assert shown in text
