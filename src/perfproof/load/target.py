"""Which address a base URL means, and whether load may go there: loopback, or a host that the scenario allows."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from perfproof.errors import LoadError

Resolver = Callable[[str, int], list[tuple[int, str]]]


@dataclass(frozen=True)
class Target:
    """Checked addresses to connect to (family, address), the ``Host`` header and the path in front of every request."""

    addresses: tuple[tuple[int, str], ...]
    port: int
    authority: str
    prefix: str = ""


def resolve(host: str, port: int) -> list[tuple[int, str]]:
    """Return (family, address) of a host by the system's resolver, without duplicates, IPv4 before IPv6."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    unique: dict[tuple[int, str], Any] = {(int(family), str(where[0])): None for family, _, _, _, where in found}
    # IPv4 first: most services under test listen on 127.0.0.1 while "localhost" often means ::1 first.
    return sorted(unique, key=lambda pair: pair[0] != socket.AF_INET)


def locate(base_url: str, allow: Collection[str], resolver: Resolver = resolve) -> Target:
    """Return where ``base_url`` leads, or raise LoadError when it may not or cannot be used.

    Every address the name resolves to must be loopback unless ``allow`` names the host exactly: with a mixture, which
    one is reached could change between two look-ups. Connections are made to the addresses returned here and the name
    is never looked up again.
    """
    parts = urlsplit(base_url)
    if parts.scheme != "http":
        raise LoadError(
            f"{parts.scheme or 'no'} scheme in the service's URL", why="only http:// can be loaded", hint="use http://"
        )
    if parts.username is not None or parts.password is not None:
        raise LoadError("the service's URL holds credentials", hint="send them as an Authorization header instead")
    host = parts.hostname
    try:
        port = parts.port or 80
    except ValueError as error:
        raise LoadError("the service's URL has no usable port", why=str(error)) from error
    if not host:
        raise LoadError("the service's URL names no host")
    try:
        addresses = resolver(host, port)
    except OSError as error:
        raise LoadError(f"cannot resolve {host}", why=str(error)) from error
    outside = [address for _, address in addresses if not ipaddress.ip_address(address.partition("%")[0]).is_loopback]
    if outside and host.lower() not in {name.lower() for name in allow}:
        raise LoadError(
            f"{host} is not allowed as a target",
            why=f"it resolves to {outside[0]}, which is not this machine's loopback",
            hint=f"add {host} to `allow:` if you may put load on it",
        )
    default = port == 80
    name = f"[{host}]" if ":" in host else host
    prefix = parts.path.rstrip("/")
    return Target(tuple(addresses), port, name if default else f"{name}:{port}", prefix)
