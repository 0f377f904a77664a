"""The form on a login page: which it is, what it sends, and where its tokens stand."""

from __future__ import annotations

import re

from perfproof.draft.login_page import LoginForm, drawn_at, login_form, names_password

RAILS = """<form action="/login?x=1" accept-charset="UTF-8" method="post">
<input name="utf8" type="hidden" value="&#x2713;">
<input type="hidden" name="authenticity_token" value="a+b/c==" autocomplete="off" />
<input type="text" name="user[email]"><input type="password" name="user[password]">
<input type="checkbox" name="keep" value="1"><input type="checkbox" name="on" value="1" checked>
<button name="go">Log in</button></form>"""


def test_the_form_for_a_name_and_one_password_is_found_with_all_it_sends() -> None:
    search = '<form action="/search"><input name="q"></form>'
    two = '<input type="password" name="p"><input type="password" name="again">'
    new = f'<form method="post"><input name="n">{two}</form>'
    assert login_form(search + new + RAILS, "/login") == LoginForm(
        "/login?x=1",
        "user[email]",
        "user[password]",
        {"utf8": "\u2713", "authenticity_token": "a+b/c==", "on": "1", "go": ""},
    )
    assert login_form(search + new, "/login") is None
    assert login_form("<form method=post><input type=password name=p></form>", "/") is None, "nobody is asked for"


def test_a_form_without_an_action_is_sent_where_it_stands() -> None:
    page = '<form method="POST"><input name="log"><input type="password" name="pwd"></form>'
    form = login_form(page, "/wp-login.php?x=1")
    assert form is not None
    assert form.action == "/wp-login.php?x=1"
    relative = login_form(page.replace('method="POST"', 'method="POST" action="in"'), "/user/login")
    assert relative is not None
    assert relative.action == "/user/in"


def test_a_hidden_value_is_found_whichever_way_round_it_is_written() -> None:
    for page in (
        '<input type="hidden" name="auth[token]" value="T1">',
        "<input value='T1' type='hidden' name='auth[token]'>",
        '<input name="auth[token]"\n  id="x" value="T1"/>',
    ):
        pattern = drawn_at(page, "auth[token]", "T1")
        assert pattern is not None
        match = re.search(pattern, page)
        assert match is not None
        assert match[1] == "T1"
    assert drawn_at('<input name="t" value="a&amp;b">', "t", "a&b") is None, "what is written otherwise is not found"
    assert drawn_at('<input name="other" value="T1">', "t", "T1") is None


def test_fields_that_hold_passwords_are_known_by_their_names() -> None:
    assert all(map(names_password, ("password", "pwd", "user[password]", "wpPassword", "_password")))
    assert not any(map(names_password, ("passport", "user", "password_hint", "compass_id")))
