"""No packet to a host that is not allowed: redirects, names and spellings that try to lead outside.

All of it happens in a network namespace with a name server and a "stranger" of its own, so the product is tested as it
is, without a hook, and nothing can really get out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.server

REFUSED = {
    "another host": "http://203.0.113.5:{outside}/x",
    "another host without a scheme": "//203.0.113.5:{outside}/x",
    "a name that is not allowed": "http://outside.test:{outside}/x",
    "a name that resolves to loopback": "http://inside.test:{port}/ok",
    "a name that is loopback only once": "http://rebind.test:{outside}/x",
    "another port of this machine": "http://127.0.0.1:{other}/x",
    "localhost instead of the address": "http://localhost:{other}/x",
    "another scheme": "https://127.0.0.1:{port}/x",
    "a scheme nobody speaks": "ftp://203.0.113.5/x",
    "a file": "file:///etc/passwd",
    "the service as user name": "http://127.0.0.1:{port}@203.0.113.5:{outside}/x",
    "a backslash before the at": "http://203.0.113.5:{outside}\\@127.0.0.1:{port}/x",
    "IPv4 as IPv6": "http://[::ffff:203.0.113.5]:{outside}/x",
    "this machine as IPv6": "http://[::ffff:127.0.0.1]:{other}/x",
    "every address of this machine": "http://0.0.0.0:{other}/x",
    "a decimal address": "http://3405803781:{outside}/x",
    "an octal address": "http://0313.0.0161.5:{outside}/x",
    "a hexadecimal address": "http://0xcb007105:{outside}/x",
    "loopback shortened": "http://127.1:{other}/x",
    "a trailing dot": "http://outside.test.:{outside}/x",
    "a host after the port": "http://127.0.0.1:{port}.outside.test:{outside}/x",
    "a port that is none": "http://127.0.0.1:99999/x",
    "a hop by way of the service": "/redirect/302/http://203.0.113.5:{outside}/x",
}
FOLLOWED = {
    "a path": "/ok",
    "a path with a query": "/echo?a=%7Bb%7D",
    "the service in full": "http://127.0.0.1:{port}/ok",
    "a path that looks like a host": "/%5C203.0.113.5/ok",
    "several hops": "/redirect/307//redirect/303//ok",
}
ALLOWED = {
    "to an allowed name": "http://allowed.test:{outside}/welcome",
    "from an allowed name back to": "http://allowed.test:{outside}/allowed",
}
URLS = {
    "a name of this machine": "http://inside.test:{port}",
    "a name that is loopback at first": "http://rebind.test:{port}",
    "a name with an address outside": "http://two.test:{port}",
    "IPv4 written as IPv6": "http://mapped.test:{outside}",
    "an address outside": "http://203.0.113.5:{outside}",
    "a decimal address": "http://3405803781:{outside}",
    "an octal address": "http://0313.0.0161.5:{outside}",
    "a hexadecimal address": "http://0xcb007105:{outside}",
    "every address": "http://0.0.0.0:{port}",
    "loopback in decimal": "http://2130706433:{port}",
    "a user name that looks like this machine": "http://127.0.0.1@203.0.113.5:{outside}",
}


REACHES = {
    "an absolute URL": "http://203.0.113.5:{outside}/x",
    "a name": "http://outside.test:{outside}/x",
    "a name that is loopback only once": "http://rebind.test:{outside}/x",
    "a name with two addresses": "http://two.test:{outside}/x",
    "a redirect": "/redirect/302/http://203.0.113.5:{outside}/x",
    "a redirect to a name": "/redirect/307/http://outside.test:{outside}/x",
    "two redirects": "/redirect/302//redirect/302/http://203.0.113.5:{outside}/x",
    "a decimal address": "http://3405803781:{outside}/x",
    "IPv4 as IPv6": "http://[::ffff:203.0.113.5]:{outside}/x",
    "every address of this machine": "http://0.0.0.0:{outside}/x",
    "own socket": "socket_to(OUTSIDE)",
    "own socket by name": "socket_to('outside.test')",
    "own IPv6 socket": "socket_to('::ffff:203.0.113.5', socket.AF_INET6)",
    "own datagram": "datagram_to(OUTSIDE)",
    "own datagram by name": "datagram_to('outside.test')",
    "own connected datagram": "datagram_to(OUTSIDE, True)",
    "own unpatched socket": "original_socket_to(OUTSIDE)",
    "own thread": "in_a_thread_to(OUTSIDE)",
    "own urllib": "by_urllib('http://203.0.113.5:{outside}/x')",
    "own requests": "by_requests('http://outside.test:{outside}/x')",
}
MAY_REACH = {
    "the service": "/ok",
    "this machine by its name": "http://localhost:{port}/ok",
    "a redirect within the service": "/redirect/302//ok",
    "own urllib within": "by_urllib('http://127.0.0.1:{port}/ok')",
    "an allowed name": "http://allowed.test:{outside}/welcome",
    "a redirect to an allowed name": "/redirect/302/http://allowed.test:{outside}/welcome",
    "own socket to an allowed name": "socket_to('allowed.test')",
}

HERE = ("a name of this machine", "loopback in decimal")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("network")
    wanted = {**REFUSED, **FOLLOWED, **{f"allowed: {name}": where for name, where in ALLOWED.items()}}
    (folder / "redirects.json").write_text(json.dumps(wanted))
    (folder / "locust.json").write_text(json.dumps({**REACHES, **MAY_REACH}))
    (folder / "urls.json").write_text(json.dumps(URLS))
    if subprocess.run(["unshare", "-rmn", "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let a user make a network namespace")
    script = Path(__file__).with_name("in_a_network_of_its_own.py")
    done = subprocess.run(
        ["unshare", "-rmn", sys.executable, str(script), str(folder)], capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.parametrize("name", REFUSED)
def test_a_redirect_to_elsewhere_is_not_followed(name, outcome):
    assert outcome["redirects"][name] == ["UNEXPECTED"]


@pytest.mark.parametrize("name", FOLLOWED)
def test_a_redirect_within_the_service_is_followed(name, outcome):
    assert outcome["redirects"][name] == ["OK"]


def test_nothing_reached_a_host_or_port_that_is_not_allowed(outcome):
    assert outcome["redirects"]["reached other"] == []
    heads = outcome["redirects"]["reached outside"]
    assert heads
    assert {head.split()[1] for head in heads} == {"/welcome", "/allowed"}


def test_an_allowed_host_is_reached_by_redirect_without_the_secrets_of_the_service(outcome):
    assert outcome["redirects"]["allowed: to an allowed name"] == ["OK"]
    heads = "".join(outcome["redirects"]["reached outside"]).lower()
    assert "host: allowed.test" in heads
    assert "authorization" not in heads
    assert "cookie" not in heads


def test_names_of_refused_redirects_are_not_even_looked_up(outcome):
    assert "outside.test" not in outcome["asked"]


@pytest.mark.parametrize(
    "name", [name for name in URLS if name not in ("a name of this machine", "loopback in decimal")]
)
def test_a_url_that_leads_outside_is_refused(name, outcome):
    found = outcome["names"][name]
    assert found["reached"] == 0
    again = found["said"][1]
    assert "is not allowed as a target" in again or "credentials" in again
    if name != "a name that is loopback at first":
        assert found["said"][0] == again


def test_a_name_that_is_rebound_is_refused_when_it_is_next_looked_up(outcome):
    first, second = outcome["names"]["a name that is loopback at first"]["said"]
    assert first == "50 of 50" or first.split(" of ")[0] == first.split(" of ")[1]
    assert "it resolves to 203.0.113.5" in second


@pytest.mark.parametrize("name", HERE)
def test_this_machine_by_any_name_may_be_loaded(name, outcome):
    assert outcome["names"][name]["said"][0].split(" of ")[0] == outcome["names"][name]["said"][0].split(" of ")[1]


@pytest.mark.parametrize("name", REACHES)
def test_users_of_a_locust_file_cannot_reach_outside_whatever_they_use(name, outcome):
    kinds = [name] if name.startswith("own ") else [name, f"fast {name}"]
    for kind in kinds:
        assert outcome["locust"][kind]
        assert "OK" not in outcome["locust"][kind]


def test_no_packet_of_a_locust_file_got_out(outcome):
    assert outcome["locust"]["reached"] == []
    assert outcome["locust"]["datagrams"] == []
    assert "203.0.113.5 is neither this machine nor named in `allow:`" in outcome["locust"]["refused"]


@pytest.mark.parametrize("name", MAY_REACH)
def test_users_of_a_locust_file_reach_this_machine_and_what_is_allowed(name, outcome):
    kinds = [name] if name.startswith("own ") else [name, f"fast {name}"]
    for kind in kinds:
        assert outcome["locust"][kind] == ["OK"]


def test_only_what_asked_for_the_allowed_name_got_there(outcome):
    heads = outcome["locust"]["reached allowed"]
    assert heads
    assert {head.split()[1] for head in heads} == {"/welcome", "/raw"}
