"""TLS for sockets that never wait: Python's own, driven through memory, since its sockets would switch greenlets."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import Any

from perfproof.errors import LoadError
from perfproof.model.scenario import Tls

_PIECE = 32 * 1024
"""Bytes taken from the network at a time: decrypted they always fit into a connection's buffer."""


class Secure:
    """How connections to one host are secured: certificates and the host's name are checked unless told otherwise."""

    def __init__(self, tls: Tls | None, host: str) -> None:
        self._host = host
        self._context = context_of(tls or Tls())

    def wrap(self, raw: socket.socket, loop: Any) -> SecureSocket:
        """Return a socket that encrypts what passes ``raw``."""
        return SecureSocket(raw, self._context, self._host, loop)


def context_of(tls: Tls) -> ssl.SSLContext:
    """Return the context for a service's certificates; LoadError when its authority's file cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca is None:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(tls.ca)
        except (OSError, ssl.SSLError) as error:
            raise LoadError(f"cannot use {tls.ca} as certificate authority", why=str(error)) from error
    return context


class SecureSocket:
    """The calls of a non-blocking socket that a connection makes, with TLS in between."""

    def __init__(self, raw: socket.socket, context: ssl.SSLContext, host: str, loop: Any) -> None:
        self._raw = raw
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)
        self._unsent = b""
        self._flusher = loop.io(raw.fileno(), 2)
        self._failed: OSError | None = None
        self.fileno = raw.fileno
        self.setsockopt = raw.setsockopt
        self.getsockopt = raw.getsockopt
        self.connect_ex = raw.connect_ex

    def shake(self) -> bool:
        """Go on with the handshake; tell whether it is done. OSError (also ssl.SSLError) when it failed."""
        self._receive()
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self._flush()
        return True

    def send(self, data: bytes | bytearray | memoryview) -> int:
        """Encrypt and send; returns how much was taken. What the network does not take at once follows by itself."""
        if self._failed is not None:
            raise self._failed
        if self._unsent:
            raise BlockingIOError
        taken = self._tls.write(data[: 8 * _PIECE])
        self._flush()
        return taken

    def recv_into(self, buffer: Any) -> int:
        """Receive and decrypt; 0 means that the peer has ended the session properly."""
        over = self._receive()
        view, count = memoryview(buffer), 0
        try:
            while count < len(view):
                # Given a buffer it returns a number, which the stubs do not know.
                got: Any = self._tls.read(len(view) - count, view[count:])
                if not got:
                    break
                count += got
        except ssl.SSLWantReadError:
            if not count and over:
                raise ConnectionResetError("the connection ended inside the TLS session") from None
        except ssl.SSLZeroReturnError:
            return count
        self._flush()
        if not count and not over:
            raise BlockingIOError
        return count

    def close(self) -> None:
        """Close the connection; no farewell, as nobody waits for it."""
        self._flusher.stop()
        self._flusher.close()
        self._raw.close()

    def _receive(self) -> bool:
        """Take what the network has; tell whether its end has come."""
        try:
            data = self._raw.recv(_PIECE)
        except BlockingIOError:
            return False
        if data:
            self._in.write(data)
            return False
        self._in.write_eof()
        return True

    def _flush(self) -> None:
        self._unsent += self._out.read()
        while self._unsent:
            try:
                sent = self._raw.send(self._unsent)
            except BlockingIOError:
                self._later(self._flushed)
                return
            self._unsent = self._unsent[sent:]

    def _later(self, call: Callable[[], None]) -> None:
        if not self._flusher.active:
            self._flusher.start(call)

    def _flushed(self) -> None:
        self._flusher.stop()
        try:
            self._flush()
        except OSError as error:
            self._failed = error  # told with the next call; the reader hears of it as well
