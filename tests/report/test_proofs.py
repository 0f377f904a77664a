"""Claims in every report: a line for each, with what came of it and what of."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from builders import comparison, make_result
from rich.console import Console

from perfproof.model.metrics import ALL
from perfproof.model.policy import GateRule, Policy
from perfproof.model.result import BudgetCheck, Verdict
from perfproof.model.scenario import Budget, Claim, Goal
from perfproof.report import proofs
from perfproof.report.ci.github import annotation_lines
from perfproof.report.ci.markdown import to_gate_markdown
from perfproof.report.json_report import to_document
from perfproof.report.junit import to_junit
from perfproof.report.markdown import to_markdown
from perfproof.report.page.first_screen import first_screen
from perfproof.report.page.html import to_html
from perfproof.report.slide.slide import to_slide
from perfproof.report.terminal.full import render
from perfproof.report.terminal.screen import render_screen
from perfproof.verdict.policy import judge
from perfproof.verdict.proofs import prove

FAST = Goal("latency_p95", 0.2, 0.3)
CLAIMS = (
    Claim("Lists answer 20–30 % faster", goal=FAST),
    Claim("Errors have one format", budget=Budget("error_shape", 1.0)),
    Claim("A deployment fails no request", budget=Budget("failed_requests", 0.0)),
    Claim("The code is smaller", goal=Goal("lines_of_code", 0.1)),
)


def console(width):
    return Console(
        file=io.StringIO(),
        width=width,
        height=24,
        force_terminal=True,
        color_system=None,
        no_color=True,
        legacy_windows=False,
    )


def claimed(**fields):
    rows = (
        replace(comparison("latency_p95", "list projects", 25.3, -0.55, 0.02, goal=FAST), verdict=Verdict.MET),
        replace(comparison("latency_p95", "list records", 20.0, -0.40, 0.02, goal=FAST), verdict=Verdict.MET),
        replace(comparison("error_shape", ALL, 0.4, 0.25, 0.0), ci_low=None, ci_high=None, candidate=0.5),
        replace(
            comparison("lines_of_code", ALL, 120.0, 0.0, 0.0, goal=Goal("lines_of_code", 0.1)),
            verdict=Verdict.INCONCLUSIVE, candidate=None, change=None, ci_low=None, ci_high=None,
            notes=("pygount is not installed",),
        ),
        comparison("memory_peak", ALL, 86e6, 0.21, 0.01, verdict=Verdict.REGRESSED),
    )  # fmt: skip
    budgets = (
        BudgetCheck("error_shape", ALL, "candidate", "ratio", 1.0, 0.5, True),
        BudgetCheck("failed_requests", ALL, "candidate", "count", 0.0, 0.0, False),
    )
    found = prove(CLAIMS, rows, budgets)
    values = {"comparisons": rows, "budgets": budgets, "proofs": found, "exit_code": 1, "verdict": Verdict.REGRESSED}
    return make_result(**(values | fields))


def test_a_line_has_the_sentence_the_state_before_and_after_the_interval_and_where_it_comes_from():
    lines = proofs.lines(claimed())
    assert [line.state for line in lines] == ["proven", "refuted", "proven", "open"]
    first = lines[0]
    assert first.about == "p95 latency of list records, the weakest of 2"
    assert (first.values, first.interval, first.by) == ("20.0 → 12.0 ms", "[−42.0, −38.0]", "timed rounds")
    assert (first.asked, lines[1].asked, lines[2].asked) == ("20–30 % shorter", "100 %", "none")
    assert (lines[1].values, lines[1].interval, lines[1].by) == ("40 → 50 %", "counted", "error contract check")
    assert (lines[2].values, lines[2].by) == ("0", "rollout check")
    assert (lines[3].values, lines[3].why) == ("120 → —", "pygount is not installed")
    assert proofs.tally(claimed()) == ("✗", "2 of 4 claims proven, 1 refuted, 1 open", "bad")


def test_the_refuted_and_the_open_stay_where_there_is_no_room_for_all():
    kept, left = proofs.most_urgent(proofs.lines(claimed()), 2)
    assert ([line.state for line in kept], left) == (["refuted", "open"], 2)


@pytest.mark.parametrize("width", [80, 130])
def test_the_terminal_has_a_line_for_each_on_one_screen(width):
    screen = console(width)
    render_screen(claimed(), screen)
    text = screen.file.getvalue()
    for line in proofs.lines(claimed()):
        shown = next(each for each in text.splitlines() if each.startswith(f"{line.sign} {line.claim[:12]}"))
        assert shown.rstrip().endswith(line.state)
        assert len(shown) <= width
        assert (line.by in shown) == (width > 100)
    assert "✗ REFUTED" in text
    assert len(text.splitlines()) <= 24


def test_everything_that_was_found_has_the_targets_and_reasons():
    screen = console(100)
    render(claimed(), screen)
    text = " ".join(screen.file.getvalue().split())
    assert "Errors have one format: refuted" in text
    assert "asked: 20–30 % shorter; by timed rounds" in text
    assert "pygount is not installed" in text


def test_the_first_screen_says_how_many_and_what_nobody_claimed():
    first = first_screen(claimed())
    assert (first.word, first.headline) == ("refuted", "2 of 4 claims proven, 1 refuted, 1 open.")
    assert [line.about for line in first.lines] == ["Worse, and not claimed"]
    assert (first.bars, first.tiles) == (None, ())
    page = to_html(claimed()).replace("\N{NO-BREAK SPACE}", " ")
    assert all(claim.text in page for claim in CLAIMS)
    assert 'href="#rows"' in page
    assert 'href="#findings"' in page
    hostile = replace(CLAIMS[0], text="<script>alert(1)</script>")
    result = claimed()
    assert "<script>alert" not in to_html(replace(result, proofs=prove([hostile], result.comparisons, ())))


def test_the_slide_holds_them_however_many_there_are():
    assert to_slide(claimed(), "pdf").startswith(b"%PDF")
    many = claimed().proofs * 12
    assert to_slide(claimed(proofs=many), "png").startswith(b"\x89PNG")


def test_markdown_has_a_table_of_claims():
    text = to_markdown(claimed())
    assert "### Claims" in text
    row = next(line for line in text.splitlines() if "Errors have one format" in line)
    assert row.startswith("| ✗ refuted |")
    assert "40 → 50 % | counted |" in row


def test_junit_github_and_gitlab_have_one_check_for_each_claim():
    gate = judge(claimed(), Policy())
    assert [(row.kind, row.outcome) for row in gate.rows][:4] == [
        ("claim", "passed"),
        ("claim", "failed"),
        ("claim", "passed"),
        ("claim", "skipped"),
    ]
    assert [row.kind for row in gate.rows[4:]] == ["regression", "regression"]
    suite = ElementTree.fromstring(to_junit(gate))
    cases = [case.get("name") for case in suite.iter("testcase")]
    assert cases[:4] == [claim.text for claim in CLAIMS]
    assert any("title=Errors have one format" in line for line in annotation_lines(gate))
    assert "Errors have one format: refuted" in to_gate_markdown(gate)
    lenient = judge(
        claimed(), Policy(rules=(GateRule("error_shape", level="off"), GateRule("memory_peak", level="warn")))
    )
    assert "Errors have one format" not in [row.claim for row in lenient.rows]


def test_the_json_has_them_and_fits_its_schema():
    document = json.loads(json.dumps(to_document(claimed()), default=list))
    schema = json.loads((Path(__file__).parents[2] / "docs/result.schema.json").read_text())
    jsonschema.validate(document, schema)
    found = document["claims"]
    assert [each["state"] for each in found] == ["proven", "refuted", "proven", "open"]
    assert found[0]["evidence"][0]["baseline"] == 25.3
    assert found[1]["limits"][0]["limit"] == 1.0
    assert "claims" not in to_document(make_result())
