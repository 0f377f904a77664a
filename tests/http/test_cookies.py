"""Cookies as RFC 6265 keeps them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.http.cookies import Jar


def after(*lines: str, target: str = "/a/b", secure: bool = False) -> Jar:
    jar = Jar(secure=secure)
    jar.take(lines, target)
    return jar


@pytest.mark.parametrize(
    ("line", "target", "sent"),
    [
        ("sid=1", "/a/c?x", "sid=1"),
        ("sid=1", "/b", ""),
        ("sid=1", "/ab", ""),
        ("sid=1; Path=/", "/b", "sid=1"),
        ("sid=1; path=/a/", "/a/x", "sid=1"),
        ("sid=1; path=/a", "/a", "sid=1"),
        ("sid=1; path=/a", "/ab", ""),
        ("sid=1; path=nowhere", "/a/c", "sid=1"),
        ("sid=a=b==; Path=/", "/", "sid=a=b=="),
        ("sid=; Path=/", "/", "sid="),
        ("sid=1; Path=/; Secure", "/", ""),
        ("sid=1; Path=/; Max-Age=60", "/", "sid=1"),
        ("sid=1; Path=/; Max-Age=0", "/", ""),
        ("sid=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "/", ""),
        ("sid=1; Path=/; Expires=whenever", "/", "sid=1"),
        ("no cookie", "/", ""),
        ("a b=1; Path=/", "/", ""),
        ("=1; Path=/", "/", ""),
        ("sid=a\x01b; Path=/", "/", ""),
    ],
)
def test_a_cookie_is_sent_where_it_belongs(line, target, sent):
    assert after(line).header(target) == sent


def test_a_secure_cookie_travels_over_tls():
    assert after("sid=1; Path=/; Secure", secure=True).header("/") == "sid=1"


def test_a_later_cookie_replaces_an_earlier_one_and_an_expired_one_deletes_it():
    jar = after("a=1; Path=/", "b=1; Path=/")
    jar.take(["a=2; Path=/", "b=; Path=/; Max-Age=0"], "/")
    assert jar.header("/") == "a=2"


def test_longer_paths_go_first():
    assert after("a=1; Path=/", "b=2; Path=/x").header("/x/y") == "b=2; a=1"


def test_a_copy_is_a_jar_of_its_own():
    jar = after("a=1; Path=/")
    twin = jar.copy()
    twin.take(["b=2; Path=/"], "/")
    assert (len(jar), len(twin)) == (1, 2)


@given(st.lists(st.text(max_size=60)), st.text(max_size=20))
def test_no_line_makes_a_jar_fail_or_forges_a_header(lines, target):
    sent = after(*lines).header("/" + target)
    assert not set(sent) & set("\r\n\0")
