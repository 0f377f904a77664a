from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.demo import auth


def test_a_token_names_its_user_until_it_is_over() -> None:
    token = auth.issue_token(7, "secret", now=1000.0)
    assert auth.user_of_token(token, "secret", now=1000.0 + auth.TOKEN_SECONDS - 1) == 7
    assert auth.user_of_token(token, "secret", now=1000.0 + auth.TOKEN_SECONDS) is None


@pytest.mark.parametrize("other", ["", "Secret", "secret2"])
def test_another_secret_does_not_open_it(other: str) -> None:
    assert auth.user_of_token(auth.issue_token(7, "secret"), other) is None


@given(st.text(max_size=40))
def test_what_nobody_signed_is_refused(text: str) -> None:
    assert auth.user_of_token(text, "secret") is None


def test_a_changed_user_breaks_the_signature() -> None:
    token = auth.issue_token(7, "secret")
    assert auth.user_of_token("1" + token[1:], "secret") is None


def test_only_the_right_password_fits() -> None:
    stored = auth.hash_password("open sesame", "salt")
    assert auth.password_fits("open sesame", stored)
    assert not auth.password_fits("open Sesame", stored)
    assert "sesame" not in stored
