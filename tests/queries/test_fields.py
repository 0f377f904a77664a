"""What fields of a GraphQL query prove, on figures whose truth is known."""

from __future__ import annotations

from perfproof.model.probe import Answer, ProbedField, ProbedRequest, ProbedSize, RepeatedCount
from perfproof.model.queries import Statement, StatementCount
from perfproof.queries.field_probe import own_costs
from perfproof.queries.findings import prove

DATA = {"books": [{"reviews": [{"author": {}}] * 3}] * 10}


def counted(key: str, calls: int) -> RepeatedCount:
    statement = Statement(key, f"select * from {key} where id = ?", "query")
    return RepeatedCount(StatementCount(statement, calls, callers=("app.py:7",)), calls)


def request(*fields: ProbedField, by: str = "none", calls: tuple[tuple[str, int], ...] = ()) -> ProbedRequest:
    statements = tuple(counted(key, count) for key, count in calls)
    size = ProbedSize(None if by == "none" else 3, 3, Answer(200, 10, 10, "x"), statements)
    return ProbedRequest("books", (size,), by, fields=fields)  # type: ignore[arg-type]


def test_a_field_costs_what_goes_with_it_less_what_the_fields_below_it_cost() -> None:
    whole = {"books": 1, "reviews": 10, "authors": 30}
    cost = {
        ("books",): whole,
        ("books", "reviews"): {"reviews": 10, "authors": 30},
        ("books", "reviews", "author"): {"authors": 30},
    }
    assert own_costs(cost, DATA) == (
        ProbedField("books.reviews.author", 30, {"authors": 30}),
        ProbedField("books.reviews", 10, {"reviews": 10}),
        ProbedField("books", 1, {"books": 1}),
    )


def test_a_resolver_that_asks_for_each_object_is_an_n_plus_one_with_its_field() -> None:
    lazy = ProbedField("books.reviews", 10, {"reviews": 10})
    (found, costs) = prove(request(lazy, calls=(("books", 1), ("reviews", 10))), "candidate").findings
    assert found.kind == "n_plus_one"
    assert "the field reviews of books runs `select * from reviews where id = ?` 10 times for 10 books" in found.summary
    assert found.evidence["field"] == "books.reviews"
    assert found.evidence["fingerprint"] == "reviews"
    assert costs.kind == "field_cost"
    assert costs.summary == "statements by field on candidate: reviews of books 10 for 10 objects"


def test_a_data_loader_and_few_objects_are_no_n_plus_one() -> None:
    once = ProbedField("books.reviews", 10, {"reviews": 1})
    few = ProbedField("books.reviews", 4, {"reviews": 4})
    for field in (once, few):
        found = prove(request(field, calls=(("reviews", 1),)), "candidate").findings
        assert [each.kind for each in found] == ["field_cost"]


def test_depths_are_no_numbers_of_rows_so_nothing_is_said_of_too_few() -> None:
    found = prove(request(by="depth", calls=(("reviews", 1),)), "candidate").findings
    assert found == ()
