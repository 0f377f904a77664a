"""What a CI is shown: the same sentence everywhere, nothing planted comes through, and the limits of each CI hold."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from ci.builders import EVIL, a_budget, a_result, a_row, every_outcome, evil_gate
from perfproof.model.policy import Policy
from perfproof.model.result import Comparability, Fact, Verdict
from perfproof.report import write
from perfproof.report.ci.files import FILES, to_gate_json, write_gate
from perfproof.report.ci.github import annotation_lines, append_summary, marker, to_comment
from perfproof.report.ci.gitlab import to_load_performance
from perfproof.report.ci.markdown import to_gate_markdown
from perfproof.report.ci.openmetrics import to_openmetrics
from perfproof.report.junit import to_junit
from perfproof.verdict.policy import judge


def text_of(markdown: str) -> str:
    """Return what a reader sees of Markdown: rendered, without tags, entities resolved."""
    rendered = MarkdownIt("gfm-like", {"linkify": False, "html": False}).render(markdown)
    return html.unescape(re.sub(r"<[^>]+>", "", rendered))


def test_the_sentence_is_the_same_to_the_letter_in_every_format():
    gate = every_outcome()
    sentence = gate.sentence
    assert sentence in text_of(to_gate_markdown(gate))
    assert sentence in text_of(to_comment(gate))
    document = json.loads(to_gate_json(gate))
    assert document["sentence"] == document["result"]["sentence"] == sentence
    suite = ElementTree.fromstring(to_junit(gate)).find("testsuite")
    assert suite.find("properties/property[@name='sentence']").get("value") == sentence
    assert sentence in suite.find("system-out").text
    assert json.loads(to_load_performance(gate))["perfproof"] == sentence
    assert sentence in annotation_lines(gate)[0].replace("%25", "%")


def test_junit_has_a_case_for_each_check_with_its_figures():
    root = ElementTree.fromstring(to_junit(every_outcome()))
    suite = root.find("testsuite")
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4", "failures": "1", "errors": "0", "skipped": "1",
    }  # fmt: skip
    cases = {case.get("name"): case for case in suite.findall("testcase")}
    failed = cases["CPU per request of all: regression"]
    assert "+20.0 %" in failed.find("failure").get("message")
    figures = {each.get("name"): each.get("value") for each in failed.findall("properties/property")}
    assert (figures["change"], figures["unit"], figures["verdict"]) == ("0.2", "ms", "regressed")
    assert "about 3 more rounds" in cases["p95 latency of item: regression"].find("skipped").get("message")
    assert "warning" in cases["peak memory of all: regression"].find("system-out").text


def test_junit_of_an_invalid_measurement_is_one_error_and_of_nothing_to_check_one_skip():
    invalid = judge(a_result(a_row(), verdict=Verdict.INVALID, sentence="Invalid: it died."), Policy())
    (case,) = ElementTree.fromstring(to_junit(invalid)).iter("testcase")
    assert case.find("error").get("message") == "Invalid: it died."
    alone = judge(a_result(kind="run"), Policy(), notes=("No baseline `main` yet.",))
    (case,) = ElementTree.fromstring(to_junit(alone)).iter("testcase")
    assert "No baseline" in case.find("skipped").get("message")


def test_planted_names_stay_text_in_xml(tmp_path):
    gate = evil_gate()
    root = ElementTree.fromstring(to_junit(gate).encode())
    names = [case.get("name") for case in root.iter("testcase")]
    assert len(names) == len(set(names)) == len(EVIL)
    assert any(EVIL[0] in name for name in names)
    assert {element.tag for element in root.iter()} == {
        "testsuites", "testsuite", "properties", "property", "testcase", "failure", "system-out",
    }  # fmt: skip
    write(gate.result, tmp_path / "x.xml")
    assert ElementTree.parse(tmp_path / "x.xml").getroot().tag == "testsuites"


def test_planted_names_are_no_workflow_commands():
    for gate in (evil_gate(), evil_gate(copies=5)):
        lines = annotation_lines(gate)
        assert len(lines) <= 10
        for line in lines:
            assert "\n" not in line
            assert "\r" not in line
            command, _, text = line[2:].partition("::")
            assert re.match(r"(error|warning|notice) title=[^:,]*$", command), line
            for code in re.findall("%..", text):
                assert code in ("%25", "%0A", "%0D"), "a percent sign of the text itself is escaped"
        assert any("a%250A%3A%3Aerror" in line or "a%250A::error" in line for line in lines)
    assert "more lines" in annotation_lines(evil_gate(copies=5))[-1]


def test_planted_names_are_no_html_mentions_or_links_in_markdown():
    comment = to_comment(evil_gate())
    assert comment.startswith("<!-- perfproof-gate shop-script-alert-1-script ")
    assert comment.count("-->") == 1
    rendered = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(comment)
    assert "<script" not in rendered
    assert "<a " not in rendered
    assert "@team" not in comment
    assert EVIL[0] in html.unescape(rendered)


def test_the_marker_tells_scenarios_apart_and_holds_nothing_harmful():
    assert marker("shop") != marker("shop 2")
    assert marker("a b") != marker("a-b"), "alike after cleaning, but not the same scenario"
    for name in EVIL:
        assert re.fullmatch(r"<!-- perfproof-gate [A-Za-z0-9_. -]* ?[0-9a-f]{8} -->", marker(name))


@pytest.mark.parametrize("copies", [1, 400])
def test_a_comment_keeps_to_its_limit_and_says_what_was_cut(copies):
    gate = evil_gate(copies)
    comment = to_comment(gate)
    assert len(comment) <= 65_536
    assert html.escape(gate.sentence.split("<")[0], quote=False) in html.unescape(comment)
    if copies > 1:
        cut = int(re.search(r"Cut to fit: ([\d,]+) checks", comment)[1].replace(",", ""))
        shown = comment.count("| ✗ failed |")
        assert shown > 50
        assert shown + cut == len(gate.rows)
        assert len(comment) > 60_000, "as much as fits is shown"


def test_a_summary_keeps_to_its_limit_together_with_what_others_wrote(tmp_path):
    file = tmp_path / "summary.md"
    append_summary(every_outcome(), file)
    first = file.read_text()
    append_summary(evil_gate(1_200), file)
    assert file.read_text().startswith(first)
    assert 1_000_000 < file.stat().st_size <= 1024 * 1024
    assert "Cut to fit" in file.read_text()
    full = file.stat().st_size
    append_summary(evil_gate(1_200), file)
    assert full <= file.stat().st_size <= 1024 * 1024, "a summary above the limit would be refused as a whole"


def test_openmetrics_is_well_formed_and_ends_in_eof():
    for gate in (every_outcome(), evil_gate()):
        text = to_openmetrics(gate)
        assert text.endswith("\n# EOF\n")
        assert text.count("# EOF") == 1
        families: set[str] = set()
        series: set[str] = set()
        for line in text.splitlines()[:-1]:
            if line.startswith("# TYPE "):
                assert line.split()[2] not in families
                families.add(line.split()[2])
            elif not line.startswith("# "):
                found = re.fullmatch(r'([a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\[\\n"])*",?)*\}) (-?[\d.e+-]+)', line)
                assert found, line
                assert found[1] in families
                assert found[1] + found[2] not in series
                series.add(found[1] + found[2])


def test_openmetrics_leaves_out_what_is_not_known():
    row = replace(a_row(), change=None, ci_low=float("nan"), ci_high=float("inf"))
    text = to_openmetrics(judge(a_result(row), Policy()))
    assert "change" not in text
    assert "NaN" not in text


def test_gitlab_gets_the_four_figures_it_shows():
    metrics = json.loads(to_load_performance(every_outcome()))["metrics"]
    assert metrics["http_reqs"] == {"count": 100, "rate": 80.0}
    assert metrics["http_req_waiting"] == {"med": 10.0, "p(90)": 18.0, "p(95)": 20.0}
    assert metrics["http_req_duration"] == {"avg": 11.0, "med": 10.0, "p(90)": 18.0, "p(95)": 20.0}
    assert metrics["checks"] == {"passes": 2, "fails": 1, "value": pytest.approx(2 / 3)}
    assert metrics["http_req_failed"]["value"] == 0.02


def test_gitlab_gets_the_rate_of_an_open_load_from_what_was_completed():
    facts = tuple(Fact(name, value, value) for name, value in (("rounds blocks", "4"), ("rounds block", "0.5")))
    levels = tuple(level for level in a_result().levels if level.metric != "throughput")
    gate = judge(a_result(comparability=Comparability(facts), levels=levels, rounds=7), Policy())
    assert json.loads(to_load_performance(gate))["metrics"]["http_reqs"]["rate"] == pytest.approx(98 / 14)


def test_gitlab_gets_nothing_it_would_stumble_over_when_little_is_known():
    bare = judge(a_result(levels=(), details=()), Policy())
    metrics = json.loads(to_load_performance(bare))["metrics"]
    assert not {"http_reqs", "http_req_waiting", "checks"} & set(metrics)


def test_the_json_names_every_check_and_holds_the_whole_result():
    document = json.loads(to_gate_json(every_outcome()))
    assert [row["outcome"] for row in document["checks"]] == ["passed", "failed", "warned", "skipped"]
    assert document["exit_code"] == 1
    assert document["result"]["schema_version"] == 1


def test_every_format_is_written_into_one_folder(tmp_path):
    gate = judge(a_result(a_row(), budgets=(a_budget(600.0),)), Policy())
    written = write_gate(gate, tuple(FILES), tmp_path / "new" / "folder")
    assert {file.name for file in written} == {file for file, _ in FILES.values()} | {"report.html"}
    assert all(file.stat().st_size > 50 for file in written)
    assert {file.name for file in write_gate(gate, ("gitlab",), tmp_path / "g")} == {
        "load-performance.json", "junit.xml", "metrics.txt", "report.html",
    }  # fmt: skip


def test_a_provisional_verdict_is_marked():
    for text in (to_gate_markdown(evil_gate()), to_junit(evil_gate()), to_gate_json(evil_gate())):
        assert "rovisional" in text
