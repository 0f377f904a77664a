"""The headers that tell of an end: Deprecation (RFC 9745) and Sunset (RFC 8594)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_DATE = re.compile(r"@(-?\d{1,12})")


def deprecation_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Return what the headers of an answer say: ``deprecation`` ("" where there is none) and what is wrong with it."""
    told, sunset = headers.get("deprecation", "").strip(), headers.get("sunset", "").strip()
    flaw = ""
    since: datetime | None = None
    if told:
        match = _DATE.fullmatch(told.partition(";")[0].strip())
        if match is None:
            flaw = "its Deprecation is no date of RFC 9745 (@1767225600)"
        else:
            since = datetime.fromtimestamp(int(match[1]), UTC)
    if sunset and not flaw:
        try:
            end = parsedate_to_datetime(sunset)
        except (ValueError, TypeError):
            flaw = "its Sunset is no date of HTTP (RFC 8594)"
        else:
            end = end if end.tzinfo is not None else end.replace(tzinfo=UTC)
            if since is not None and end < since:
                flaw = "its Sunset lies before its Deprecation"
    return {"deprecation": "told" if told else "", "sunset": "told" if sunset else "", "flaw": flaw}
