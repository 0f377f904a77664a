"""Which sockets listen, by netlink (sock_diag(7)): asked for them alone, the kernel looks at them alone.

``/proc/net/tcp`` holds every connection of the machine and its whole table of them is gone through for one line: some
10 ms of CPU on an ordinary server, just before what is measured.
"""

from __future__ import annotations

import os
import socket
import struct

_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _ERROR, _DONE = 4, 20, 2, 3
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_LISTEN = 1 << 10
_HEADER = struct.Struct("=IHHII")
_ASKED = struct.Struct("=BBBxI48x")
_TOLD = struct.Struct("=BBBB2s2s16s16sI8sIIIII")
"""inet_diag_msg: family, state, timer, retransmissions; id: ports, addresses, interface, cookie; ..., uid, inode."""
_PORT, _INODE = 4, -1
_TIMEOUT = 2.0


def listening_inodes(port: int) -> set[str]:
    """Return the inodes of TCP sockets that listen on ``port``; OSError where the kernel does not tell."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as channel:
        channel.settimeout(_TIMEOUT)
        found: set[str] = set()
        for family in (socket.AF_INET, socket.AF_INET6):
            channel.send(
                _HEADER.pack(_HEADER.size + _ASKED.size, _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, family, 0)
                + _ASKED.pack(family, socket.IPPROTO_TCP, 0, _LISTEN)
            )
            while not _take(channel.recv(1 << 16), port, found):
                pass
        return found


def _take(data: bytes, port: int, found: set[str]) -> bool:
    """Add what one packet tells to ``found``; tell whether it was the last."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at)
        if kind in (_ERROR, _DONE):
            (code,) = struct.unpack_from("=i", data, at + _HEADER.size)
            if code < 0:
                raise OSError(-code, os.strerror(-code))
            return True
        told = _TOLD.unpack_from(data, at + _HEADER.size)
        if int.from_bytes(told[_PORT], "big") == port:
            found.add(str(told[_INODE]))
        at += (length + 3) & ~3
    return False
