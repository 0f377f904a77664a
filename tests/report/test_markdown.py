from __future__ import annotations

import re
from pathlib import Path

import builders
import pytest
from markdown_it import MarkdownIt

from golden_files import agreed
from perfproof.model.result import Result
from perfproof.report.markdown import to_markdown

RESULTS = [
    builders.make_result(),
    builders.make_run(),
    builders.make_noise(),
    builders.make_invalid(),
    builders.make_empty(),
    builders.make_hostile(),
]

NAMES = ("ab", "run", "noise", "invalid", "empty")


def rendered(text: str) -> str:
    return str(MarkdownIt("gfm-like", {"linkify": False}).render(text))


@pytest.mark.parametrize("result", RESULTS)
def test_every_table_row_has_as_many_cells_as_its_heading(result: Result) -> None:
    html = rendered(to_markdown(result))
    for table in re.findall(r"<table>.*?</table>", html, re.S):
        heads = table.count("<th ") + table.count("<th>")
        for line in re.findall(r"<tr>(.*?)</tr>", table, re.S)[1:]:
            assert line.count("<td") == heads


def test_the_sentence_comes_first_and_can_be_searched() -> None:
    result = RESULTS[0]
    assert f"**{result.sentence}**" in to_markdown(result)
    assert to_markdown(result).index(result.sentence) < 120


def test_hostile_names_are_shown_not_obeyed() -> None:
    text = to_markdown(RESULTS[5])
    assert "<script>" not in text
    assert "\x1b" not in text
    html = rendered(text)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "{{ 7 * 7 }} $x^2$ _a_ %s [bold]b[/bold]" in html


def test_the_page_stays_small_whatever_was_measured() -> None:
    many = builders.make_result([f"request {at}" for at in range(500)])
    assert len(to_markdown(many).encode()) < 30_000
    assert "more rows that decided nothing" in to_markdown(many)


@pytest.mark.parametrize(
    ("name", "result"), list(zip(("ab", "run", "noise", "invalid", "empty"), RESULTS, strict=False))
)
def test_markdown_is_what_was_agreed_on(name: str, result: Result) -> None:
    agreed(to_markdown(result), Path(__file__).parent / "golden" / f"{name}.md")
