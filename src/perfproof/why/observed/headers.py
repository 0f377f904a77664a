"""What the headers of a response say about caching and encoding, without anything that could be a secret. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_CACHE_CONTROL = re.compile(r"(?:[a-z]+(?:-[a-z]+)*)(?:=\"?\d+\"?)?\Z")
_ITEM = re.compile(r"hit|stored|collapsed|(?:fwd|detail)=[a-z-]+|(?:ttl|fwd-status)=-?\d+")
_VERDICTS = ("hit", "miss", "bypass", "expired", "stale", "updating", "revalidated", "dynamic", "pass", "none", "error")
_VERDICT = re.compile(r"(?<![a-z])(" + "|".join(_VERDICTS) + r")(?![a-z])", re.IGNORECASE)
_TELLING = (
    "x-cache",
    "x-cache-status",
    "x-cache-hits",
    "cf-cache-status",
    "x-proxy-cache",
    "x-nginx-cache",
    "x-fastcgi-cache",
    "x-litespeed-cache",
    "x-drupal-cache",
    "x-vercel-cache",
    "x-nextjs-cache",
    "x-from-cache",
    "x-cache-lookup",
)
"""Headers in which caches say by a word, each in its own way, whether they had the response."""
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+\Z")
_HIDDEN = "(given)"


def telling(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers (small names) that tell of caching and encoding, cut down to what is known to be harmless.

    Of an entity tag, which may be made of anything, only its kind remains; of ``cache-status`` its known parameters,
    since the key of an entry is often the URL with its query.
    """
    found: dict[str, str] = {}
    for name, keep in _KEEP.items():
        if name in headers:
            found[name] = keep(headers[name])
    for name in _TELLING:
        if name in headers:
            found[name] = _verdicts(headers[name])
    return found


def is_hit(headers: Mapping[str, str]) -> bool:
    """Tell whether a response says that it came from a cache.

    An ``Age`` above 0 says so, as do ``Cache-Status`` with ``hit`` (of the cache nearest to us that answered) and the
    words of older caches.
    """
    if headers.get("age", "").strip().isdigit() and int(headers["age"]) > 0:
        return True
    if any("hit" in [part.strip().lower() for part in item.split(";")[1:]] for item in _items(headers)):
        return True
    if headers.get("x-cache-hits", "").strip().isdigit() and int(headers["x-cache-hits"]) > 0:
        return True
    if headers.get("x-from-cache", "").strip().lower() in ("1", "true", "yes"):
        return True
    return any("hit" in _verdicts(headers.get(name, "")).split(", ") for name in _TELLING)


def conditions(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the request headers that ask whether a response is still the same; empty if it gave no validator."""
    if headers.get("etag"):
        return {"if-none-match": headers["etag"]}
    if headers.get("last-modified"):
        return {"if-modified-since": headers["last-modified"]}
    return {}


def _items(headers: Mapping[str, str]) -> list[str]:
    return headers.get("cache-status", "").split(",")


def _cache_control(value: str) -> str:
    parts = [part.strip().lower() for part in value.split(",")]
    return ", ".join(part for part in parts if _CACHE_CONTROL.match(part))


def _cache_status(value: str) -> str:
    known = [[part.strip().lower() for part in item.split(";")[1:]] for item in value.split(",")]
    return ", ".join("; ".join(part for part in item if _ITEM.fullmatch(part)) or "-" for item in known)


def _verdicts(value: str) -> str:
    return ", ".join(dict.fromkeys(word.lower() for word in _VERDICT.findall(value))) or (
        value.strip() if value.strip().isdigit() else _HIDDEN if value else ""
    )


def _names(value: str) -> str:
    return ", ".join(part for part in (each.strip().lower() for each in value.split(",")) if _NAME.match(part))


def _tag(value: str) -> str:
    return 'W/"..."' if value.startswith("W/") else '"..."'


_KEEP = {
    "age": lambda value: value.strip() if value.strip().isdigit() else _HIDDEN,
    "cache-status": _cache_status,
    "cache-control": _cache_control,
    "etag": _tag,
    "last-modified": lambda value: value if re.fullmatch(r"[A-Za-z0-9,: ]{1,40}", value) else _HIDDEN,
    "expires": lambda value: value if re.fullmatch(r"[A-Za-z0-9,: -]{1,40}", value) else _HIDDEN,
    "vary": _names,
    "content-encoding": _names,
}
