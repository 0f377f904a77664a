from __future__ import annotations

import io

import pytest

from perfproof.report.tables import harmless, write_rows


@pytest.mark.parametrize("text", ["=1+1", "+1", "-cmd", "@SUM(A1)", "\t=1", " =1", "\N{FULLWIDTH EQUALS SIGN}1"])
def test_what_would_be_computed_is_marked_as_text(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("value", ["GET /items?a=b", "all", "", -0.5, 3, None, "2026-11-28"])
def test_everything_else_stays_as_it_is(value: object) -> None:
    assert harmless(value) is value


def test_rows_hold_numbers_as_numbers() -> None:
    file = io.StringIO()
    write_rows(file, ("name", "value"), [("@x", -1.5), ("y", None)])
    assert file.getvalue() == "name,value\n'@x,-1.5\ny,\n"
