"""What was counted of queries, in every report: sizes, slopes, each statement's fate; hostile text stays text."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import builders
import jsonschema
import pytest
from rich.console import Console

from perfproof.model.result import ProbeResult
from perfproof.queries import report
from perfproof.report.json_report import to_document
from perfproof.report.markdown import to_markdown
from perfproof.report.page.html import to_html
from perfproof.report.probe import probe_json, render_probe
from perfproof.report.terminal.full import render

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "result.schema.json").read_text(encoding="utf-8"))
SIZES = builders.SIZES
DETAIL = builders.QUERIES
pytestmark = pytest.mark.xdist_group("pages of reports")  # whose charts are drawn once (conftest.py)
RESULT = replace(builders.make_result(), queries=(DETAIL,))


def printed(result: object, show: object) -> str:
    console = Console(file=io.StringIO(), width=100, no_color=True)
    show(result, console)  # type: ignore[operator]
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_terminal_shows_queries_by_size_and_what_changed() -> None:
    text = printed(RESULT, render)
    assert "list projects  1 → 10 → 50 rows" in text
    assert "baseline   2 → 11 → 51 queries" in text
    assert "candidate  2 → 2 → 2 to 3 queries" in text
    assert "gone: 1 → 10 → 50 | — times, slope 1 → —" in text
    assert "select 1" not in text, "what stays the same and does not grow is no news"


def test_the_page_draws_the_counts_with_their_table_and_keeps_text_text() -> None:
    page = to_html(RESULT)
    assert "Queries by rows returned" in page
    assert "<script" not in page.replace("&lt;script", "")
    assert "&lt;script&gt;alert(1)" in page
    assert "app.py:7 show" in page
    assert "agent 12, database 14" in page
    assert to_html(RESULT) == page, "the same result gives the same bytes"


def test_markdown_tells_what_changed() -> None:
    text = to_markdown(RESULT)
    assert "| list projects | 1 → 10 → 50 rows | baseline | 2 → 11 → 51 |" in text
    assert "gone, 1 → 10 → 50 times before, — after" in text
    assert "<script" not in text


def test_the_json_follows_the_published_schema() -> None:
    document = json.loads(json.dumps(to_document(RESULT)))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    (shown,) = document["queries"]
    assert shown["arms"]["baseline"][2]["queries"] == 51
    assert [each["change"] for each in shown["statements"]] == ["gone", "new", "same"]


def test_a_page_with_many_requests_stays_bounded() -> None:
    many = tuple(replace(DETAIL, request=f"request {n}", statements=DETAIL.statements * 50) for n in range(80))
    page = to_html(replace(RESULT, queries=many))
    assert "and 30 more requests" in page
    assert len(page) < 3_000_000


def test_changed_statements_come_first_and_the_rest_is_counted() -> None:
    detail = replace(DETAIL, statements=(DETAIL.statements[2],) * 20 + DETAIL.statements[:2])
    lines, left_out = report.statement_lines(detail)
    assert [line.change for line in lines[:2]] == ["gone", "new"]
    assert left_out == 22 - report.MAX_STATEMENTS


@pytest.mark.parametrize("broken", [True, False])
def test_a_probe_alone_says_whether_a_budget_broke(broken: bool) -> None:
    budgets = tuple(replace(each, broken=broken) for each in RESULT.budgets[:1])
    probe = ProbeResult(
        "shop", ("baseline",), {"baseline": ("agent",)}, (DETAIL,), (), budgets, RESULT.findings, (), int(broken)
    )
    text = printed(probe, render_probe)
    assert ("BUDGET BROKEN" in text) == broken
    assert json.loads(probe_json(probe))["exit_code"] == int(broken)
