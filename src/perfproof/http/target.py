"""Which address a URL means, and whether load may go there: loopback, or a host that the scenario allows."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from perfproof.core.addresses import is_loopback
from perfproof.errors import LoadError

Resolver = Callable[[str, int], list[tuple[int, str]]]
Origin = tuple[str, str, int]
"""Scheme, host (lower case) and port."""

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Target:
    """Checked addresses to connect to (family, address), the ``Host`` header and the path in front of every request."""

    addresses: tuple[tuple[int, str], ...]
    port: int
    authority: str
    prefix: str = ""
    scheme: str = "http"
    host: str = ""

    @property
    def origin(self) -> Origin:
        """Return scheme, host and port."""
        return self.scheme, self.host, self.port


def resolve(host: str, port: int) -> list[tuple[int, str]]:
    """Return (family, address) of a host by the system's resolver, without duplicates, IPv4 before IPv6."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    unique: dict[tuple[int, str], Any] = {(int(family), str(where[0])): None for family, _, _, _, where in found}
    # IPv4 first: most services under test listen on 127.0.0.1 while "localhost" often means ::1 first.
    return sorted(unique, key=lambda pair: pair[0] != socket.AF_INET)


def origin_of(parts: SplitResult) -> Origin:
    """Return the origin of a split URL; LoadError when it has none that can be loaded."""
    if parts.scheme not in _PORTS:
        raise LoadError(
            f"{parts.scheme or 'no'} scheme in the URL",
            why="only http:// and https:// can be loaded",
            hint="use http:// or https://",
        )
    if parts.username is not None or parts.password is not None:
        raise LoadError("the URL holds credentials", hint="send them as an Authorization header instead")
    try:
        port = parts.port or _PORTS[parts.scheme]
    except ValueError as error:
        raise LoadError("the URL has no usable port", why=str(error)) from error
    if not parts.hostname:
        raise LoadError("the URL names no host")
    return parts.scheme, parts.hostname.lower(), port


def locate(base_url: str, allow: Collection[str], resolver: Resolver = resolve) -> Target:
    """Return where ``base_url`` leads, or raise LoadError when it may not or cannot be used.

    Every address the name resolves to must be loopback unless ``allow`` names the host exactly: with a mixture, which
    one is reached could change between two look-ups. Connections are made to the addresses returned here and the name
    is never looked up again, so that a name cannot lead elsewhere after it was checked.
    """
    parts = urlsplit(base_url)
    scheme, host, port = origin_of(parts)
    try:
        addresses = resolver(host, port)
    except (OSError, UnicodeError) as error:
        raise LoadError(f"cannot resolve {host}", why=str(error)) from error
    outside = [address for _, address in addresses if not is_loopback(address)]
    if outside and host not in {name.lower() for name in allow}:
        raise LoadError(
            f"{host} is not allowed as a target",
            why=f"it resolves to {outside[0]}, which is not this machine's loopback",
            hint=f"add {host} to `allow:` if you may put load on it",
        )
    name = f"[{host}]" if ":" in host else host
    authority = name if port == _PORTS[scheme] else f"{name}:{port}"
    return Target(tuple(addresses), port, authority, parts.path.rstrip("/"), scheme, host)
