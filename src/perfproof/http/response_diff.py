"""Are two responses the same? By status, then by bytes, then as JSON by meaning or as text by its words.

Key order never counts, numbers count by value (1 and 1.0 are the same), and the service's own address is the same
address wherever it listens. Texts are never quoted: a response may hold anything.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from perfproof.http.json_paths import EVERY, Steps, covers, find, general, parse, spell
from perfproof.http.text_diff import compare_texts

MAX_PATHS = 5
COMMON = 50
"""A value that more rows than this hold does not tell which row is which."""
REORDERED = "the same rows in another order (if that may be, add `responses: {order: false}`)"
SERVICE = b"service.invalid"

_KINDS = {dict: "an object", list: "a list", str: "text", bool: "a boolean", int: "a number", float: "a number"}
_NOTHING = object()
_ORDER = object()
"""Stands for the order of a list, where two hold the same rows."""

_OF_THE_MOMENT = re.compile(
    "ids?|uuid|guid|key|token|etag|nonce|hash|digest|checksum|pid|port|host|hostname|server|instance|time|timestamp|"
    "date|at|created|updated|modified|expires|expiry|now|uptime|seed|session|trace|span|random|cursor|version|build|"
    "took|elapsed|duration"
)
"""Last words of names of what is often another value after each start."""
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_RANDOM_TEXT = re.compile(
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{16,}|(?=.*\d)(?=.*[A-Za-z])[\w+/=.-]{20,}|"
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ComparedResponse:
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
        # Percent-encoded as well: a page's links hold where to go back to.
        pattern = rb"(?:" + b"|".join(sorted(hosts)) + rb")(?::|%3A)" + str(parts.port).encode() + rb"\b"
        return re.sub(pattern, SERVICE, self.body)


@dataclass(frozen=True)
class Unlike:
    """How two responses differ: ``paths`` with what is there, at most a few, and how many ``more`` there are.

    The last ``doubtful`` of the paths look like an identifier, a time or a random value, which each start may change.
    """

    what: Literal["status", "content type", "json", "text", "bytes"]
    paths: tuple[str, ...] = ()
    more: int = 0
    doubtful: int = 0


def compare(
    one: ComparedResponse, two: ComparedResponse, ignore: Sequence[Steps] = (), *, order: bool = True
) -> Unlike | None:
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
        text = compare_texts([one.normal], [two.normal])
        if text is not None:
            return Unlike("text", (text.unlike,)) if text.unlike else None
        return Unlike("bytes", (_first_difference(one.normal, two.normal),))
    one_document, two_document = (_pruned(document, (), ignore) for document in documents)
    found = [
        (steps, *values)
        for steps, *values in differences(one_document, two_document, order=order)
        if not _ignored(steps, ignore)
    ]
    if not found:
        return None
    found.sort(key=lambda each: _doubtful(*each))
    texts = [f"{spell(steps)}: {_told(before, after)}" for steps, before, after in found[:MAX_PATHS]]
    doubtful = sum(_doubtful(*each) for each in found[:MAX_PATHS])
    return Unlike("json", tuple(texts), max(0, len(found) - MAX_PATHS), doubtful)


def unlike_paths(one: ComparedResponse, two: ComparedResponse, *, order: bool = True) -> set[Steps] | None:
    """Return where two responses of one arm differ, indices generalised; None if they are no JSON and differ."""
    if one.normal == two.normal:
        return set()
    documents = [document_of(reply) for reply in (one, two)]
    if any(document is _NOTHING for document in documents):
        return None
    return {general(steps) for steps, _, _ in differences(*documents, order=order)}


def unlike_texts(
    before: Sequence[ComparedResponse], after: Sequence[ComparedResponse]
) -> tuple[Unlike | None, str] | None:
    """Return how two arms' answers that are no JSON differ, and what was left out since it changes by itself.

    The last answer of each counts; those before it tell what changes. None where nothing can be said.
    """
    one, two = before[-1], after[-1]
    if one.status != two.status or _media(one.content_type) != _media(two.content_type):
        return compare(one, two), ""
    told = compare_texts([reply.normal for reply in before], [reply.normal for reply in after])
    if told is not None:
        return (Unlike("text", (told.unlike,)) if told.unlike else None), told.moving
    stable = all(reply.normal == side[-1].normal for side in (before, after) for reply in side)
    return (compare(one, two), "") if stable else None


def is_json(reply: ComparedResponse) -> bool:
    """Tell whether a response holds a JSON value."""
    return document_of(reply) is not _NOTHING


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
    """Yield every place where two JSON values differ in meaning, with both values, in the order of the first.

    Two lists that hold the same rows differ in one place: their order. Without ``order`` each row is held against the
    one that it has most in common with.
    """
    if isinstance(one, dict) and isinstance(two, dict):
        for name in [*one, *(name for name in two if name not in one)]:
            yield from differences(one.get(name, _NOTHING), two.get(name, _NOTHING), (*steps, name), order=order)
    elif isinstance(one, list) and isinstance(two, list):
        if len(one) != len(two):
            yield (*steps, "length"), len(one), len(two)
        elif order and len(one) > 1 and one != two and Counter(map(_canonical, one)) == Counter(map(_canonical, two)):
            if any(True for left, right in zip(one, two, strict=True) for _ in differences(left, right)):
                yield steps, _ORDER, _ORDER
            return
        pairs = enumerate(zip(one, two, strict=False)) if order else _paired(one, two)
        for index, (left, right) in pairs:
            yield from differences(left, right, (*steps, index), order=order)
    elif not _alike(one, two):
        yield steps, one, two


def document_of(reply: ComparedResponse) -> Any:
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
    """Return a text that is the same for rows that are the same, numbers by value, lists in their order."""
    return json.dumps(_by_value(value), sort_keys=True)


def _by_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _by_value(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_by_value(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _paired(one: Sequence[Any], two: Sequence[Any]) -> Iterator[tuple[int, tuple[Any, Any]]]:
    """Yield the rows of two lists in pairs that have most in common, with the place of the first.

    Sorting both lists was rejected: one field that changes with every response would pair each row with another one.
    """
    parts = [Counter(_leaves(row)) for row in two]
    holders: dict[tuple[Steps, str], list[int]] = defaultdict(list)
    for at, row in enumerate(parts):
        for part in row:
            holders[part].append(at)
    ranked: list[tuple[int, int, int]] = []
    for at, row in enumerate(one):
        mine = Counter(_leaves(row))
        shared: Counter[int] = Counter()
        for part, times in mine.items():
            if len(holders.get(part, ())) <= COMMON:
                for other in holders.get(part, ()):
                    shared[other] += 2 * min(times, parts[other][part])
        ranked += [
            (count + (sum(mine.values()) == sum(parts[other].values())), at, other) for other, count in shared.items()
        ]
    ranked.sort(key=lambda each: (-each[0], abs(each[1] - each[2]), each[1]))
    left, right = dict.fromkeys(range(len(one))), dict.fromkeys(range(len(two)))
    found: dict[int, int] = {}
    for _, at, other in ranked:
        if at in left and other in right:
            found[at] = other
            del left[at], right[other]
    found |= dict(zip(left, right, strict=False))
    for at, other in sorted(found.items()):
        yield at, (one[at], two[other])


def _leaves(value: Any, steps: Steps = ()) -> Iterator[tuple[Steps, str]]:
    """Yield what stands in a JSON value, with its place; lists without their order."""
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from _leaves(each, (*steps, name))
    elif isinstance(value, list) and value:
        for each in value:
            yield from _leaves(each, (*steps, EVERY))
    else:
        yield steps, _canonical(value)


def _pruned(value: Any, steps: Steps, ignore: Sequence[Steps]) -> Any:
    """Return a JSON value without what is ignored."""
    if not ignore:
        return value
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if not _ignored((*steps, name), ignore)}
        return {name: _pruned(each, (*steps, name), ignore) for name, each in kept.items()}
    if isinstance(value, list):
        return [
            None if _ignored((*steps, at), ignore) else _pruned(each, (*steps, at), ignore)
            for at, each in enumerate(value)
        ]
    return value


def _doubtful(steps: Steps, before: Any, after: Any) -> bool:
    """Tell whether two values look like an identifier, a time or a random value, which each start may give anew."""
    if any(isinstance(each, dict | list | bool) or each in (_NOTHING, _ORDER, None) for each in (before, after)):
        return False
    name = next((step for step in reversed(steps) if isinstance(step, str)), "")
    words = _WORDS.findall(name)
    if words and _OF_THE_MOMENT.fullmatch(words[-1].lower()):
        return True
    if isinstance(before, str) and isinstance(after, str):
        return bool(_RANDOM_TEXT.fullmatch(before) and _RANDOM_TEXT.fullmatch(after))
    return all(isinstance(each, int | float) and (1e9 < each < 1e10 or 1e12 < each < 1e13) for each in (before, after))


def _ignored(steps: Steps, ignore: Sequence[Steps]) -> bool:
    return any(covers(pattern, steps) for pattern in ignore)


def _told(before: Any, after: Any) -> str:
    """Return both values where they are harmless; texts are told by their kind alone."""
    if before is _ORDER:
        return REORDERED
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
