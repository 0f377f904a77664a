"""Names: of requests as reports show them, of placeholders, and which path is about what."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Any

from perfproof.core.placeholders import BUILT_INS
from perfproof.draft.wanted import DraftRequest

_HEALTH = re.compile(
    r"(?:.*/)?(?:-/|_/|actuator/)?(health|healthz|healthcheck|health[-_]check|ready|readyz|readiness|live|livez|liveness"
    r"|ping|heartbeat|__heartbeat__|__lbheartbeat__|status|up|alive)/?",
    re.IGNORECASE,
)
_DOCUMENT = re.compile(
    r"(^|/)(openapi|swagger(-ui)?|(v\d/)?api-docs|__api__|docs|redoc)(\.(json|ya?ml|html))?/?$", re.IGNORECASE
)
_SEARCH = re.compile(r"(advanced[-_])?(search|filter|query|count|paginate|list|lookup|find|history|get)", re.IGNORECASE)
_VERSION = re.compile(r"v\d+(?:[._]\d+)?(?:(?:alpha|beta)\d*)?", re.IGNORECASE)
LONGEST_NAME = 60
_LONGEST_PAIR = 30
_TAKEN = (*BUILT_INS, "port", "arm", "work", "python", "token")
HEALTH_PATHS = (
    "/health", "/healthz", "/health/", "/api/health", "/ready", "/readyz", "/livez", "/ping", "/status", "/up",
    "/actuator/health", "/-/healthy", "/_health", "/__heartbeat__", "/api", "/api/", "/",
)  # fmt: skip
"""Where services say that they are up, the most telling first."""


def is_health(path: str) -> bool:
    """Tell whether a path only says that the service is up."""
    return _HEALTH.fullmatch(path) is not None


def is_search(path: str) -> bool:
    """Tell whether a path is called as if posting to it only read, such as ``/items/search``."""
    return _SEARCH.fullmatch(path.rstrip("/").rpartition("/")[2]) is not None


def is_document(path: str) -> bool:
    """Tell whether a path only shows what the service can do."""
    return _DOCUMENT.search(path) is not None


def identifier(name: str) -> str:
    """Return a name of a parameter as a placeholder: letters, digits and ``_``, and none that means something else."""
    found = re.sub(r"\W+", "_", name).strip("_") or "value"
    found = f"_{found}" if found[0].isdigit() else found
    return f"{found}_" if found in _TAKEN else found


def named_after(operation: Mapping[str, Any], method: str, path: str) -> str:
    """Return what reports call an operation: its summary if that is short, else its method and path."""
    summary = operation.get("summary")
    if isinstance(summary, str) and 3 <= len(summary.strip()) <= 48 and summary.isprintable():
        words = summary.strip().rstrip(".").split()
        return " ".join([words[0].lower() if words[0].istitle() else words[0], *map(_small, words[1:])])
    return f"{method.upper()} {path}"


def _small(word: str) -> str:
    return word.lower() if word.istitle() else word


def unique(asks: Iterable[DraftRequest]) -> Iterator[DraftRequest]:
    """Yield the requests with names that differ: those that do not get their method and path, or a number."""
    asks = _short_titles(list(asks))
    counts: dict[str, int] = {}
    for ask in asks:
        counts[ask.name] = counts.get(ask.name, 0) + 1
    seen: set[str] = {"all"}  # what a report calls all requests together
    for ask in asks:
        name = ask.name if counts[ask.name] == 1 and ask.name not in seen else f"{ask.method} {ask.path}"
        name = shortened(name)
        base, number = name, 1
        while name in seen:
            number += 1
            name = f"{base} ({number})"
        seen.add(name)
        yield replace(ask, name=name)


def _short_titles(asks: list[DraftRequest]) -> list[DraftRequest]:
    """Return the requests; those that only read and have no name but their path are called by what differs in it.

    Reports have some twenty characters for a name, and ``GET /api/v1/`` would be all that is seen of each.
    """
    bare = [ask for ask in asks if ask.method == "GET" and ask.name.startswith("GET /")]
    paths = [ask.path.partition("?")[0] for ask in bare]
    steps = [path.removeprefix(version_of(path)).strip("/").split("/") for path in paths]
    alike = (len(set(level)) == 1 for level in zip(*(each[:-1] for each in steps), strict=False))
    shared = sum(1 for _ in takewhile(bool, alike)) if len(bare) > 1 else 0
    short = {id(ask): "/".join(each[shared:]) for ask, each in zip(bare, steps, strict=True)}
    short |= _by_query(bare, paths)
    used = [*short.values(), *(ask.name for ask in asks if id(ask) not in short)]
    return [
        replace(ask, name=name) if (name := short.get(id(ask), "")) and used.count(name) == 1 else ask for ask in asks
    ]


def _by_query(asks: list[DraftRequest], paths: list[str]) -> dict[int, str]:
    """Return names of the requests that share their path with others: what their query alone has.

    A front controller (``/api.php?action=parse&page=Home``) has one path for all it does.
    """
    found: dict[int, str] = {}
    for path in {each for each in paths if paths.count(each) > 1}:
        group = [ask for ask, each in zip(asks, paths, strict=True) if each == path]
        queries = [_pairs(ask) for ask in group]
        last = path.rstrip("/").rpartition("/")[2]
        for ask, pairs in zip(group, queries, strict=True):
            own = next((pair for pair in pairs if sum(pair in other for other in queries) == 1), None)
            if own is not None:
                name = own.partition("={")[0]  # one with values of its own is called by its name
                found[id(ask)] = f"{last}?{name}" if len(name) <= _LONGEST_PAIR else f"{last}?{name[:_LONGEST_PAIR]}..."
            elif not pairs and last:
                found[id(ask)] = last
    return found


def _pairs(ask: DraftRequest) -> list[str]:
    """Return name and value of each part of a query, as they are written."""
    if ask.query:
        return [f"{name}={value}" for name, value in ask.query.items()]
    return [pair for pair in ask.path.partition("?")[2].split("&") if pair]


def shortened(name: str) -> str:
    """Return a name that fits into a row of a report: a long one loses its query, and then its end."""
    name = name.partition("?")[0] if len(name) > LONGEST_NAME else name
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."


def resource_of(path: str) -> str:
    """Return what a path is about: its first word that is no version and no ``api``."""
    for step in path.strip("/").split("/"):
        if step and not step.startswith("{") and step.lower() not in ("api", "rest") and not _VERSION.fullmatch(step):
            return step
    return path


def version_of(path: str) -> str:
    """Return the version that a path begins with (``/api/v2``, as far as it goes), "" if it has none."""
    steps = path.strip("/").split("/")
    for place, step in enumerate(steps[:3]):
        if _VERSION.fullmatch(step):
            return "/" + "/".join(steps[: place + 1])
    return ""
