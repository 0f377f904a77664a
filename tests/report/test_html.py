from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import builders
import pytest

from perfproof.report.json_report import to_document
from perfproof.report.page import html

pytestmark = pytest.mark.xdist_group("pages of reports")  # whose charts are drawn once (conftest.py)

VOID = {"meta", "link", "br", "hr", "img", "input", "wbr"}
MANY = [f"GET /api/v2/resource-{at}/items?page={{page}}" for at in range(50)]


class Page(HTMLParser):
    """Collects what the tests ask about and insists that every element is closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack, f"</{tag}> closes nothing"
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(self.stack), data))

    def values(self, name: str) -> list[str]:
        return [found for _, attributes in self.elements if (found := attributes.get(name)) is not None]


parsed = cache(Page)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    results = {
        "ab": builders.make_result(),
        "run": builders.make_run(),
        "noise": builders.make_noise(),
        "invalid": builders.make_invalid(),
        "empty": builders.make_empty(),
        "hostile": builders.make_hostile(),
        "many": builders.make_result(MANY),
    }
    return {name: html.to_html(result) for name, result in results.items()}


NAMES = ["ab", "run", "noise", "invalid", "empty", "hostile", "many"]


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_well_formed_with_unique_ids_and_links_that_lead_somewhere(
    name: str, pages: dict[str, str]
) -> None:
    page = parsed(pages[name])
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    links = [link for link in page.values("href") if link.startswith("#")]
    assert {link[1:] for link in links} <= set(ids)
    for names in page.values("aria-labelledby"):
        assert set(names.split()) <= set(ids)
    for drawing in re.findall(r"<svg .*?</svg>", pages[name], re.S):
        ElementTree.fromstring(drawing)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_asks_for_nothing_and_runs_nothing(name: str, pages: dict[str, str]) -> None:
    page = parsed(pages[name])
    assert not [tag for tag, _ in page.elements if tag in {"script", "iframe", "object", "embed", "img", "form"}]
    assert [link for tag, attributes in page.elements if tag == "link" for link in [attributes["href"]]] == ["data:,"]
    assert not page.values("src")
    assert all(link.startswith(("#", "data:")) for link in page.values("href"))
    style = "".join(text for stack, text in page.texts if stack[-1:] == ("style",))
    assert "url(" not in style
    assert "@import" not in style
    assert not [attribute for _, attributes in page.elements for attribute in attributes if attribute.startswith("on")]
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy


@pytest.mark.parametrize("name", NAMES)
def test_the_page_stays_under_one_megabyte(name: str, pages: dict[str, str]) -> None:
    assert len(pages[name].encode()) < 1_000_000


def test_fifty_requests_with_wild_curves_and_long_names_still_fit() -> None:
    import numpy as np

    from perfproof.model.result import Curve, Detail

    generator = np.random.default_rng(3)
    x = tuple(float(v) for v in np.linspace(0.01, 99.9, 400))
    noisy = {
        key: tuple(Curve(arm, x, tuple(float(v) for v in generator.random(400) * 100)) for arm in ("baseline", "b"))
        for key in html.charts.KINDS
    }
    names = [f"{at} " + "<&\"'" * 2500 for at in range(50)]
    errors = {"candidate": {f"error {at} " + "&" * 500: 1 for at in range(5000)}}
    details = tuple(Detail(name, noisy, {"candidate": {"sent": 1}}, errors) for name in names)
    page = html.to_html(builders.make_result(names, details=details))
    assert len(page.encode()) < 1_000_000
    assert "and 4,990 more" in page
    assert "The charts of this request are left out" in page


def test_the_same_result_gives_the_same_bytes(pages: dict[str, str], drawn_anew: None) -> None:
    assert html.to_html(builders.make_result()) == pages["ab"]


def test_the_parts_come_in_the_order_that_was_agreed_on(pages: dict[str, str]) -> None:
    order = [
        "verdict",
        "figures",
        "comparability",
        "changes",
        "rows",
        "budgets",
        "details",
        "findings",
        "reading",
        "raw",
    ]
    places = [pages["ab"].index(f'id="{name}"') for name in order]
    assert places == sorted(places)


def test_hostile_texts_are_shown_not_obeyed(pages: dict[str, str]) -> None:
    page = pages["hostile"]
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ 7 * 7 }} $x^2$ _a_ %s [bold]b[/bold]" in page
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e\ud800-\udfff]", page)
    assert "x" * 700 not in page
    assert "and 12,390 more" in page


def test_a_request_says_what_it_saves_or_loses(pages: dict[str, str]) -> None:
    assert "saves 2.42 s of waiting in each second of traffic" in pages["ab"]
    assert "loses 569 ms of waiting in each second of traffic" in pages["ab"]


def test_every_chart_has_a_title_a_text_and_a_table_beside_it(pages: dict[str, str]) -> None:
    charts = re.findall(r'<figure class="chart">.*?</figure>', pages["ab"], re.S)
    assert len(charts) == 6 + 6 * 4
    for chart in charts:
        assert re.search(r"<title [^>]*>[^<]+</title><desc [^>]*>[^<]+</desc>", chart)
        assert len(re.findall(r"<tr>", chart)) > 5
        assert '<th scope="col">' in chart


def test_every_table_has_a_caption_and_scoped_headings(pages: dict[str, str]) -> None:
    for table in re.findall(r"<table.*?</table>", pages["ab"], re.S):
        assert "<caption" in table
        assert not re.search(r"<th(?![^>]*scope=)[ >]", table)


def test_the_raw_data_is_the_public_json(pages: dict[str, str]) -> None:
    href = next(link for link in Page(pages["ab"]).values("href") if link.startswith("data:application/json"))
    document = json.loads(base64.b64decode(href.partition(",")[2]))
    assert document == to_document(builders.make_result())


def test_raw_data_that_is_too_large_is_left_out_and_said_so() -> None:
    page = html.to_html(builders.make_result(["x" * 10_000 + str(at) for at in range(40)], details=()))
    assert "is too large to be part of this page" in page
    assert not any(link.startswith("data:app") for link in Page(page).values("href"))


def contrast(first: str, second: str) -> float:
    """Return the contrast of two colours as WCAG 2.2 defines it."""

    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(first), light(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_texts_and_marks_stand_out_in_light_and_dark() -> None:
    css = (Path(html.__file__).parents[1] / "templates" / "report.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, re.S)
    assert len(blocks) == 2
    for block in blocks:
        colour = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        for text in ("ink", "muted", "link"):
            assert contrast(colour[text], colour["paper"]) >= 4.5, text
        assert contrast(colour["muted"], colour["panel"]) >= 4.5
        for tone in ("good", "bad", "warn", "calm", "void"):
            soft = colour[f"{tone}-soft"]
            assert contrast(colour[f"{tone}-ink"], soft) >= 4.5, tone
            assert contrast(colour["ink"], soft) >= 4.5, tone
            assert contrast(colour["muted"], soft) >= 4.5, tone
            assert contrast(colour[tone], colour["paper"]) >= 3, tone
        for arm in ("arm0", "arm1", "arm2"):
            assert contrast(colour[arm], colour["paper"]) >= 4.5, arm


def test_what_is_typed_stands_as_code() -> None:
    warning = "give the command more `--time`, or <b>`why:`</b>; a name like shop`s and 5` is no command"
    made = builders.make_result()
    made = replace(made, comparability=replace(made.comparability, warnings=(warning,)))
    text = html.to_html(made)
    assert "give the command more <code>--time</code>, or &lt;b&gt;<code>why:</code>&lt;/b&gt;" in text
    assert "a name like shop`s and 5` is no command" in text
