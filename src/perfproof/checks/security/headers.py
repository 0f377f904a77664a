"""Which security headers an answer lacks. What is asked for depends on what it is: pages need more than data.

Of JSON, as of all that has a body, ``nosniff`` is asked for (OWASP's REST sheet, Mozilla's Observatory); whether it may
be framed, what scripts may run and what is told as referrer only matters of pages, and is asked of pages alone.
"""

from __future__ import annotations

import re

from perfproof.checks.page_text import PAGES
from perfproof.http.plain_client import Answer

_VERSION = re.compile(r"\d+\.\d+|/\d|\(")
_BUILT_WITH = ("x-powered-by", "x-aspnet-version", "x-aspnetmvc-version", "x-generator", "x-runtime-version")
_YEAR = 31_536_000
_MAX_AGE = re.compile(r"max-age\s*=\s*\"?(\d+)", re.IGNORECASE)


def lacking(answer: Answer, *, secure: bool) -> list[str] | None:
    """Return what is lacking or too much, in words; None where the answer needs nothing (no body, tells nothing)."""
    headers = answer.headers
    found = []
    told = headers.get("server", "")
    if _VERSION.search(told):
        found.append("Server tells a version")
    found += [f"{_written(name)} tells what it is built with" for name in _BUILT_WITH if headers.get(name)]
    if secure and answer.status < 400:
        match = _MAX_AGE.search(headers.get("strict-transport-security", ""))
        if match is None or not int(match[1]):
            found.append("no Strict-Transport-Security")
    has_body = bool(answer.body) and answer.status not in (204, 304) and not 300 <= answer.status < 400
    if has_body:
        if headers.get("x-content-type-options", "").strip().lower() != "nosniff":
            found.append("no X-Content-Type-Options: nosniff")
        if answer.media in PAGES and answer.status < 400:
            found += _of_page(answer)
    return found if found or has_body or secure else None


def _of_page(answer: Answer) -> list[str]:
    policy = answer.headers.get("content-security-policy", "")
    found = []
    meta = re.search(rb"<meta[^>]+http-equiv=[\"']?content-security-policy", answer.body, re.IGNORECASE)
    if not policy and not meta:
        found.append("no Content-Security-Policy")
    framed = answer.headers.get("x-frame-options", "").strip().lower()
    if "frame-ancestors" not in policy.lower() and framed not in ("deny", "sameorigin"):
        found.append("no frame-ancestors and no X-Frame-Options")
    if not answer.headers.get("referrer-policy") and not re.search(rb"<meta[^>]+name=[\"']?referrer", answer.body):
        found.append("no Referrer-Policy")
    return found


def _written(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))
