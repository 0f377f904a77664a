"""What headers say of caching: hits are recognised, and nothing that could be a secret is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.why.observed.headers import conditions, is_hit, telling


@pytest.mark.parametrize(
    "headers",
    [
        {"age": "3"},
        {"cache-status": "origin; hit; ttl=20"},
        {"cache-status": "edge; fwd=miss, origin;hit"},
        {"x-cache": "HIT from cache-fra"},
        {"x-cache": "TCP_HIT from a.b"},
        {"cf-cache-status": "HIT"},
        {"x-cache-hits": "2"},
        {"x-from-cache": "1"},
        {"x-proxy-cache": "hit"},
    ],
)
def test_a_response_that_says_it_was_kept_is_a_hit(headers):
    assert is_hit(headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"age": "0"},
        {"age": "soon"},
        {"cache-status": "hit-or-miss; fwd=miss; stored"},
        {"x-cache": "MISS"},
        {"x-cache-hits": "0"},
        {"x-cache": "white"},
        {"cache-control": "max-age=60"},
        {"etag": '"hit"'},
    ],
)
def test_what_only_might_be_kept_is_no_hit(headers):
    assert not is_hit(headers)


def test_only_what_tells_of_caching_and_encoding_remains():
    found = telling(
        {
            "age": "7",
            "cache-control": 'private, max-age=30, no-cache="Set-Cookie", token=s3cret',
            "cache-status": "origin; hit; ttl=20; key=/users?token=s3cret",
            "etag": 'W/"s3cret"',
            "last-modified": "Wed, 21 Oct 2015 07:28:00 GMT",
            "vary": "Accept-Encoding, Authorization",
            "content-encoding": "GZIP",
            "x-cache": "HIT s3cret",
            "set-cookie": "session=s3cret",
            "authorization": "s3cret",
        }
    )
    assert found == {
        "age": "7",
        "cache-control": "private, max-age=30",
        "cache-status": "hit; ttl=20",
        "etag": 'W/"..."',
        "last-modified": "Wed, 21 Oct 2015 07:28:00 GMT",
        "vary": "accept-encoding, authorization",
        "content-encoding": "gzip",
        "x-cache": "hit",
    }


NAMES = ["age", "cache-status", "etag", "last-modified", "expires", "x-cache", "cf-cache-status", "x-cache-lookup"]


@given(st.dictionaries(st.sampled_from(NAMES), st.text(st.characters(codec="latin-1"), max_size=60), max_size=5))
def test_a_secret_in_any_value_does_not_come_through(headers):
    marked = {name: f"{value} key=S3CRET_7" for name, value in headers.items()}
    assert "S3CRET" not in str(telling(marked)).upper()
    assert isinstance(is_hit(marked), bool)


def test_the_strongest_validator_is_asked_with():
    both = {"etag": '"a"', "last-modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
    assert conditions(both) == {"if-none-match": '"a"'}
    del both["etag"]
    assert conditions(both) == {"if-modified-since": "Wed, 21 Oct 2015 07:28:00 GMT"}
    assert conditions({}) == {}
