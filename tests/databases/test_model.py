"""Sums over the statements of one probed request."""

from perfproof.model.queries import ProbeCount, Statement, StatementCount


def test_nested_statements_and_transactions_are_apart():
    count = ProbeCount(
        "x",
        (
            StatementCount(Statement("a", "select ?"), 3, rows=5, time_ns=10),
            StatementCount(Statement("b", "begin", "transaction"), 1, rows=0, time_ns=1),
            StatementCount(Statement("c", "select ? for key share"), 4, rows=4, time_ns=5, nested=True),
        ),
    )
    assert (count.queries, count.rows, count.time_ns) == (3, 5, 11)


def test_what_one_statement_does_not_know_nobody_knows():
    known = StatementCount(Statement("a", "select ?"), 3, rows=5)
    count = ProbeCount("x", (known, StatementCount(Statement("b", "select a"), 1)))
    assert (count.rows, count.time_ns) == (None, None)
