"""Names of requests are such as a scenario may hold."""

from __future__ import annotations

from perfproof.draft.names import LONGEST_NAME, shortened, unique
from perfproof.draft.sources.kinds import plain


def test_a_long_name_loses_its_query_and_then_its_end() -> None:
    long = "/api/v1/query_range?query=sum(rate(http_requests_total[5m]))by(instance)&start=1700000300&end=1700003500"
    assert [ask.name for ask in plain([long, f"{long}0", "/items?limit=5"]).asks] == [
        "query_range?end=1700003500",
        "query_range?end=17000035000",
        "items",
    ]
    assert shortened(f"GET {long}") == "GET /api/v1/query_range"
    assert shortened("GET /" + 80 * "x") == "GET /" + (LONGEST_NAME - 8) * "x" + "..."


def test_requests_are_called_by_what_differs_in_their_paths() -> None:
    assert [ask.name for ask in plain(["/api/v1/query?query=up", "/api/v1/labels", "/api/v1/a/b"]).asks] == [
        "query",
        "labels",
        "a/b",
    ]
    assert [ask.name for ask in plain(["/", "/items", "/items/1"]).asks] == ["GET /", "items", "items/1"]
    assert [ask.name for ask in plain(["/items?a=1", "/items?a=2"]).asks] == ["items?a=1", "items?a=2"]


def test_requests_of_one_path_are_called_by_what_only_their_query_has() -> None:
    api = [
        "action=query&list=allpages&format=json",
        "action=query&generator=allpages&format=json",
        "action=parse&page=Home",
    ]
    assert [ask.name for ask in plain([f"/w/api.php?{query}" for query in api]).asks] == [
        "api.php?list=allpages",
        "api.php?generator=allpages",
        "api.php?action=parse",
    ]
    front = ["/", "/?p=20", "/?route=posts&per_page=10", "/?route=posts&_embed=1"]
    assert [ask.name for ask in plain(front).asks] == ["GET /", "?p=20", "?per_page", "?_embed=1"]


def test_names_that_are_alike_when_shortened_are_told_apart() -> None:
    two = [f"/api/v1/query?query=sum(rate(http_requests_total[5m]))by({what})&time=1700003000" for what in "ab"]
    assert [ask.name for ask in unique(plain(two).asks)] == ["GET /api/v1/query", "GET /api/v1/query (2)"]
