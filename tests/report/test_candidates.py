"""Several candidates in every report: which is best, a line for each, and the whole of each."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import builders
import jsonschema
import pyarrow.parquet as pq
import pytest
from rich.console import Console

import browsing
from judge.several_builders import make_several
from perfproof.errors import UsageError
from perfproof.judge import analyse
from perfproof.model.metrics import ALL
from perfproof.model.policy import GateRule, Policy
from perfproof.model.result import Result, Verdict
from perfproof.report import write
from perfproof.report.candidates import lines
from perfproof.report.ci.files import to_gate_json
from perfproof.report.ci.github import annotation_lines
from perfproof.report.ci.gitlab import to_load_performance
from perfproof.report.ci.markdown import to_gate_markdown
from perfproof.report.ci.openmetrics import to_openmetrics
from perfproof.report.json_report import to_document, to_json
from perfproof.report.junit import to_junit
from perfproof.report.markdown import to_markdown
from perfproof.report.page.html import PAGE_BYTES, to_html
from perfproof.report.terminal.full import render
from perfproof.report.terminal.screen import LINES, Ending, render_screen
from perfproof.verdict.display_rows import headline
from perfproof.verdict.policy import judge

pytestmark = pytest.mark.xdist_group("pages of reports")  # whose charts are drawn once (conftest.py)

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "result.schema.json").read_text(encoding="utf-8"))


@cache
def made() -> Result:
    """Return an equal, a faster and a slower candidate, with queries and odd names in them."""
    result = analyse(make_several((0.0, -0.3, 0.2), requests=("list", '<b id="x">show</b>')))
    parts = tuple(replace(part, queries=(builders.QUERIES,)) for part in result.candidates)
    return replace(result, candidates=parts)


def printed(result: Result, *, whole: bool = False, width: int = 100, ending: Ending | None = None) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, no_color=True)
    if whole:
        render(result, console)
    else:
        render_screen(result, console, ending or Ending())
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_one_screen_holds_rows_and_a_verdict_for_each_and_ends_with_which_is_best() -> None:
    text = printed(made(), ending=Ending("perfproof show last --findings", "perfproof show last --findings"))
    assert len(text.splitlines()) <= LINES
    for name in ("fix-a", "fix-b", "fix-c"):
        assert f"{name}: p50" in text, "a row"
    assert "✗ REGRESSED: FIX-C" in text
    assert "≈ fix-a: No difference" in text
    assert "+ fix-b: Improved" in text
    assert text.index("✗ fix-c: Regressed") < text.index("Best by p50 latency: fix-b") < text.index("next: perfproof")


def test_seven_candidates_and_a_gate_fit_on_one_screen_too() -> None:
    result = made()
    parts = [replace(result.candidates[at % 3], arms=("main", f"v{at}")) for at in range(7)]
    rows = tuple(replace(row, arm=part.arms[-1]) for part in parts for row in part.comparisons)
    many = replace(result, candidates=tuple(parts), comparisons=rows, arms=("main", *(p.arms[-1] for p in parts)))
    ending = Ending("perfproof show last --findings", "", "", (("x: not decided", "warn"),) * 5)
    text = printed(many, width=80, ending=ending)
    assert len(text.splitlines()) <= LINES
    assert all(f" v{at}: " in text for at in range(7))


def test_all_findings_show_each_candidate_whole_then_the_candidates_against_each_other() -> None:
    text = printed(made(), whole=True)
    places = [text.index(f"== fix-{each} against main") for each in "abc"]
    assert places == sorted(places)
    assert text.index("Candidates against each other") > places[-1]
    assert "fix-b against fix-a: −" in text
    assert text.rstrip().endswith(").")


def test_the_headline_is_that_of_the_worst_with_its_name() -> None:
    assert headline(made()) == ("✗", "regressed: fix-c", "bad")
    same = replace(made(), candidates=made().candidates[2:], verdict=Verdict.REGRESSED)
    assert headline(same)[1] == "regressed", "where it is everybody's, nobody needs to be named"
    assert [line.word for line in lines(made())] == ["equivalent", "improved", "regressed"]


def test_markdown_has_a_line_for_each_the_pairs_of_candidates_and_each_ones_own_report() -> None:
    text = to_markdown(made())
    assert "| candidate | verdict | p50 latency | interval in % | CPU per request |" in text
    assert "| fix-b | + improved | −30" in text
    assert "| fix-c against fix-b | +" in text
    assert [line for line in text.splitlines() if line.startswith("## ")][1:] == [
        "## fix-a against main: equivalent",
        "## fix-b against main: improved",
        "## fix-c against main: regressed",
    ]
    assert text.count("<sub>") == 1


def test_the_page_holds_every_candidates_report_with_ids_that_stand_once_and_links_that_lead_somewhere() -> None:
    text = to_html(made())
    ids = re.findall(r'<[^>]*?\sid="([^"]*)"', text)
    assert [name for name, count in Counter(ids).items() if count > 1] == []
    assert {"c1", "c2", "c3", "c1-verdict", "c3-queries"} <= set(ids)
    for link in re.findall(r'<[^>]*?\s(?:xlink:)?href="#([^"]*)"', text):
        assert link in ids, link
    for group in re.findall(r'<[^>]*?\saria-(?:labelledby|describedby)="([^"]*)"', text):
        assert set(group.split()) <= set(ids), group
    for each in re.findall(r"url\(#([^)]*)\)", text):
        assert each in ids, each
    assert len(re.findall(r"<h1", text)) == 1
    assert "&lt;b id=" in text
    assert '<b id="x">' not in text
    assert len(text.encode()) < 4 * PAGE_BYTES
    assert to_html(made()) == text
    svg = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(svg) > 6
    for drawing in svg:
        ElementTree.fromstring(drawing)  # as it was drawn: well-formed, capitals and all


@pytest.mark.browser
@pytest.mark.timeout(180)
def test_axe_finds_nothing_on_the_page(page: browsing.Page, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    write(made(), file)
    page.open(file.as_uri())
    page.run("document.querySelectorAll('details').forEach(each => each.open = true); 0")
    assert [found.breaches for found in browsing.light_and_dark(page, browsing.axe())] == [[], []]
    assert page.requests == [file.as_uri()]
    assert page.complaints == []


def test_the_json_has_all_rows_named_and_each_candidates_conclusion_and_follows_the_schema() -> None:
    document = json.loads(to_json(made()))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert {row["arm"] for row in document["comparisons"]} == {"fix-a", "fix-b", "fix-c"}
    assert [each["verdict"] for each in document["candidates"]] == ["equivalent", "improved", "regressed"]
    assert "arm" not in document["candidates"][0]["comparisons"][0]
    assert document["ranking"]["best"] == ["fix-b"]
    assert [(each["baseline"], each["candidate"]) for each in document["ranking"]["versus"]] == [
        ("fix-a", "fix-b"), ("fix-a", "fix-c"), ("fix-b", "fix-c"),
    ]  # fmt: skip


def test_the_json_of_two_versions_is_as_it_was() -> None:
    document = to_document(builders.make_result())
    assert not {"candidates", "ranking"} & set(document)
    assert not any("arm" in row for row in document["comparisons"])


def test_tables_say_which_candidate_a_row_is_about(tmp_path: Path) -> None:
    write(made(), tmp_path / "rows.csv")
    rows = list(csv.DictReader((tmp_path / "rows.csv").read_text().splitlines()))
    assert Counter(row["arm"] for row in rows).keys() == {"fix-a", "fix-b", "fix-c"}
    assert len({(row["arm"], row["metric"], row["request"]) for row in rows}) == len(rows)
    write(made(), tmp_path / "rows.parquet")
    assert pq.read_table(tmp_path / "rows.parquet")["arm"].to_pylist() == [row["arm"] for row in rows]
    write(builders.make_result(), tmp_path / "two.csv")
    assert "arm" not in (tmp_path / "two.csv").read_text().splitlines()[0].split(",")


@pytest.mark.parametrize("ending", [".pdf", ".png"])
def test_a_slide_has_room_for_one_and_says_how_to_get_it(ending: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as told:
        write(made(), tmp_path / f"slide{ending}")
    assert "--arm fix-c" in str(told.value)
    write(made().candidates[1], tmp_path / f"slide{ending}")
    assert (tmp_path / f"slide{ending}").stat().st_size > 10_000


def test_a_gate_checks_every_candidate_and_its_files_name_them() -> None:
    gate = judge(made(), Policy())
    assert gate.exit_code == 1
    assert "fix-a passes, fix-b passes, fix-c fails." in gate.summary
    assert {row.arm for row in gate.rows} == {"fix-a", "fix-b", "fix-c"}
    assert all(row.reason.startswith(f"{row.arm}: ") for row in gate.rows)
    cases = [case.get("name") for case in ElementTree.fromstring(to_junit(gate)[39:]).iter("testcase")]
    assert len(set(cases)) == len(cases) == len(gate.rows)
    assert "fix-c: p50 latency of all: regression" in cases
    assert "fix-c: **all**" in to_gate_markdown(gate)
    series = [
        line.rsplit(" ", 1)[0] for line in to_openmetrics(gate).splitlines() if line.startswith("perfproof_change_")
    ]
    assert any('arm="fix-b"' in each for each in series)
    assert len(set(series)) == len(series) >= 3 * 3
    assert any("fix-c" in line for line in annotation_lines(gate))
    assert json.loads(to_gate_json(gate))["checks"][0]["arm"] == "fix-a"
    levels = {
        level.metric: level.estimate.value for level in made().levels if (level.arm, level.request) == ("fix-c", ALL)
    }
    told = json.loads(to_load_performance(gate))["metrics"]["http_req_duration"]
    assert told["med"] == pytest.approx(levels["latency_p50"])


def test_a_policy_that_allows_one_candidates_loss_lets_the_gate_pass() -> None:
    allowed = Policy(rules=(GateRule("*", "*", level="warn"),))
    gate = judge(made(), allowed)
    assert gate.exit_code == 0
    assert {row.arm for row in gate.rows if row.outcome == "warned"} == {"fix-c"}


def test_a_gate_of_an_invalid_candidate_is_invalid_unless_another_one_fails() -> None:
    bad, *others = made().candidates
    bad = replace(bad, verdict=Verdict.INVALID, exit_code=4)
    result = replace(made(), candidates=(bad, others[0]), verdict=Verdict.INVALID, exit_code=4)
    gate = judge(result, Policy())
    assert gate.exit_code == 4
    assert gate.summary.endswith("fix-a is invalid, fix-b passes.")
    gate = judge(replace(result, candidates=(bad, *others)), Policy())
    assert gate.exit_code == 1
    assert gate.summary.endswith("fix-a is invalid, fix-b passes, fix-c fails.")
