"""The answer to "why" in every report: bounded, escaped, honest; and the flame graph that zooms without a network."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import builders
import jsonschema
import pytest
import why_samples
from PIL import Image
from rich.console import Console

import browsing
from perfproof.model.gate import GateResult
from perfproof.model.why import FlameNode
from perfproof.report import write
from perfproof.report.ci.markdown import to_gate_markdown
from perfproof.report.json_report import to_json
from perfproof.report.markdown import to_markdown
from perfproof.report.page import html
from perfproof.report.terminal import full
from perfproof.why import flame_svg
from perfproof.why import page as why_page
from report.test_html import MANY, parsed
from report.test_json_report import SCHEMA, closed

pytestmark = pytest.mark.xdist_group("pages of reports")  # whose charts are drawn once (conftest.py)

SAMPLES: dict[str, Any] = {
    "ab": lambda: builders.make_result(why=why_samples.answer(builders.NAMES)),
    "run": lambda: builders.make_run(why=why_samples.alone()),
    "hostile": lambda: builders.make_result(builders.HOSTILE, why=why_samples.answer(builders.HOSTILE)),
    "not shown": lambda: builders.make_result(why=why_samples.not_shown()),
    "many": lambda: builders.make_result(MANY, why=why_samples.answer(MANY)),
    "bushy": lambda: builders.make_result(MANY, why=why_samples.bushy(MANY)),
}


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {name: html.to_html(make()) for name, make in SAMPLES.items()}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_is_well_formed_and_under_one_megabyte(name: str, pages: dict[str, str]) -> None:
    page = parsed(pages[name])
    assert len(pages[name].encode()) < 1_000_000
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.values("href") if link.startswith("#")} <= set(ids)
    for table in re.findall(r"<table.*?</table>", pages[name], re.S):
        assert "<caption" in table


@pytest.mark.parametrize("name", SAMPLES)
def test_the_only_script_is_ours_and_the_policy_names_it_by_hash(name: str, pages: dict[str, str]) -> None:
    page = parsed(pages[name])
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy") or ""
    scripts = [text for stack, text in page.texts if stack[-1:] == ("script",)]
    if name == "not shown":
        assert scripts == []
        assert "script-src" not in policy
        return
    assert scripts == [why_page.script()]
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'")
    assert not [attribute for _, attributes in page.elements for attribute in attributes if attribute.startswith("on")]
    assert not [attributes for tag, attributes in page.elements if tag == "script" and attributes]


def test_the_script_asks_for_nothing_and_makes_no_markup_of_text() -> None:
    for word in ("fetch", "XMLHttpRequest", "innerHTML", "insertAdjacent", "eval", "import(", "http:", "https:", "</"):
        assert word not in why_page.script()


def test_hostile_names_are_shown_not_obeyed(pages: dict[str, str]) -> None:
    page = pages["hostile"].replace(why_page.script(), "")
    assert page.count("<script") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e\ud800-\udfff]", page)
    drawing = flame_svg.flame_svg(FlameNode(builders.HOSTILE[1], True, 1, 2), "candidate", builders.HOSTILE[1])
    assert ElementTree.fromstring(drawing) is not None


def test_the_answer_stands_below_the_verdict_and_its_section_before_the_figures(pages: dict[str, str]) -> None:
    sentence = why_samples.answer(builders.NAMES).sentence.split(";")[0]
    page = pages["ab"].replace("\N{NO-BREAK SPACE}", " ")
    assert page.index('id="verdict"') < page.index(f'">{sentence}') < page.index('id="comparability"')
    assert page.index('id="changes"') < page.index('id="why"') < page.index('id="rows"')
    assert "Where the time goes" in pages["run"]
    assert "cause not shown" in pages["not shown"]


def test_a_lever_shows_its_mechanism_outcome_and_statement(pages: dict[str, str]) -> None:
    page = pages["ab"].replace("\N{NO-BREAK SPACE}", " ")
    assert re.search(r"queries per request</th><td class=\"n\">41</td><td class=\"n strong\">5</td>", page)
    assert "SELECT job.id, job.status FROM job WHERE job.project_id = ?" in page
    assert "Outcome: p50 latency of list projects −60.0 %" in page
    assert "SCAN record" in page
    assert "Looked at, and not claimed (1)" in page
    assert "in-use connections are not known" in page


def node(name: str, before: float, after: float, *children: FlameNode) -> FlameNode:
    return FlameNode(name, True, before, after, children)


ROOT = node(
    "all", 10, 12, node("app.grew", 2, 6), node("app.shrank", 6, 3), node("app.new", 0, 2), node("app.gone", 2, 0)
)


def test_a_flame_graph_is_as_wide_as_its_side_and_says_what_became_of_each_node() -> None:
    drawing = ElementTree.fromstring(flame_svg.flame_svg(ROOT, "candidate", "x"))
    boxes = {box.findtext("title", "").split(":")[0]: box for box in drawing}
    assert {name: box.get("width") for name, box in boxes.items()} == {
        "all": "100.00%", "app.grew": "50.00%", "app.shrank": "25.00%", "app.new": "16.67%",
    }  # fmt: skip
    assert boxes["app.grew"].get("class") == "grown3"
    assert boxes["app.grew"].findtext("text") == "▲ app.grew"
    assert boxes["app.shrank"].findtext("title") == "app.shrank: 6.00 ms → 3.00 ms per request (−3.00 ms, shrunk)"
    assert boxes["app.new"].get("class") == "grown2 new"
    before = ElementTree.fromstring(flame_svg.flame_svg(ROOT, "baseline", "x"))
    gone = next(box for box in before if box.findtext("title", "").startswith("app.gone"))
    assert (gone.get("class"), gone.get("width")) == ("shrunk2 gone", "20.00%")


def test_a_single_arms_graph_compares_nothing() -> None:
    drawing = flame_svg.flame_svg(ROOT, "candidate", "x", one_arm=True)
    assert "▲" not in drawing
    assert "→" not in drawing


def test_flame_colours_are_told_apart_in_grey_and_their_text_can_be_read() -> None:
    css = (Path(why_page.__file__).parent / "templates" / "why.css").read_text(encoding="utf-8")
    for block in re.findall(r":root \{(.*?)\}", css, re.S):
        colour = dict(re.findall(r"--f-([\w-]+): #([0-9a-f]{6})", block))
        for name in ("same", "grown1", "grown2", "shrunk1", "shrunk2"):
            assert contrast(colour["ink"], colour[name]) >= 4.5, name
        for name in ("grown3", "shrunk3"):
            assert contrast(colour["deep"], colour[name]) >= 4.5, name
        assert contrast(colour["grown3"], colour["shrunk3"]) >= 1.2
        assert contrast(colour["grown3"], colour["same"]) >= 1.5


def contrast(one: str, two: str) -> float:
    def light(code: str) -> float:
        parts = [int(code[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_json_follows_the_published_schema(name: str) -> None:
    document = json.loads(to_json(SAMPLES[name]()), parse_constant=pytest.fail)
    jsonschema.Draft202012Validator(closed(SCHEMA)).validate(document)
    assert document["why"]["sentence"]


def printed(name: str) -> str:
    out = io.StringIO()
    full.render(SAMPLES[name](), Console(file=out, width=80, force_terminal=True, color_system=None))
    return out.getvalue()


def test_the_terminal_tells_the_heaviest_causes_in_few_lines_of_80_columns() -> None:
    lines = printed("ab").splitlines()
    assert max(map(len, lines)) <= 80
    begin = lines.index("Why")
    section = lines[begin : lines.index("", begin)]
    assert len(section) <= 26
    assert any(line.startswith("▼ hot path, ") for line in section)
    assert any("queries per request 41 → 5" in line for line in section)
    assert "Why: Faster, cause not shown." in printed("not shown")
    assert "Where the time goes" in printed("run")
    assert "Why:" not in printed("run")


def test_markdown_and_the_gate_carry_the_answer() -> None:
    result = SAMPLES["ab"]()
    text = to_markdown(result)
    assert "**Why:** " in text
    assert "| queries | list projects | saves " in text
    assert "### Where the time goes" in to_markdown(SAMPLES["run"]())
    gate = GateResult(result=result, rows=(), exit_code=1, summary="1 of 1 checks failed.")
    assert "\nWhy: " in to_gate_markdown(gate)
    short = to_gate_markdown(gate, 700)
    assert len(short) <= 700
    assert "\nWhy: " in short


DRIVER = """(() => {
const graph = document.querySelector("svg.flame");
const boxes = Array.from(graph.children);
const named = (name) => boxes.find((box) => box.querySelector("title").textContent.startsWith(name));
const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const seen = {};
named("app.grew").dispatchEvent(new MouseEvent("click"));
seen.zoomed = named("app.grew").getAttribute("width");
seen.hidden = named("app.shrank").classList.contains("outside");
seen.told = document.querySelector(".flame-told").textContent;
press("Escape");
seen.whole = named("app.grew").getAttribute("width");
press("ArrowDown");
seen.down = document.activeElement.getAttribute("aria-label");
press("ArrowRight");
seen.right = document.activeElement.getAttribute("aria-label");
press("Enter");
seen.entered = named("app.shrank").getAttribute("width");
press("ArrowUp");
seen.up = document.activeElement.getAttribute("aria-label");
document.querySelector(".flame-tools button").click();
const field = document.querySelector(".flame-tools input");
field.value = "GREW";
field.dispatchEvent(new Event("input"));
seen.found = document.querySelector(".flame-tools [role=status]").textContent;
seen.faded = boxes.filter((box) => box.classList.contains("faded")).length;
return seen;
})()"""


@pytest.mark.browser
def test_the_graph_zooms_searches_and_goes_by_keyboard(page: browsing.Page, tmp_path: Path) -> None:
    file = tmp_path / "graph.html"
    drawing = flame_svg.flame_svg(ROOT, "candidate", "x")
    file.write_text(
        f"<!doctype html><meta charset=utf-8>{drawing}<script>{why_page.script()}</script>", encoding="utf-8"
    )
    page.open(file.as_uri())
    seen = page.run(DRIVER)
    assert page.complaints == []
    assert seen["zoomed"] == "100%"
    assert seen["hidden"]
    assert seen["told"].startswith("app.grew: 2.00 ms → 6.00 ms per request")
    assert seen["whole"] == "50%"
    assert seen["down"].startswith("app.grew")
    assert seen["right"].startswith("app.shrank")
    assert seen["entered"] == "100%"
    assert seen["up"].startswith("all")
    assert seen["found"] == "1 found, 50.0 % of the time"
    assert seen["faded"] == 3


@pytest.mark.browser
def test_the_page_runs_its_script_under_its_own_policy_and_asks_for_nothing(
    page: browsing.Page, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    write(SAMPLES["ab"](), file)
    page.open(file.as_uri())
    assert page.complaints == []
    assert page.requests == [file.as_uri()]
    tools = "document.querySelectorAll('.flame-tools').length"
    assert page.run(tools) == page.run("document.querySelectorAll('svg.flame').length") > 0
    other = tmp_path / "changed.html"
    other.write_text(file.read_text(encoding="utf-8").replace('"use strict";', '"use strict"; '), encoding="utf-8")
    page.open(other.as_uri())
    assert any("Content Security Policy" in complaint for complaint in page.complaints)
    assert page.run(tools) == 0


@pytest.mark.browser
def test_nothing_of_the_section_reaches_over_the_edge_of_a_phone(page: browsing.Page, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    write(SAMPLES["ab"](), file)
    page.size(400, 2000)
    page.open(file.as_uri())
    assert page.run("document.documentElement.scrollWidth") == 400
    shown = Image.open(io.BytesIO(page.picture())).convert("RGB")
    edge = shown.crop((387, 0, 400, shown.height))
    assert edge.getcolors() == [(13 * shown.height, shown.getpixel((2, 2)))]
