"""Database addresses in the spellings of drivers and frameworks."""

import pytest

from perfproof.databases.urls import Address, parse
from perfproof.errors import UsageError


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql+asyncpg://me:p%40ss@db:5433/shop", Address("postgresql", "db", 5433, "me", "p@ss", "shop")),
        ("postgres://db/shop", Address("postgresql", "db", database="shop")),
        ("postgresql://me@/shop?host=/run/pg", Address("postgresql", "/run/pg", user="me", database="shop")),
        ("mysql+pymysql://me@db/shop", Address("mysql", "db", user="me", database="shop")),
        ("mariadb://me@/shop?unix_socket=/run/m.sock", Address("mysql", "/run/m.sock", user="me", database="shop")),
        ("sqlite", Address("sqlite")),
        ("sqlite:////srv/shop.db", Address("sqlite", database="/srv/shop.db")),
    ],
)
def test_an_address_is_read(url, expected):
    assert parse(url) == expected


def test_the_password_is_hidden():
    address = parse("mysql://me:hunter2@db/shop")
    assert "hunter2" not in f"{address} {address!r}"
    assert address.hide("Access denied (hunter2)") == "Access denied (***)"


@pytest.mark.parametrize("url", ["mongodb://db", "postgresql://db:x/shop", ""])
def test_an_unknown_address_says_what_is_known(url):
    with pytest.raises(UsageError) as caught:
        parse(url)
    assert caught.value.hint
