from __future__ import annotations

import pytest

from perfproof.errors import LoadError
from perfproof.http.target import locate

V4, V6 = 2, 10


def resolves_to(*addresses: tuple[int, str]):
    return lambda host, port: list(addresses)


def test_loopback_is_always_allowed_and_its_checked_address_is_kept():
    target = locate("http://service.test:8000/api/", (), resolves_to((V4, "127.0.0.1"), (V6, "::1")))
    assert target.addresses == ((V4, "127.0.0.1"), (V6, "::1"))
    assert (target.authority, target.port, target.prefix) == ("service.test:8000", 8000, "/api")


def test_localhost_resolves_with_ipv4_first():
    assert locate("http://localhost:80", ()).addresses[0] == (V4, "127.0.0.1")


@pytest.mark.parametrize(
    "addresses",
    [
        [(V4, "10.1.2.3")],
        [(V4, "0.0.0.0")],
        [(V4, "169.254.169.254")],
        [(V6, "::ffff:10.1.2.3")],
        [(V6, "fe80::1%eth0")],
        [(V4, "127.0.0.1"), (V4, "93.184.216.34")],
    ],
)
def test_a_name_that_leads_elsewhere_is_refused_even_in_part(addresses):
    with pytest.raises(LoadError, match=r"service\.test is not allowed") as caught:
        locate("http://service.test:8000", ("other.test", "test"), resolves_to(*addresses))
    assert "allow" in str(caught.value)


def test_an_exact_entry_in_the_allow_list_lets_a_host_through():
    target = locate("http://Staging.test", ("staging.test",), resolves_to((V4, "10.1.2.3")))
    assert (target.addresses, target.authority) == (((V4, "10.1.2.3"),), "staging.test")
    with pytest.raises(LoadError):
        locate("http://a.staging.test", ("staging.test",), resolves_to((V4, "10.1.2.3")))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://localhost", "only http"),
        ("localhost:8000", "scheme"),
        ("http://me:secret@localhost", "credentials"),
        ("http://localhost:99999", "port"),
        ("http:///path", "no host"),
    ],
)
def test_a_url_that_cannot_be_loaded_is_explained_without_its_secrets(url, says):
    with pytest.raises(LoadError, match=says) as caught:
        locate(url, ())
    assert "secret" not in str(caught.value)


def test_a_name_that_does_not_resolve_is_reported():
    def fails(host, port):
        raise OSError("Name or service not known")

    with pytest.raises(LoadError, match=r"cannot resolve nowhere\.test"):
        locate("http://nowhere.test", (), fails)
