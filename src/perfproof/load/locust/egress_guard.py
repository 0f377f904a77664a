"""Keeps code that is not ours from reaching further than this machine and the hosts that `allow` names.

A Locust file is any Python program: it may follow redirects, use absolute URLs or sockets of its own. So the check sits
where all of them have to pass: in the interpreter's audit events (PEP 578), which come before a socket connects or
sends, with the address in question, and which the file cannot switch off. What compiled libraries do with sockets of
their own passes by it.
"""

from __future__ import annotations

import _socket  # Python's own socket: gevent's would wait for the event loop
import errno
import os
import sys
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from gevent import get_hub

from perfproof.core.addresses import is_loopback

_SENDING = frozenset(("socket.connect", "socket.sendto", "socket.sendmsg"))
_NAMES = frozenset(("socket.getaddrinfo", "socket.gethostbyname"))
_INTERNET = (_socket.AF_INET, _socket.AF_INET6)


class EgressRefusedError(PermissionError):
    """A Locust file wanted to reach a host that is not allowed; counted, and told as trouble of the file."""


class StoppedError(ConnectionAbortedError):
    """A Locust file wanted to send after the load was stopped."""


class EgressGuard:
    """Refuses connections of this process to other machines; ``refused`` counts the addresses that were tried.

    ``spared`` is a port of a peer that ``cut`` leaves alone.
    """

    def __init__(self, allow: Collection[str], spared: int = 0) -> None:
        self.refused: Counter[str] = Counter()
        self._names = {name.lower().strip("[]") for name in allow}
        self._addresses = {name for name in self._names if _is_address(name)}
        self._spared = spared
        self._shut = False
        self._held = False

    def build(self) -> None:
        """Stand guard from now on; an audit hook stays as long as the process does."""
        hub = get_hub()
        hub.resolver = _Listening(hub.resolver, self.learn)
        sys.addaudithook(self._look)

    def taken(self) -> Counter[str]:
        """Return what was refused since this was last asked."""
        found, self.refused = self.refused, Counter()
        return found

    def hold(self) -> None:
        """Let nothing out from now on, to this machine neither: the file is only looked at."""
        self._held = True

    def learn(self, host: object, addresses: Collection[str]) -> None:
        """Let the addresses of ``host`` pass if its name is allowed."""
        name = host.decode("latin-1") if isinstance(host, bytes) else str(host)
        if name.lower() in self._names:
            self._addresses |= {_plain(address) for address in addresses}

    def cut(self) -> None:
        """End every connection of this process to the internet protocols' peers, and let no new one come about."""
        self._shut = True
        # By descriptor, since libraries keep sockets that no object here leads to. Shut down and not closed: the number
        # of a closed one goes to the next file that is opened, and its owner would write into that.
        for each in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                twin = _twin(int(each.name))
                try:
                    if twin.family in _INTERNET and twin.getpeername()[1] != self._spared:
                        twin.shutdown(_socket.SHUT_RDWR)
                finally:
                    twin.close()

    def _look(self, event: str, args: tuple[Any, ...]) -> None:
        if self._held:
            self._hold(event, args)
        if event not in _SENDING:
            return
        end, address = args[0], args[1]
        if not isinstance(address, tuple) or end.family not in _INTERNET:
            return  # connected before, or within this machine
        host = str(address[0])
        if self._shut and address[1] != self._spared:
            raise StoppedError(errno.ECONNABORTED, "the load was stopped")
        if not self._passes(host):
            self.refused[host] += 1
            raise EgressRefusedError(errno.EACCES, f"{host} is neither this machine nor named in `allow:`")

    def _hold(self, event: str, args: tuple[Any, ...]) -> None:
        place = ""
        if event in _SENDING and args[1] is not None:
            address = args[1]
            place = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address)
        elif event in _NAMES and args[0] is not None:
            host = args[0].decode("latin-1") if isinstance(args[0], bytes) else str(args[0])
            place = "" if _is_address(host) or host in ("", "localhost", _socket.gethostname()) else host
        if place:
            self.refused[place] += 1
            raise EgressRefusedError(errno.EACCES, f"{place} is not reached, for the file is only looked at")

    def _passes(self, host: str) -> bool:
        if not _is_address(host):
            return False  # a name that was not looked up could lead anywhere
        return is_loopback(host) or _plain(host) in self._addresses


class _Listening:
    """A resolver of gevent that tells which addresses were found for which name."""

    def __init__(self, resolver: Any, found: Any) -> None:
        self._resolver = resolver
        self._found = found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._resolver, name)

    def getaddrinfo(self, host: Any, port: Any, *args: Any, **options: Any) -> Any:
        """Resolve as the resolver does."""
        found = self._resolver.getaddrinfo(host, port, *args, **options)
        self._found(host, [str(each[4][0]) for each in found])
        return found

    def gethostbyname(self, host: Any, *args: Any) -> Any:
        """Resolve as the resolver does."""
        found = self._resolver.gethostbyname(host, *args)
        self._found(host, [str(found)])
        return found


def _twin(descriptor: int) -> _socket.socket:
    """Return another socket object over the same connection; OSError if the descriptor is no socket."""
    copy = os.dup(descriptor)
    try:
        return _socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise


def _plain(address: str) -> str:
    return address.partition("%")[0].lower()


def _is_address(text: str) -> bool:
    try:
        ip_address(_plain(text))
    except ValueError:
        return False
    return True
