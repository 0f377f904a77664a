"""What stands in a page: the words that people see, and whether a marker became part of its markup."""

from __future__ import annotations

from html.parser import HTMLParser

from perfproof.checks.security.headers import PAGES
from perfproof.http.plain_client import Answer

_TAG, _ATTRIBUTE = "ppb", "ppa"
MARKER = f"pp7\"'{_ATTRIBUTE}=x <{_TAG}>"
"""Becomes an element between elements, and an attribute within either kind of quotation marks."""
_MOST = 2_000_000


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.found = ""
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == _TAG:
            self.found = "as an element of its own"
        elif any(_ATTRIBUTE in name for name, _ in attrs):
            self.found = self.found or "as an attribute"
        self._within = tag if tag in ("script", "style") else self._within

    def handle_endtag(self, tag: str) -> None:
        if tag == self._within:
            self._within = ""

    def handle_data(self, data: str) -> None:
        if not self._within:
            self.words.append(data)
        elif f"<{_TAG}>" in data:
            self.found = self.found or f"within a {self._within}, which </{self._within}> would end"


def visible(body: bytes) -> str:
    """Return the words of a page, without its scripts, styles and attributes."""
    return "\n".join(_parsed(body).words)


def reflected(answer: Answer) -> str:
    """Return how ``MARKER`` came back as part of a page's markup; "" where it did not, or is no page."""
    if answer.media not in PAGES or (f"<{_TAG}".encode() not in answer.body and _ATTRIBUTE.encode() not in answer.body):
        return ""
    return _parsed(answer.body).found


def _parsed(body: bytes) -> _Page:
    page = _Page()
    page.feed(body[:_MOST].decode("utf-8", "replace"))
    return page
