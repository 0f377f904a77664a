"""Two versions of an API in one document (``/v1/items`` and ``/v2/items``) made the two arms of a scenario."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from perfproof.draft.names import unique, version_of
from perfproof.draft.wanted import DraftRequest, Found
from perfproof.errors import UsageError


def versions_in(found: Found) -> str:
    """Return what to say of a document that holds several versions; "" where it does not."""
    counted = Counter(version for ask in found.asks if (version := version_of(ask.path)))
    if len(counted) < 2:
        return ""
    first, last = sorted(counted)[-2:]
    both = len(_common(found.asks, first, last))
    if not both:
        return ""
    how = f"--versions {first},{last} makes them the two arms"
    are = "request of the document is" if both == 1 else "of the document's requests are"
    return f"{both} {are} in {first} and in {last}: {how}"


def of_both(found: Found, versions: tuple[str, str]) -> Found:
    """Return the requests of the first version that both have; ``UsageError`` where there are none."""
    first, last = versions
    known = sorted({version for ask in found.asks if (version := version_of(ask.path))})
    for version in versions:
        if not any(ask.path.startswith(f"{version}/") for ask in found.asks):
            raise UsageError(
                f"no request of the document begins with {version}/",
                where=found.source,
                hint=f"its versions are {', '.join(known)}" if known else "its paths have no versions",
            )
    asks = _common(found.asks, first, last)
    if not asks:
        raise UsageError(
            f"{first} and {last} have no request in common",
            where=found.source,
            hint="compare what they do with two scenarios, each with requests of its own",
        )
    return replace(found, asks=tuple(unique(asks)))


def _common(asks: Sequence[DraftRequest], first: str, last: str) -> list[DraftRequest]:
    new = {(ask.method, ask.path.removeprefix(last)) for ask in asks if ask.path.startswith(f"{last}/")}
    return [
        ask for ask in asks if ask.path.startswith(f"{first}/") and (ask.method, ask.path.removeprefix(first)) in new
    ]
