"""Ports and who holds them: which are free, which process listens, which processes of a tree serve."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from perfproof.service import socket_diag
from perfproof.service.tree import Descendants, all_pids, is_alive, name_of, parent_of

LISTEN = "0A"


def choose_ports(count: int) -> list[int]:
    """Return ``count`` different ports that are free on 127.0.0.1 right now."""
    with ExitStack() as stack:
        ports = []
        for _ in range(count):
            held = stack.enter_context(socket.socket())
            held.bind(("127.0.0.1", 0))
            ports.append(int(held.getsockname()[1]))
        return ports


def is_free(port: int) -> bool:
    """Tell whether a service could listen on ``port`` of 127.0.0.1 now. Connections in TIME_WAIT do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def listening_inodes(port: int) -> set[str]:
    """Return the socket inodes that listen on ``port``, IPv4 or IPv6, on any address of this network namespace."""
    try:
        return socket_diag.listening_inodes(port)
    except OSError:  # a kernel without it, or a sandbox that forbids it
        return _inodes_in_tables(port)


def _inodes_in_tables(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes


def holders(pids: Sequence[int], port: int) -> list[int]:
    """Return which of ``pids`` hold a socket that listens on ``port``, as far as they may be looked into."""
    wanted = {f"socket:[{inode}]" for inode in listening_inodes(port)}
    return [pid for pid in pids if wanted and not wanted.isdisjoint(_open_files(pid))]


def listeners(port: int) -> list[int]:
    """Return every process of the machine that can be seen to listen on ``port``."""
    return holders(all_pids(), port) if listening_inodes(port) else []


def serving_pids(pids: Sequence[int], port: int) -> tuple[int, ...]:
    """Return which of ``pids`` answer requests on ``port``: they hold the listening socket and no child of theirs does.

    A process whose children hold the socket too is a master (gunicorn's arbiter, uvicorn's supervisor): it opened the
    socket and hands the work to them.
    """
    holding = holders(pids, port)
    masters = {parent_of(pid) for pid in holding}
    return tuple(pid for pid in holding if pid not in masters)


def _open_files(pid: int) -> set[str]:
    found = set()
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):  # closed meanwhile
                found.add(os.readlink(entry.path))  # noqa: PTH115 - a Path for each open file would cost twice as much
    except OSError:
        pass
    return found


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
