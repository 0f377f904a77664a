"""The HTML page of several candidates: which is best, a line for each, then the whole report of each.

The report of a candidate is the page of a run of two versions (``html.py``), put in here with ids of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from markupsafe import Markup, escape

from perfproof.model import formatting
from perfproof.model.metrics import ALL
from perfproof.model.result import Result
from perfproof.report import candidates
from perfproof.report.page import charts, templating
from perfproof.verdict import display_rows
from perfproof.why import page as why_page

MOST_BYTES = 2_000_000
"""Room for the reports of all candidates; those beyond it come without charts and details of single requests."""
_REFERENCES = re.compile(r'(\s(?:id|for|aria-labelledby|aria-describedby)=")([^"]*)"')
_LINKS = re.compile(r'(\s(?:href|xlink:href)="#|url\(#)')
_MAIN = re.compile(r'<main id="main">(.*)</main>', re.DOTALL)
_LAST = re.compile(r'<section aria-labelledby="reading">')


def to_page(result: Result, whole: Callable[[Result], str], raw: dict[str, str]) -> str:
    """Return the page; ``whole`` makes that of one candidate, ``raw`` is the link to the data."""
    symbol, word, tone = display_rows.headline(result)
    bodies, used = [], 0
    for number, part in enumerate(result.candidates, 1):
        body = _body(whole(part), f"c{number}-", part.arms[-1])
        if used + len(body.encode()) > MOST_BYTES:
            body = _body(whole(replace(part, details=(), queries=(), why=None)), f"c{number}-", part.arms[-1])
        used += len(body.encode())
        bodies.append((f"c{number}", part.arms[-1], Markup(body)))  # noqa: S704 - a page of ours, escaped when made
    scripted = any("flame" in body for _, _, body in bodies)
    context: dict[str, Any] = {
        "result": result,
        "symbol": symbol,
        "word": word,
        "tone": tone,
        "moment": templating.moment(result.started_at),
        "final": candidates.final_word(result),
        "metrics": [formatting.title(name) for name in candidates.shown_metrics(result)],
        "lines": candidates.lines(result),
        "claims": candidates.claims(result),
        "versus": candidates.versus(result),
        "ranked_by": formatting.title(result.ranking.metric) if result.ranking else "",
        "corrected": next((f.candidate for f in result.comparability.facts if f.name == "corrected for"), ""),
        "warnings": result.comparability.warnings[:50],
        "forest": _forest(result),
        "bodies": bodies,
        "figures": formatting,
        "policy": why_page.policy() if scripted else "",
        "script": Markup(why_page.script()) if scripted else "",  # noqa: S704 - a file of this package
        "raw": raw,
    }
    return templating.environment().get_template("candidates.html").render(context)


def _forest(result: Result) -> Markup | None:
    """Return the changes of all requests drawn for each candidate, below its name."""
    wanted = candidates.shown_metrics(result)
    shown = [
        replace(row, request=row.arm)
        for _, mine in candidates.rows_of_each(result)
        for row in mine
        if row.request == ALL and row.metric in wanted and formatting.known(row.change)
    ]
    if not shown:
        return None
    title = f"Change of each candidate against {result.arms[0]}"
    return Markup(charts.forest(shown, "candidates-forest", title))  # noqa: S704 - made by ElementTree


def _body(page: str, prefix: str, arm: str) -> str:
    """Return what a page holds above how to read it: ids begun with ``prefix``, parts named by ``arm``."""
    found = _MAIN.search(page)
    inner = found[1] if found else ""
    renaming = _Renaming(prefix, arm)
    renaming.feed(_LAST.split(inner)[0])
    renaming.close()
    return "".join(renaming.parts)


class _Renaming(HTMLParser):
    """Copies HTML to the letter, but for ids, what refers to them, and the first heading, which becomes a second."""

    def __init__(self, prefix: str, arm: str) -> None:
        super().__init__(convert_charrefs=False)
        self._arm = escape(formatting.plain(arm, 40))
        self.parts: list[str] = []
        self._prefix = prefix
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        """Copy it, and remember how its name is written: the parser makes small letters of an SVG's capitals."""
        text = self.get_starttag_text() or ""
        self._open.append(text[1 : 1 + len(tag)])
        self.parts.append(self._renamed(tag, text))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        """Copy it; nothing closes it."""
        self.parts.append(self._renamed(tag, self.get_starttag_text() or ""))

    def _renamed(self, tag: str, text: str) -> str:
        text = _REFERENCES.sub(lambda each: f'{each[1]}{" ".join(self._prefix + i for i in each[2].split())}"', text)
        text = _LINKS.sub(lambda each: each[1] + self._prefix, text)
        # Parts of a page that are called alike cannot be told apart by who hears them: each says whose it is.
        if tag == "section":
            text = text.replace('aria-labelledby="', f'aria-labelledby="{self._prefix}of ')
        text = text.replace('aria-label="', f'aria-label="{self._arm}: ')
        return f"<h2{text[3:]}" if tag == "h1" else text

    def handle_endtag(self, tag: str) -> None:
        """Close what was opened last under this name; elements that are never closed are passed over."""
        name = tag
        while self._open:
            name = self._open.pop()
            if name.lower() == tag:
                break
        self.parts.append("</h2>" if tag == "h1" else f"</{name}>")

    def handle_data(self, data: str) -> None:
        """Copy it."""
        self.parts.append(data)

    def handle_entityref(self, name: str) -> None:
        """Copy it."""
        self.parts.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        """Copy it."""
        self.parts.append(f"&#{name};")
