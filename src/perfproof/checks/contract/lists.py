"""Walks the pages of every list: bounded by default, every row once, in an order that stays."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from perfproof.checks.arm import CheckedArm
from perfproof.checks.right_requests import Rightly, left_alone
from perfproof.documents.operations import PAGING
from perfproof.documents.references import BrokenReferenceError
from perfproof.http.plain_client import Answer

_AT = re.compile(r"[$_]?(offset|skip|start|from|start_?index|first_?result)", re.IGNORECASE)
_PAGE = re.compile(r"[$_]?(page|page_?(no|num|number|index)|p)|page\[number\]", re.IGNORECASE)
_CURSOR = re.compile(
    r"[$_]?(cursor|after|token|page_?token|next_?token|continuation(_?token)?|starting_?after|since_?id|marker|bookmark)"
    r"|page\[(cursor|after)\]",
    re.IGNORECASE,
)
_HOLDERS = (
    "items", "data", "results", "rows", "records", "content", "entries", "value", "values", "members", "hits", "list",
    "objects", "nodes", "_embedded",
)  # fmt: skip
_NEXT = ("next", "next_url", "nextUrl", "next_page_url", "nextLink", "next_link", "@odata.nextLink")
_NEXT_CURSOR = (
    "next_cursor", "nextCursor", "cursor", "next_page_token", "nextPageToken", "next_token", "nextToken",
    "continuation", "after", "end_cursor", "endCursor",
)  # fmt: skip
_TOLD_IN = ("links", "_links", "paging", "pagination", "meta", "page_info", "pageInfo")
"""Where an answer tells of its pages, beside its top."""
_TOTAL = re.compile(r"total(_?(count|items|elements|results|records|rows|hits))?", re.IGNORECASE)
_PAGES = 6
"""Pages into which the first answer is cut."""
_MOST_PAGES = 12
_FEWEST = 3
"""Rows that a list needs for its pages to be told apart."""
_TIMES = 2
"""How often the first page is asked for again."""


@dataclass(frozen=True)
class Listed:
    """One list to be walked: how it is asked for, and the parameters that it is documented to take."""

    name: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    parameters: tuple[str, ...] = ()
    most: int | None = None


def ask_lists(arm: CheckedArm, rightly: Rightly, facts: list[dict[str, Any]]) -> None:
    """Add what every list was found to do."""
    for listed in _lists(arm, rightly):
        answer = arm.asker.ask("GET", listed.target, listed.headers)
        rows = rows_in(answer, listed.target)
        if rows is None:
            continue
        facts.append({"list": listed.name, "rows": len(rows), **_walk(arm, listed, rows, answer)})


def _lists(arm: CheckedArm, rightly: Rightly) -> list[Listed]:
    found: list[Listed] = []
    ignored = set(arm.settings.get("ignore") or ())
    for operation in rightly.operations.found if rightly.operations is not None else ():
        skipped = operation.name in ignored or operation.path.endswith("}") or left_alone(operation.path)
        if operation.method != "GET" or skipped:
            continue
        try:
            target = rightly.target(operation)
            headers = rightly.headers(operation)
        except BrokenReferenceError:
            continue
        if target is None or rightly.guessed:
            continue
        names = tuple(each.name for each in operation.parameters if each.place == "query")
        size = next((each for each in operation.parameters if PAGING.fullmatch(each.name)), None)
        most = size.schema.data.get("maximum") if size is not None and size.schema is not None else None
        found.append(Listed(operation.name, target, headers, names, int(most) if isinstance(most, int) else None))
    known = {each.target.partition("?")[0] for each in found}
    for request in arm.requests:
        path = request.target.partition("?")[0]
        if request.method != "GET" or path in known or request.path.endswith("}") or request.name in ignored:
            continue
        if rightly.operations is None and not left_alone(path):
            names = tuple(name for name, _ in parse_qsl(request.target.partition("?")[2]))
            plain = "&".join(
                f"{name}={quote(value, safe='')}"
                for name, value in parse_qsl(request.target.partition("?")[2])
                if not any(each.fullmatch(name) for each in (PAGING, _AT, _PAGE, _CURSOR))
            )
            known.add(path)
            found.append(Listed(request.name, f"{path}?{plain}" if plain else path, request.headers, names))
    return found


def rows_in(answer: Answer, target: str) -> list[Any] | None:
    """Return the rows of an answer that is a list, or holds one where lists are usually held; else None."""
    data = answer.data
    if answer.status != 200:
        return None
    if isinstance(data, list):
        return data
    if not isinstance(data, dict):
        return None
    last = target.partition("?")[0].rstrip("/").rpartition("/")[2]
    last = last.partition(".")[0]  # /issues.json holds `issues`
    for name in (*_HOLDERS, last, last.replace("-", "_")):
        value = data.get(name)
        if isinstance(value, dict) and name in ("data", "_embedded"):
            value = next((each for each in value.values() if isinstance(each, list)), None)
        if isinstance(value, list):
            return value
    return None


def _walk(arm: CheckedArm, listed: Listed, rows: list[Any], answer: Answer) -> dict[str, Any]:
    """Return the flaws of one list and how many pages were walked; ``told`` says why that says nothing."""
    size = next((name for name in listed.parameters if PAGING.fullmatch(name)), None)
    linked = _next_of(answer, listed.target) is not None
    flaws: list[str] = []
    told = _paging_in(answer, len(rows)) if not linked and not _has_place(listed) else None
    if told is not None:
        # Nobody says which parameters it takes, but its answer says that this is a page.
        if size is None:
            size = next((name for name in told if PAGING.fullmatch(name) and _takes(arm, listed, name)), None)
        if size is None:
            return {"pages": 0, "flaws": [], "told": "its answer tells of pages, and not how they are asked for"}
        listed = replace(listed, parameters=(*listed.parameters, *told))
    if size is None and not linked:
        unpaged = int(arm.settings.get("unpaged") or 20)
        if len(rows) < unpaged:
            return {"pages": 0, "flaws": [], "told": f"it has {len(rows)} rows and need not page"}
        return {"pages": 0, "flaws": [f"it does not page, and gives {len(rows)} rows"], "told": ""}
    most = int(arm.settings.get("most_rows") or 100)
    if len(rows) > most:
        flaws.append(f"it gives {len(rows)} rows unless it is asked for fewer, and {most} are the most")
    if len(rows) < _FEWEST:
        return {"pages": 0, "flaws": flaws, "told": "" if flaws else "it has too few rows to be told apart"}
    wanted = max(1, -(-min(len(rows), most) // _PAGES))
    wanted = min(wanted, listed.most or wanted)
    return _paged(arm, listed, rows[:most], size, wanted, flaws)


def _takes(arm: CheckedArm, listed: Listed, size: str) -> bool:
    """Tell whether one row comes where one is asked for."""
    alone = rows_in(arm.asker.ask("GET", _with(listed.target, {size: 1}), listed.headers), listed.target)
    return alone is not None and len(alone) == 1


def _paging_in(answer: Answer, rows: int) -> tuple[str, ...] | None:
    """Return the names by which an answer tells that it is a page of a longer list; None where it does not."""
    data = answer.data if isinstance(answer.data, dict) else {}
    held = [data, *(data[name] for name in _TOLD_IN if isinstance(data.get(name), dict))]
    numbers = {name: value for holder in held for name, value in holder.items() if type(value) is int}
    places = [name for name in numbers if any(each.fullmatch(name) for each in (_AT, _PAGE))]
    total = max((value for name, value in numbers.items() if _TOTAL.fullmatch(name)), default=0)
    for name in ("x-total-count", "x-total", "x-wp-total"):
        total = max(total, int(answer.headers[name])) if answer.headers.get(name, "").isdigit() else total
    if places:
        return (*places, *(name for name in numbers if PAGING.fullmatch(name)))
    return () if total > rows else None


def _paged(
    arm: CheckedArm, listed: Listed, rows: list[Any], size: str | None, wanted: int, flaws: list[str]
) -> dict[str, Any]:
    first = _with(listed.target, {size: wanted} if size else {})
    target: str | None = first
    seen: list[str] = []
    pages, ended = 0, False
    first_page: list[str] = []
    while target is not None and pages < _MOST_PAGES and len(set(seen)) < len(rows):
        answer = arm.asker.ask("GET", target, listed.headers)
        found = rows_in(answer, listed.target)
        if found is None:
            flaws.append(f"page {pages + 1} is answered with status {answer.status}")
            return {"pages": pages, "flaws": flaws, "told": ""}
        pages += 1
        marks = [_mark(row) for row in found]
        first_page = marks if pages == 1 else first_page
        if size and len(found) > wanted:
            flaws.append(f"it gives {len(found)} rows where {wanted} are asked for")
            return {"pages": pages, "flaws": flaws, "told": ""}
        if not found:
            ended = True
            break
        seen += marks
        following = _next_of(answer, target, listed.parameters)
        target = following if following is not None else _computed(listed, first, size, wanted, pages)
        ended = target is None and not _has_place(listed)
        if target is None and len(seen) < len(rows):
            leads_on = _has_place(listed) or pages > 1
            flaws.append("it ends before its last row" if leads_on else "nothing says how to go on after a page")
            return {"pages": pages, "flaws": flaws, "told": ""}
    twice = len(seen) - len(set(seen))
    if twice:
        flaws.append("a row comes on two pages")
    reference = [_mark(row) for row in rows]
    lost = set(reference) - set(seen)
    if lost and (ended or len(seen) >= len(rows)):
        flaws.append(f"{len(lost)} of {len(rows)} rows come on no page")
    for _ in range(_TIMES):
        again = rows_in(arm.asker.ask("GET", first, listed.headers), listed.target)
        if [_mark(row) for row in again or []] != first_page:
            flaws.append("its order changes from one answer to the next")
            break
    return {"pages": pages, "flaws": flaws, "told": ""}


def _has_place(listed: Listed) -> bool:
    return any(each.fullmatch(name) for each in (_AT, _PAGE, _CURSOR) for name in listed.parameters)


def _computed(listed: Listed, first: str, size: str | None, wanted: int, pages: int) -> str | None:
    """Return the next page by the parameters that the list takes: an offset, or the number of a page."""
    if size is None:
        return None
    at = next((name for name in listed.parameters if _AT.fullmatch(name) and name != size), None)
    if at is not None:
        return _with(first, {at: pages * wanted})
    page = next((name for name in listed.parameters if _PAGE.fullmatch(name) and name != size), None)
    if page is not None:
        return _with(first, {page: pages + 1})
    return None


def _next_of(answer: Answer, target: str, parameters: tuple[str, ...] = ()) -> str | None:
    """Return path and query of the next page as the answer tells it: a link in the body or a header, or a cursor.

    A cursor goes into the one of ``parameters`` that takes one.
    """
    for part in answer.headers.get("link", "").split(","):
        match = re.match(r"\s*<([^>]*)>\s*;.*\brel=\"?next\"?", part)
        if match is not None:
            return _here(match[1], target)
    if answer.headers.get("next-page", "").startswith(("http", "/")):  # Kinto's
        return _here(answer.headers["next-page"], target)
    data = answer.data
    if not isinstance(data, dict):
        return None
    held = [data, *(data[name] for name in _TOLD_IN if isinstance(data.get(name), dict))]
    for holder in held:
        for name in _NEXT:
            value = holder.get(name)
            value = value.get("href") if isinstance(value, dict) else value
            if isinstance(value, str) and (value.startswith(("http", "/", "?"))):
                return _here(value, target)
    for holder in held:
        for name in _NEXT_CURSOR:
            value = holder.get(name)
            if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
                taken = next((each for each in parameters if _CURSOR.fullmatch(each)), _cursor_name(name))
                return _with(target, {taken: value})
    return None


def _cursor_name(field_name: str) -> str:
    """Return the parameter that takes what a field of an answer tells."""
    plain = re.sub(r"^(next_?|end_?)", "", field_name, flags=re.IGNORECASE)
    return {"PageToken": "pageToken", "Cursor": "cursor", "Token": "token"}.get(plain, plain or "cursor")


def _here(link: str, target: str) -> str:
    parts = urlsplit(link)
    path = parts.path or target.partition("?")[0]
    return f"{path}?{parts.query}" if parts.query else path


def _with(target: str, values: Mapping[str, Any]) -> str:
    path, _, query = target.partition("?")
    kept = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in values]
    every = [*kept, *((name, str(value)) for name, value in values.items())]
    told = "&".join(f"{quote(name, safe='[]$')}={quote(value, safe='')}" for name, value in every)
    return f"{path}?{told}" if told else path


def _mark(row: Any) -> str:
    """Return what tells a row apart, as a hash: of its id, or of all of it."""
    if isinstance(row, dict):
        for name in ("id", "_id", "uuid", "slug", "key", "code"):
            if isinstance(row.get(name), str | int):
                row = {name: row[name]}
                break
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:12]
