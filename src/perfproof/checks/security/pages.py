"""Whether a marker became part of a page's markup."""

from __future__ import annotations

from perfproof.checks.page_text import MOST, PAGES, Words
from perfproof.http.plain_client import Answer

_TAG, _ATTRIBUTE = "ppb", "ppa"
MARKER = f"pp7\"'{_ATTRIBUTE}=x <{_TAG}>"
"""Becomes an element between elements, and an attribute within either kind of quotation marks."""


class _Page(Words):
    def __init__(self) -> None:
        super().__init__()
        self.found = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == _TAG:
            self.found = "as an element of its own"
        elif any(_ATTRIBUTE in name for name, _ in attrs):
            self.found = self.found or "as an attribute"
        super().handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        super().handle_data(data)
        if self.within and f"<{_TAG}>" in data:
            self.found = self.found or f"within a {self.within}, which </{self.within}> would end"


def reflected(answer: Answer) -> str:
    """Return how ``MARKER`` came back as part of a page's markup; "" where it did not, or is no page."""
    if answer.media not in PAGES or (f"<{_TAG}".encode() not in answer.body and _ATTRIBUTE.encode() not in answer.body):
        return ""
    return _parsed(answer.body).found


def _parsed(body: bytes) -> _Page:
    page = _Page()
    page.feed(body[:MOST].decode("utf-8", "replace"))
    return page
