"""The processes behind a URL, when it is served by this machine."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import psutil

from perfproof.service.sockets import listeners
from perfproof.service.tree import Descendants, is_alive, name_of, parent_of

FORWARDERS = frozenset({"docker-proxy", "rootlessport", "slirp4netns", "pasta", "ssh", "sshd", "kubectl"})
"""Programs that listen for a service that runs somewhere else: measuring them would measure the wrong thing."""


class LocalProcesses:
    """The processes that listen where a URL points, and everything below them; none when it points elsewhere.

    Made once the URL answers. When all listening processes are replaced (a restart by their supervisor), they are
    found again.
    """

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self.port = port if is_local(parts.hostname or "") else None
        self._roots: list[int] = []
        self._tree = Descendants((), include_roots=True)
        self._find()
        self._found_any = bool(self._roots)

    def pids(self) -> list[int]:
        """Return the pids right now."""
        if self._found_any and not any(map(is_alive, self._roots)):
            self._find()
        return self._tree.pids()

    def vanished(self) -> bool:
        """Tell whether processes were found here once and neither they nor successors are left."""
        return self._found_any and not self.pids()

    def _find(self) -> None:
        """Look for the topmost listening processes."""
        found = [] if self.port is None else listeners(self.port)
        found = [pid for pid in found if name_of(pid) not in FORWARDERS]
        self._roots = [pid for pid in found if parent_of(pid) not in found]
        self._tree = Descendants(self._roots, include_roots=True)


def is_local(host: str) -> bool:
    """Tell whether a host name or address is this machine's."""
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    own = {address.address.partition("%")[0] for found in psutil.net_if_addrs().values() for address in found}
    return all(address in own or str(address).startswith("127.") or address == "::1" for address in addresses)
