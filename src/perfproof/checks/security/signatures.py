"""Whether two answers are the same, whatever of them repeats what was sent or is made up anew each time."""

from __future__ import annotations

import hashlib
import html
import json
import re
from urllib.parse import quote, quote_plus

from perfproof.http.plain_client import Answer

_FRESH = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:[\d.:Z+-]*"
    r"|\b[0-9a-f]{16,}\b|\b\d{13,}\b",
    re.IGNORECASE,
)
_MOST = 1_000_000


def signature_of(answer: Answer, sent: str, value: str) -> str:
    """Return a hash of status and body, with ``value`` wherever the body repeats what was ``sent`` in its place."""
    text = answer.body[:_MOST].decode("utf-8", "replace")
    if len(sent) > 2 and sent != value:
        for form in sorted(_forms(sent), key=len, reverse=True):
            text = text.replace(form, value)
    return hashlib.sha256(f"{answer.status}\0{_FRESH.sub('', text)}".encode()).hexdigest()


def _forms(text: str) -> set[str]:
    """Return how a body may repeat a text: escaped for pages, for JSON, for addresses."""
    return {
        text,
        html.escape(text),
        html.escape(text).replace("&#x27;", "&#39;"),
        json.dumps(text)[1:-1],
        text.replace("'", "\\u0027"),
        quote(text, safe=""),
        quote(text, safe="'"),
        quote(text, safe=":,@"),
        quote(text),
        quote_plus(text),
    }
