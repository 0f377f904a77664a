"""One stream: server-sent events or a WebSocket, read until so many messages have come, on a connection of its own.

In a greenlet, unlike everything else that load sends: a stream waits for its service nearly all of its time, and what
is measured is when messages come, not how many exchanges a core can carry. The connection that lends its slot stays
open meanwhile, so that the next ordinary request need not connect.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from errno import EINPROGRESS
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, NoReturn

import gevent
from gevent import get_hub, monkey
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
from wsproto.connection import Connection as WebSocket
from wsproto.connection import ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import ProtocolError

from perfproof.http.event_stream import EventReader
from perfproof.http.exchange import KEY_LENGTH, KEY_OF_NOBODY
from perfproof.http.reply import HEAD_LIMIT
from perfproof.http.tls import Secure, SecureSocket
from perfproof.model.recording import Outcome

if TYPE_CHECKING:
    from perfproof.http.exchange import Message

_READ, _WRITE = 1, 2
_PIECE = 64 * 1024
_KEPT = 1024 * 1024
"""Most bytes of messages that are kept to be looked at."""
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_Socket: type[socket.socket] = monkey.get_original("socket", "socket")

Ended = Callable[["StreamEnd"], None]
Peer = tuple[int, tuple[str, int]]


@dataclass
class StreamEnd:
    """What came of a stream: ``arrivals`` are when its messages came (ns), ``size`` the bytes of all of them."""

    outcome: Outcome = Outcome.OK
    status: int = 0
    problem: str = ""
    done: int = 0
    size: int = 0
    arrivals: list[int] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)


class _Over(Exception):  # noqa: N818 - it ends the exchange, well or not
    def __init__(self, outcome: Outcome, problem: str = "") -> None:
        super().__init__(problem)
        self.outcome, self.problem = outcome, problem


class StreamExchange:
    """Sends ``message`` to ``peer`` and reads its stream; ``ended`` is called once it is over, unless abandoned."""

    def __init__(
        self, loop: Any, peer: Peer, secure: Secure | None, message: Message, number: int, ended: Ended
    ) -> None:
        assert message.stream is not None  # noqa: S101 - asked by the caller
        self._stream = message.stream
        self._loop = loop
        self._peer = peer
        self._secure = secure
        self._message = message
        self._number = number
        self._ended: Ended | None = ended
        self._end = StreamEnd()
        self._socket: socket.socket | SecureSocket | None = None
        self._connected = False
        self._events = EventReader()
        self._web_socket: WebSocket | None = None
        self._key = b""
        self._head_size = 0
        self._headed = False
        self._unsent = list(message.stream.send)
        self._part = bytearray()
        self._now = 0
        self._over: _Over | None = None
        self._parser = HttpResponseParser(self)
        self._greenlet = gevent.spawn(self._run)

    def abandon(self) -> str:
        """Close the connection, tell nobody, and return how far it came."""
        self._ended = None
        self._close()
        self._greenlet.kill(block=False)
        if not self._headed:
            return ""
        return f"{len(self._end.arrivals)} of {self._stream.messages} messages came in time"

    def _run(self) -> None:
        end = self._end
        try:
            self._open()
            self._write(self._request())
            self._read()
        except _Over as over:
            end.outcome, end.problem = over.outcome, over.problem
        except ssl.SSLCertVerificationError as error:
            end.outcome, end.problem = Outcome.CONNECT, f"the certificate is not good: {error.verify_message}"
        except OSError as error:
            end.outcome = Outcome.CLOSED if self._connected else Outcome.CONNECT
            end.problem = error.strerror or str(error)
        except (HttpParserError, ProtocolError) as error:
            end.outcome, end.problem = Outcome.PROTOCOL, str(error)
        end.done = end.arrivals[-1] if end.outcome is Outcome.OK and end.arrivals else monotonic_ns()
        self._close()
        if self._ended is not None:
            self._loop.run_callback(self._ended, end)

    # the connection

    def _open(self) -> None:
        family, address = self._peer
        raw = _Socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = opened = raw if self._secure is None else self._secure.wrap(raw, self._loop)
        code = opened.connect_ex(address)
        if code == EINPROGRESS:
            self._wait(_WRITE)
            code = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        if isinstance(opened, SecureSocket):
            while not opened.shake():
                self._wait(_READ)
        self._connected = True

    def _wait(self, event: int) -> None:
        if self._socket is None:
            raise gevent.GreenletExit
        watcher = self._loop.io(self._socket.fileno(), event)
        try:
            get_hub().wait(watcher)
        finally:
            watcher.close()

    def _write(self, data: bytes | bytearray) -> None:
        rest = memoryview(data)
        while len(rest):
            if self._socket is None:
                raise gevent.GreenletExit
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                self._wait(_WRITE)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # the exchange

    def _request(self) -> bytearray:
        message = self._message
        data = bytearray(message.data)
        data[message.place : message.place + 16] = b"%016x" % self._number
        if self._stream.kind == "websocket":
            self._key = base64.b64encode(secrets.token_bytes(16))
            data = data.replace(KEY_OF_NOBODY, self._key, 1)
            assert len(self._key) == KEY_LENGTH  # noqa: S101 - or the message's size were another
        return data

    def _read(self) -> None:
        buffer = bytearray(_PIECE)
        view = memoryview(buffer)
        while True:
            if self._socket is None:
                raise gevent.GreenletExit
            try:
                count = self._socket.recv_into(buffer)
            except BlockingIOError:
                self._wait(_READ)
                continue
            self._now = monotonic_ns()
            if not count:
                self._stopped("the service closed the connection")
            piece = bytes(view[:count])
            if self._web_socket is not None:
                self._frames(piece)
                continue
            if not self._headed:
                self._head_size += count
                if self._head_size > HEAD_LIMIT:
                    raise _Over(Outcome.PROTOCOL, f"headers of more than {HEAD_LIMIT} bytes")
            try:
                self._parser.feed_data(piece)
            except HttpParserUpgrade as upgrade:
                if self._over is None:
                    self._upgraded(piece[upgrade.args[0] :])
            if self._over is not None:
                raise self._over

    def _stopped(self, how: str) -> NoReturn:
        """End, since nothing more comes: well if that may be."""
        stream, came = self._stream, len(self._end.arrivals)
        if not self._headed:
            raise _Over(Outcome.CLOSED, how)
        if stream.ends and came and not stream.until:
            raise _Over(Outcome.OK)
        wanted = f"messages without {stream.until!r:.60}" if stream.until else f"of {stream.messages} messages"
        raise _Over(Outcome.UNEXPECTED, f"{how} after {came} {wanted}")

    def _message_came(self, data: bytes) -> None:
        end, stream = self._end, self._stream
        end.arrivals.append(self._now)
        end.size += len(data)
        if len(end.body) < _KEPT:
            end.body += data + b"\n"
        if stream.until:
            if stream.until.encode() in data:
                self._good()
            if len(end.arrivals) >= stream.messages:
                raise _Over(Outcome.UNEXPECTED, f"none of {stream.messages} messages holds {stream.until!r:.60}")
        elif len(end.arrivals) >= stream.messages:
            self._good()
        if self._web_socket is not None:
            self._say_next()

    def _good(self) -> None:
        if self._web_socket is not None:  # a farewell that nobody waits for
            self._write(self._web_socket.send(CloseConnection(code=CloseReason.NORMAL_CLOSURE)))
        raise _Over(Outcome.OK)

    # what the parser calls: an error would not pass through it, so it is kept and raised behind it

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note one header field."""
        self._end.fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Look at what kind of answer it is, before anything of it is read."""
        self._guarded(self._look)

    def on_body(self, data: bytes) -> None:
        """Take a piece of the stream."""
        self._guarded(lambda: self._take(data))

    def on_message_complete(self) -> None:
        """Note that the response has ended by itself."""
        if self._headed and self._end.status != 101:
            self._guarded(lambda: self._stopped("the response ended"))

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            if self._over is None:
                call()
        except _Over as over:
            self._over = over

    def _look(self) -> None:
        end, message = self._end, self._message
        end.status = status = self._parser.get_status_code()
        if status < 200 and status != 101:
            end.fields.clear()
            return
        self._headed = True
        if status not in message.accepted:
            raise _Over(Outcome.BAD_STATUS)
        if self._stream.kind == "websocket":
            if status != 101:
                raise _Over(Outcome.UNEXPECTED, "the service did not switch to WebSocket")
            return
        kind = self._header(b"content-type").partition(";")[0].strip().lower()
        if kind != "text/event-stream":
            raise _Over(Outcome.UNEXPECTED, f"its content type is {kind or 'missing'}, not text/event-stream")
        if self._header(b"content-encoding").strip().lower() not in ("", "identity"):
            raise _Over(Outcome.UNEXPECTED, "its events are compressed: send no Accept-Encoding")

    def _take(self, data: bytes) -> None:
        for event in self._events.feed(data):
            self._message_came(event)

    def _header(self, name: bytes) -> str:
        return next((value.decode("latin-1") for key, value in self._end.fields if key.lower() == name), "")

    # WebSocket

    def _upgraded(self, rest: bytes) -> None:
        if self._stream.kind != "websocket":
            raise _Over(Outcome.PROTOCOL, "the service switched protocols")
        if self._header(b"upgrade").lower() != "websocket":
            raise _Over(Outcome.UNEXPECTED, "the service switched to another protocol than WebSocket")
        wanted = base64.b64encode(hashlib.sha1(self._key + _GUID, usedforsecurity=False).digest()).decode()
        if self._header(b"sec-websocket-accept").strip() != wanted:
            raise _Over(Outcome.UNEXPECTED, "its Sec-WebSocket-Accept does not answer the key that was sent")
        self._headed = True
        self._web_socket = WebSocket(ConnectionType.CLIENT)
        self._say_next()
        if rest:
            self._frames(rest)

    def _say_next(self) -> None:
        """Send the next of what is to be said: each waits for a message after the one before."""
        if self._unsent and self._web_socket is not None:
            self._write(self._web_socket.send(TextMessage(data=str(self._unsent.pop(0)))))

    def _frames(self, piece: bytes) -> None:
        web_socket = self._web_socket
        assert web_socket is not None  # noqa: S101 - asked by the caller
        web_socket.receive_data(piece)
        for event in web_socket.events():
            if isinstance(event, TextMessage | BytesMessage):
                data = event.data
                self._part += data.encode() if isinstance(data, str) else data
                if event.message_finished:
                    whole, self._part = bytes(self._part), bytearray()
                    self._message_came(whole)
            elif isinstance(event, Ping):
                self._write(web_socket.send(event.response()))
            elif isinstance(event, CloseConnection):
                self._write(web_socket.send(event.response()))
                reason = f" ({event.code}{': ' + event.reason if event.reason else ''})"
                self._stopped(f"the service closed the WebSocket{reason}")
