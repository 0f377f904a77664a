"""Lists that no document tells of are walked by what their own answers tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

from perfproof.checks.contract.lists import ask_lists
from perfproof.http.plain_client import Answer

ROWS = [{"id": n} for n in range(60)]
Listing = Callable[[dict[str, str]], Any]


def asked(path: str, listing: Listing, **headers: str) -> dict[str, Any]:
    """Return what is found of the list at ``path``, which the scenario asks for without any parameter."""

    def ask(method: str, target: str, sent: Any) -> Answer:
        query = dict(parse_qsl(target.partition("?")[2]))
        return Answer(200, {"content-type": "application/json", **headers}, (), json.dumps(listing(query)).encode())

    path, _, query = path.partition("?")
    target = f"{path}?{query or 'q=all'}"
    request = SimpleNamespace(method="GET", target=target, path=path, name="find", headers={})
    arm = SimpleNamespace(asker=SimpleNamespace(ask=ask), settings={}, requests=[request])
    facts: list[dict[str, Any]] = []
    ask_lists(arm, SimpleNamespace(operations=None), facts)  # type: ignore[arg-type]
    (found,) = facts
    return found


def test_a_list_whose_answer_tells_limit_and_offset_is_walked_by_them() -> None:
    def paged(query: dict[str, str]) -> Any:
        limit, offset = int(query.get("limit", 25)), int(query.get("offset", 0))
        return {"results": ROWS[offset : offset + limit], "total_count": len(ROWS), "offset": offset, "limit": limit}

    found = asked("/search.json", paged)
    assert (found["flaws"], found["told"], found["rows"]) == ([], "", 25)
    assert found["pages"] > 1


def test_a_list_that_is_asked_for_a_number_of_rows_goes_on_by_what_its_answer_tells() -> None:
    def paged(query: dict[str, str]) -> Any:
        limit, offset = int(query.get("limit", 25)), int(query.get("offset", 0))
        return {"items": ROWS[offset : offset + limit], "total_count": len(ROWS), "offset": offset, "limit": limit}

    found = asked("/issues.json?limit=25", paged)
    assert (found["flaws"], found["told"]) == ([], "")
    assert found["pages"] > 1


def test_a_list_that_loses_a_row_between_its_pages_is_told_though_no_document_says_how_it_pages() -> None:
    def losing(query: dict[str, str]) -> Any:
        limit, offset = int(query.get("limit", 25)), int(query.get("offset", 0))
        offset += offset > 0
        return {"results": ROWS[offset : offset + limit], "offset": offset, "limit": limit}

    assert "rows come on no page" in " ".join(asked("/find", losing)["flaws"])


def test_a_page_that_does_not_tell_how_others_are_asked_for_is_not_accused() -> None:
    told = "its answer tells of pages, and not how they are asked for"
    assert asked("/find", lambda query: {"items": ROWS[:25], "total": 60})["told"] == told
    assert asked("/find", lambda query: ROWS[:25], **{"x-total-count": "60"})["told"] == told
    assert asked("/find", lambda query: {"items": ROWS[:25], "page": 1, "count": 25})["told"] == told


def test_a_list_that_gives_all_it_has_does_not_page() -> None:
    for all_of_it in (ROWS, {"items": ROWS, "total": 60}, {"items": ROWS, "count": 60}):
        assert asked("/find", lambda query, rows=all_of_it: rows)["flaws"] == ["it does not page, and gives 60 rows"]


def test_the_rows_of_a_path_with_an_extension_are_found_by_its_name() -> None:
    assert asked("/issues.json", lambda query: {"issues": ROWS})["rows"] == 60
