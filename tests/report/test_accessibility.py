"""The page to readers who do not see it, see it dark, print it or lack colours: axe finds no breach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import builders
import pytest

import browsing
from perfproof.report import write

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180), pytest.mark.xdist_group("pages of reports")]

KINDS: dict[str, Any] = {  # test_first_screen_in_browser.py asks the same of every state that a first screen has
    "run": builders.make_run,
    "noise": builders.make_noise,
    "invalid": builders.make_invalid,
    "empty": builders.make_empty,
    "hostile": builders.make_hostile,
    "ab": lambda: builders.make_result(queries=(builders.QUERIES,)),  # with all it can hold
}
OPEN_ALL = "document.querySelectorAll('details').forEach(each => each.open = true); 0"


@pytest.fixture(scope="module")
def axe() -> str:
    return browsing.axe()


@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing_in_the_report_in_light_and_dark(
    kind: str, page: browsing.Page, axe: str, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    write(KINDS[kind](), file)
    page.open(file.as_uri())
    assert page.requests == [file.as_uri()]
    page.run(OPEN_ALL)
    for found in browsing.light_and_dark(page, axe):
        assert found.breaches == []
        assert found.score >= 95
    assert page.requests == [file.as_uri()]
    assert page.complaints == []
    assert page.dialogs == []


def test_this_check_would_notice_a_breach_a_request_and_a_dialog(page: browsing.Page, axe: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    file.write_text(
        "<html lang='en'><title>bad</title><main><h1>Bad</h1><p style='color:#eee;background:#fff'>pale</p>"
        "<ul><li>a</li></ul><a href='#x'>x</a><button>b</button>"
        "<img src='http://perfproof.invalid/x.png'></main><script>alert(7); console.error('oh')</script>",
        encoding="utf-8",
    )
    page.open(file.as_uri())
    found = browsing.accessibility(page, axe)
    assert {breach.split()[0] for breach in found.breaches} >= {"color-contrast", "image-alt"}
    assert found.score < 95
    assert "http://perfproof.invalid/x.png" in page.requests
    assert page.dialogs == ["7"]
    assert page.complaints
