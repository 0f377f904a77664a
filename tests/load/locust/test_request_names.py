from __future__ import annotations

import pytest

from perfproof.core.redaction import Redactor
from perfproof.errors import LoadError
from perfproof.load.locust.request_names import MOST, Names


def test_names_are_numbered_as_they_come_and_keep_their_numbers() -> None:
    names = Names(str)
    assert [names.number("GET", name) for name in ("/b", "/a", "/b")] == [0, 1, 0]
    assert names.number("POST", "/b") == 2
    assert names.all() == ("GET /b", "GET /a", "POST /b")


def test_names_are_fit_to_be_shown() -> None:
    names = Names(Redactor(["hunter2"]))
    names.number("GET", "/login?password=hunter2")
    names.number("GET", "/\x1b[31mred\r\n\u2028line")
    names.number("", "")
    names.number("GET", "/" + "x" * 500)
    shown = names.all()
    assert shown[:3] == ("GET /login?password=***", "GET / [31mred line", "unnamed")
    assert len(shown[3]) == 160
    assert all(name.isprintable() for name in shown)


def test_names_that_differ_in_a_secret_only_are_one() -> None:
    names = Names(Redactor(["one", "two"]))
    assert names.number("GET", "/?k=one") == names.number("GET", "/?k=two") == 0


def test_more_names_than_a_report_can_hold_are_refused_and_known_ones_go_on() -> None:
    names = Names(str)
    for number in range(MOST):
        names.number("GET", f"/items/{number}")
    with pytest.raises(LoadError, match=f"more than {MOST} names") as caught:
        names.number("GET", "/items/one-more")
    assert "name=" in str(caught.value.hint)
    assert names.number("GET", "/items/7") == 7
