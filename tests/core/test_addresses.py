import pytest

from perfproof.core.addresses import is_this_machine


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("[::1]", True), ("localhost", True),
        ("LOCALHOST", True), ("localhost.", True), ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False), ("::", False), ("192.168.0.7", False), ("example.org", False), ("", False),
        ("localhost.example.org", False), ("127.0.0.1.example.org", False),
    ],
)  # fmt: skip
def test_a_host_is_this_machine_only_if_nobody_else_can_mean_it(host: str, loopback: bool) -> None:
    assert is_this_machine(host) is loopback
