"""Which of a document's requests are tried, and in which order: what is about something new comes first."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Sequence

from perfproof.drafting.asks import Ask


def chosen(asks: Sequence[Ask], *, only: Sequence[str] = (), writes: bool = False) -> list[Ask]:
    """Return the requests to try, the most wanted first.

    ``only`` are patterns (``*`` stands for anything) of a path, a name or ``GET /path``. Those that write are tried
    with ``writes`` alone, and last; those that delete only where a pattern names the method too.
    """
    wanted = [ask for ask in asks if not only or any(_fits(ask, pattern) for pattern in only)]
    reading = [ask for ask in wanted if ask.reads]
    writing = [ask for ask in wanted if not ask.reads and writes and (ask.method != "DELETE" or _named(ask, only))]
    return [*_in_turns(reading), *_in_turns(writing)]


def _named(ask: Ask, only: Iterable[str]) -> bool:
    return any(pattern.upper().startswith("DELETE ") and _fits(ask, pattern) for pattern in only)


def _fits(ask: Ask, pattern: str) -> bool:
    path = re.sub(r"\{[^}]*\}", "{}", ask.path)
    pattern = re.sub(r"\{[^}]*\}", "{}", pattern)
    texts = (path, f"{ask.method} {path}", ask.name, path.lstrip("/"))
    return any(fnmatch.fnmatchcase(text.lower(), pattern.lower()) for text in texts)


def _in_turns(asks: Sequence[Ask]) -> Iterator[Ask]:
    """Yield one request about each thing in turn, those that list many rows first."""
    groups: dict[str, list[Ask]] = {}
    for ask in asks:
        groups.setdefault(ask.resource, []).append(ask)
    for group in groups.values():
        group.sort(key=lambda ask: (not ask.paging, len(ask.sought), ask.path.count("/")))
    while groups:
        for resource in list(groups):
            yield groups[resource].pop(0)
            if not groups[resource]:
                del groups[resource]
