"""What people read in a page: its words, without markup, scripts and styles."""

from __future__ import annotations

from html.parser import HTMLParser

PAGES = ("text/html", "application/xhtml+xml")
"""Media types of pages."""
MOST = 2_000_000
"""Bytes of a page that are looked at."""


class Words(HTMLParser):
    """Reads a page; ``within`` is the script or style that is being read ("" where none is)."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base's
        """Note where a script or a style begins."""
        self.within = tag if tag in ("script", "style") else self.within

    def handle_endtag(self, tag: str) -> None:
        """Note where it ends."""
        if tag == self.within:
            self.within = ""

    def handle_data(self, data: str) -> None:
        """Keep what people see."""
        if not self.within:
            self.words.append(data)


def visible(body: bytes) -> str:
    """Return the words of a page, without its scripts, styles and attributes."""
    page = Words()
    page.feed(body[:MOST].decode("utf-8", "replace"))
    return "\n".join(page.words)
