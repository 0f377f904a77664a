"""Which addresses are this machine's own: the one rule that decides whether anything may be sent."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address


def is_loopback(address: str) -> bool:
    """Tell whether an IP address, with or without a zone, is loopback: also as in ``::ffff:127.0.0.1``.

    ``0.0.0.0`` and ``::`` are not: what they reach is the system's choice.
    """
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped.is_loopback
    return found.is_loopback


def is_this_machine(host: str) -> bool:
    """Tell whether a host, a name or an address, means this machine by itself, without asking what it resolves to."""
    try:
        return is_loopback(host.strip("[]"))
    except ValueError:
        return host.rstrip(".").lower() == "localhost"
