"""Are two responses the same? By status, then by bytes, then as JSON by meaning.

Key order never counts, numbers count by value (1 and 1.0 are the same), and the service's own address is the same
address wherever it listens. Texts are never quoted: a response may hold anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from perfproof.analysis.paths import Steps, covers, find, general, parse, spell

MAX_PATHS = 5
MAX_LOOKED_AT = 2000
SERVICE = b"service.invalid"

_KINDS = {dict: "an object", list: "a list", str: "text", bool: "a boolean", int: "a number", float: "a number"}
_NOTHING = object()


@dataclass(frozen=True)
class Reply:
    """A response in memory: decoded ``body`` (never stored), and the address of the service that sent it."""

    status: int
    content_type: str
    body: bytes = field(repr=False)
    base_url: str = ""

    @property
    def normal(self) -> bytes:
        """Return the body with the service's own address replaced by a fixed one."""
        parts = urlsplit(self.base_url)
        if not parts.port:
            return self.body
        hosts = {
            re.escape(host.encode()) for host in ("localhost", "127.0.0.1", "[::1]", parts.hostname or "localhost")
        }
        pattern = rb"(?:" + b"|".join(sorted(hosts)) + rb"):" + str(parts.port).encode() + rb"\b"
        return re.sub(pattern, SERVICE, self.body)


@dataclass(frozen=True)
class Unlike:
    """How two responses differ first: ``paths`` with what is there, at most a few, and how many ``more`` there are."""

    what: Literal["status", "content type", "json", "bytes"]
    paths: tuple[str, ...] = ()
    more: int = 0


def compare(one: Reply, two: Reply, ignore: Sequence[Steps] = (), *, order: bool = True) -> Unlike | None:
    """Return how two responses differ, or None if they mean the same."""
    if one.status != two.status:
        return Unlike("status", (f"{one.status} → {two.status}",))
    if one.normal == two.normal:
        return None
    documents = [document_of(reply) for reply in (one, two)]
    if any(document is _NOTHING for document in documents):
        kinds = [_media(reply.content_type) for reply in (one, two)]
        if kinds[0] != kinds[1]:
            return Unlike("content type", (f"{kinds[0] or 'none'} → {kinds[1] or 'none'}",))
        return Unlike("bytes", (_first_difference(one.normal, two.normal),))
    found = [(steps, *values) for steps, *values in differences(*documents, order=order) if not _ignored(steps, ignore)]
    if not found:
        return None
    texts = [f"{spell(steps)}: {_told(before, after)}" for steps, before, after in found[:MAX_PATHS]]
    return Unlike("json", tuple(texts), max(0, len(found) - MAX_PATHS))


def unlike_paths(one: Reply, two: Reply, *, order: bool = True) -> set[Steps] | None:
    """Return where two responses of one arm differ, indices generalised; None if they are no JSON and differ."""
    if one.normal == two.normal:
        return set()
    documents = [document_of(reply) for reply in (one, two)]
    if any(document is _NOTHING for document in documents):
        return None
    return {general(steps) for steps, _, _ in differences(*documents, order=order)}


def rows_in(body: bytes, path: str | None) -> tuple[int | None, str | None]:
    """Return how many rows a JSON body holds and at which path.

    At ``path`` if it is given; otherwise where the body is a list, or an object with exactly one list in it (or, having
    none, with exactly one in its objects). (None, None) where that does not tell.
    """
    document = _parsed(body)
    if path is not None:
        try:
            value = find(document, parse(path))
        except (LookupError, ValueError):
            return None, None
        return (len(value), path) if isinstance(value, list) else (None, None)
    if isinstance(document, list):
        return len(document), "$"
    if not isinstance(document, dict):
        return None, None
    lists = [(name, value) for name, value in document.items() if isinstance(value, list)]
    if lists:
        return (len(lists[0][1]), spell((lists[0][0],))) if len(lists) == 1 else (None, None)
    inner = [
        ((name, below), value)
        for name, part in document.items()
        if isinstance(part, dict)
        for below, value in part.items()
        if isinstance(value, list)
    ]
    return (len(inner[0][1]), spell(inner[0][0])) if len(inner) == 1 else (None, None)


def differences(one: Any, two: Any, steps: Steps = (), *, order: bool = True) -> Iterator[tuple[Steps, Any, Any]]:
    """Yield every place where two JSON values differ in meaning, with both values, in the order of the first."""
    if isinstance(one, dict) and isinstance(two, dict):
        for name in [*one, *(name for name in two if name not in one)]:
            yield from differences(one.get(name, _NOTHING), two.get(name, _NOTHING), (*steps, name), order=order)
    elif isinstance(one, list) and isinstance(two, list):
        if not order:
            one, two = sorted(one, key=_canonical), sorted(two, key=_canonical)
        if len(one) != len(two):
            yield (*steps, "length"), len(one), len(two)
        for index, (left, right) in enumerate(zip(one, two, strict=False)):
            yield from differences(left, right, (*steps, index), order=order)
    elif not _alike(one, two):
        yield steps, one, two


def document_of(reply: Reply) -> Any:
    """Return the JSON value of a response's body, its own address normalised; ``_NOTHING`` if it holds none."""
    return _parsed(reply.normal)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _NOTHING


def _alike(one: Any, two: Any) -> bool:
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    return bool(one == two) and (one is _NOTHING) == (two is _NOTHING)


def _canonical(value: Any) -> str:
    if isinstance(value, list):
        return json.dumps(sorted(map(_canonical, value)))
    return json.dumps(value, sort_keys=True)


def _ignored(steps: Steps, ignore: Sequence[Steps]) -> bool:
    return any(covers(pattern, steps) for pattern in ignore)


def _told(before: Any, after: Any) -> str:
    """Return both values where they are harmless; texts are told by their kind alone."""
    if before is _NOTHING:
        return f"new, {_kind(after)}"
    if after is _NOTHING:
        return f"gone, was {_kind(before)}"
    if isinstance(before, str) and isinstance(after, str):
        return "another text"
    return f"{_kind(before)} → {_kind(after)}"


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)[:24]
    return _KINDS.get(type(value), "?")


def _media(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _first_difference(one: bytes, two: bytes) -> str:
    at = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    return f"byte {at} of {len(one)} and {len(two)}"
