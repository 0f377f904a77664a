"""One keep-alive HTTP/1.1 connection, driven by the event loop: no greenlet, no hidden retry, no hidden wait.

``send`` writes the prepared bytes at once and returns; the loop calls back when bytes arrive; the owner is told when
the exchange has ended, however it ended. Measured on one core, this is about a fifth faster than a greenlet for each
connection that waits for its socket, and nothing runs between the arrival of bytes and the clock.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable
from errno import EINPROGRESS
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Protocol

from gevent import monkey
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from perfproof.http.cross_origin_redirect import CrossOriginRedirect
from perfproof.http.flow import Flow
from perfproof.http.redirect import RedirectRefusedError
from perfproof.http.reply import BODY_LIMIT, HEAD_LIMIT, BodyReader, HeadOnly, Reply, ends_with_connection, final_head
from perfproof.http.stream_exchange import StreamEnd, StreamExchange
from perfproof.http.tls import Secure, SecureSocket
from perfproof.model.recording import Outcome

if TYPE_CHECKING:
    from perfproof.http.exchange import Message
    from perfproof.http.target import Target

Owner = Callable[["Connection"], None]

_READ, _WRITE = 1, 2
_BUFFER = 64 * 1024
_OK, _BAD_STATUS, _UNEXPECTED = int(Outcome.OK), int(Outcome.BAD_STATUS), int(Outcome.UNEXPECTED)
_RESENT, _MESSAGE = int(Outcome.RESENT), int(Outcome.MESSAGE)
_AGAIN = 2
"""Stands where 1 says that a connection was opened: it was the second one that the request was sent on."""
# Locust replaces socket.socket by gevent's, whose calls may switch greenlets; this client never waits in a call.
_Socket: type[socket.socket] = monkey.get_original("socket", "socket")


class PoolState(Protocol):
    """What a connection needs of the pool it belongs to: named here, since the pool makes connections."""

    loop: Any
    peer: tuple[int, tuple[str, int]]
    secure: Secure | None
    arm: int
    pair: int
    failures: int
    failed_with: int
    halted: bool
    fresh: bool
    opened: int
    connecting_ns: int
    buffer: bytearray
    record: Callable[..., None]
    next_id: Callable[[], int]
    connections: list[Connection]

    def beside(self, target: Target, next_id: Callable[[], int]) -> PoolState:
        """Return a pool of one connection to another origin."""

    def note(self, problem: str) -> None:
        """Say in the log what went wrong."""

    def unexpected(self, request: str, problem: str) -> None:
        """Count a response that was not as expected."""


class Connection:
    """A slot for one exchange at a time; it opens, keeps and reopens its TCP connection as needed.

    After an exchange ``outcome``, ``status``, ``sent``, ``done`` and (if ``body`` was set to a bytearray before)
    ``body`` tell how it went; ``problem`` holds an error in words. ``kept`` says that the server has left this
    TCP connection open after a response. ``arrived`` says that a response is what is polled for. ``resting`` ends
    the rest of a flow that holds the connection while its user thinks.
    """

    # Slots, for CPython shares the layout of instance dictionaries only up to 30 attributes and is slower beyond.
    __slots__ = (
        "_began",
        "_buffer",
        "_complete",
        "_diverted",
        "_excess",
        "_feed",
        "_first",
        "_head",
        "_head_seen",
        "_intended",
        "_keep",
        "_keep_alive",
        "_lent",
        "_number",
        "_opened",
        "_owner",
        "_parser",
        "_reader",
        "_receive",
        "_rest",
        "_size",
        "_socket",
        "_status_code",
        "_view",
        "_write",
        "_writer",
        "arrived",
        "body",
        "busy",
        "deadline",
        "done",
        "fields",
        "kept",
        "message",
        "outcome",
        "pool",
        "problem",
        "resting",
        "sent",
        "status",
    )

    def __init__(self, pool: PoolState) -> None:
        self.pool = pool
        self.busy = False
        self.arrived = False
        self.kept = False
        self.deadline = 0
        self.outcome = _OK
        self.status = 0
        self.sent = 0
        self.done = 0
        self.problem = ""
        self.body: bytearray | None = None
        self.fields: list[tuple[bytes, bytes]] = []
        self.message: Message | None = None
        self.resting: Callable[[], None] | None = None
        self._diverted: CrossOriginRedirect | StreamExchange | None = None
        self._owner: Owner = _nobody
        self._socket: socket.socket | SecureSocket | None = None
        self._buffer = pool.buffer
        self._view = memoryview(pool.buffer)
        self._began = 0
        self._number = 0
        self._intended = 0
        self._first = 0
        self._size = 0
        self._opened = 0
        self._complete = False
        self._excess = False
        self._keep = False
        self._head = b""
        self._head_seen = False
        self._lent = False
        self._rest: memoryview | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether the TCP connection stands."""
        return self._socket is not None

    def send(self, message: Message | Flow, intended: int, owner: Owner) -> None:
        """Send ``message`` now, connecting first if need be; ``owner`` is called once the exchange has ended.

        ``intended`` (ns) is when it should have been sent; 0 means now. A flow holds the connection until its last
        step has ended.
        """
        if isinstance(message, Flow):
            message.begin(self, intended, owner)
            return
        self.busy = True
        self.message = message
        self._owner = owner
        self._number = number = self.pool.next_id()
        self._first = self._size = self.status = 0
        self._complete = self._excess = self._head_seen = False
        if not message.plain or self._socket is None:
            self._opened = 0
            self.sent = monotonic_ns()
            self._intended = intended or self.sent
            self.deadline = self.sent + message.timeout_ns
            self._send_slowly(message)
            return
        self._opened = 0
        data = message.data
        data[message.place : message.place + 16] = b"%016x" % number
        self.sent = sent = monotonic_ns()
        self._intended = intended or sent
        self.deadline = sent + message.timeout_ns
        try:
            written = self._write(data)
        except BlockingIOError:
            written = 0
        except OSError as error:
            self._fail_soon(Outcome.CLOSED, error)
            return
        if written != message.size:
            self._send_rest(data, written)

    def fail(self, outcome: Outcome, problem: str = "") -> None:
        """End the exchange that is under way, as failed; the connection is closed."""
        if not self.busy:
            return
        self.problem = problem
        if self._diverted is not None:
            self.problem = self._diverted.abandon() or problem
            self._diverted = None
        self._forget()
        self.close()
        self._end(int(outcome), monotonic_ns())

    def close(self) -> None:
        """Close the TCP connection; the next exchange opens another."""
        if self._socket is None:
            return
        for watcher in (self._reader, self._writer):
            watcher.stop()
            watcher.close()
        self._socket.close()
        self._socket = None
        self._rest = None

    # connecting and writing

    def _send_slowly(self, message: Message) -> None:
        if message.stream is not None:
            pool = self.pool
            self._diverted = StreamExchange(pool.loop, pool.peer, pool.secure, message, self._number, self._streamed)
            return
        if message.handling is not None:
            # Kept for the caller if it gave a body to fill, else only until the response has been looked at.
            self._lent = self._lent or self.body is None
            self.body = bytearray()
            self.fields = []
        if self._socket is None:
            self._opened = 1
            self._connect()
            return
        # Headers are only parsed for those who look at them. And a response to HEAD has headers that announce a body,
        # and no body; llhttp cannot be told so from here, therefore such a response is over when its headers are.
        self._new_parser(message)
        self._send_rest(message.data, 0)

    def _connect(self) -> None:
        family, address = self.pool.peer
        self.pool.opened += 1
        self.kept = False
        self._began = monotonic_ns()
        try:
            raw = _Socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        except OSError as error:  # out of descriptors
            self._fail_soon(Outcome.CONNECT, error)
            return
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop, secure = self.pool.loop, self.pool.secure
        self._socket = opened = raw if secure is None else secure.wrap(raw, loop)
        self._reader = loop.io(opened.fileno(), _READ)
        self._writer = loop.io(opened.fileno(), _WRITE)
        self._receive = opened.recv_into
        self._write = opened.send
        code = opened.connect_ex(address)
        if code not in (0, EINPROGRESS):
            self._fail_soon(Outcome.CONNECT, OSError(code, os.strerror(code)))
            return
        self._writer.start(self._connected)

    def _connected(self) -> None:
        self._writer.stop()
        assert self._socket is not None  # noqa: S101 - the watcher is stopped when the socket closes
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self.fail(Outcome.CONNECT, os.strerror(code))
        elif isinstance(self._socket, SecureSocket):
            self._reader.start(self._shake)
            self._shake()
        else:
            self._ready()

    def _shake(self) -> None:
        """Go on with the TLS handshake; nothing of the request is sent before the certificate is found good."""
        assert isinstance(self._socket, SecureSocket)  # noqa: S101 - only watched for one of those
        try:
            done = self._socket.shake()
        except ssl.SSLCertVerificationError as error:
            self._refuse(f"the certificate is not good: {error.verify_message}")
        except OSError as error:
            self._refuse(f"no TLS: {error.strerror or error}")
        else:
            if done:
                self._reader.stop()
                self._ready()

    def _refuse(self, problem: str) -> None:
        self.pool.note(problem)
        self.fail(Outcome.CONNECT, problem)

    def _ready(self) -> None:
        message = self.message
        assert message is not None  # noqa: S101 - a connection is opened for an exchange
        self.pool.connecting_ns += monotonic_ns() - self._began
        self._new_parser(message)
        self._reader.start(self._readable)
        self._send_rest(message.data, 0)

    def _send_rest(self, data: bytearray, written: int) -> None:
        """Send what is left, now and whenever the socket takes more; a copy, for the message serves others too."""
        assert self.message is not None  # noqa: S101 - only called within an exchange
        place = self.message.place
        copy = bytearray(data)
        copy[place : place + 16] = b"%016x" % self._number
        self._rest = memoryview(copy)[written:]
        self._writable()

    def _writable(self) -> None:
        assert self._rest is not None  # noqa: S101 - the watcher runs only while there is a rest
        try:
            written = self._write(self._rest)
        except BlockingIOError:
            written = 0
        except OSError as error:
            self._writer.stop()
            self._rest = None
            self._fail_soon(Outcome.CLOSED, error)
            return
        self._rest = self._rest[written:]
        if len(self._rest):
            if not self._writer.active:
                self._writer.start(self._writable)
        else:
            self._rest = None
            self._writer.stop()

    def _fail_soon(self, outcome: Outcome, error: OSError) -> None:
        # From the loop, not from here: an owner that sends again at once would otherwise call itself without end.
        problem = error.strerror or str(error)
        number, opened = self._number, self._socket

        def fail() -> None:
            if self.busy and self._number == number and self._socket is opened:  # not sent again in the meantime
                self._lose(outcome, problem)

        self.pool.loop.run_callback(fail)

    # reading

    def _readable(self) -> None:
        try:
            count = self._receive(self._buffer)
        except BlockingIOError:
            return
        except OSError as error:
            self.problem = error.strerror or str(error)
            count = -1
        now = monotonic_ns()
        if count <= 0:
            self._ended(count, now)
            return
        if not self.busy:
            self.close()  # bytes that nobody asked for: what follows them could not be trusted
            return
        if not self._first:
            self._first = now
        try:
            self._feed(self._view[:count])
        except HttpParserUpgrade:
            self.fail(Outcome.PROTOCOL, "the server switched protocols")
            return
        except HttpParserError as error:
            if not self._complete:
                self.fail(Outcome.PROTOCOL, str(error))
                return
            self._excess = True
        if self._complete:
            self._finish(now)
        elif not self._head_seen:
            self._watch_head(count)

    def _watch_head(self, count: int) -> None:
        self._head += self._view[:count]
        head = final_head(self._head)
        if head is not None:
            self._head, self._head_seen = head, True
        elif len(self._head) > HEAD_LIMIT:
            self.fail(Outcome.PROTOCOL, f"headers of more than {HEAD_LIMIT} bytes")

    def _ended(self, count: int, now: int) -> None:
        if not self.busy:
            self.close()
        elif count == 0 and self._head_seen and ends_with_connection(self._head):
            self.status = self._parser.get_status_code()
            self._keep = False
            self._finish(now)
        else:
            self._lose(Outcome.CLOSED, self.problem if count else "the server closed the connection")

    def _lose(self, outcome: Outcome, problem: str) -> None:
        """Deal with a connection that ended before its response did: a failure, unless it was about to end anyway.

        A server may close a connection that rests just when the next request is on its way (RFC 9112, 9.3.1): it has
        served before, and not a byte of a response has come. What changes nothing is sent again, on a new connection.
        """
        message = self.message
        if outcome is not Outcome.CLOSED or not self.kept or self._first or message is None:
            self.fail(outcome, problem)
        elif message.safe:
            self.close()
            self._opened = _AGAIN
            self._connect()
        else:
            self.fail(Outcome.LOST, problem)

    def _forget(self) -> None:
        """Drop a body that was kept only to be looked at: what follows on this connection would be added to it."""
        if self._lent:
            self.body, self._lent = None, False

    def _finish(self, now: int) -> None:
        message = self.message
        assert message is not None  # noqa: S101 - a response is only taken within an exchange
        if self._head:
            self._head = b""
        if now > self.deadline:
            # Timeouts are looked for now and then (``pool.sweep``), so a response may come before that and too late.
            self.fail(Outcome.TIMEOUT, "no answer in time")
            return
        outcome = _OK if self.status in message.accepted else _BAD_STATUS
        if self._excess:
            outcome = int(Outcome.PROTOCOL)
        if self._keep and not self._excess and self._rest is None and not self.pool.fresh:
            self.kept = True
            if not message.plain:
                self._new_parser()
        else:
            self.close()
        if message.plain or message.handling is None:
            self._end(outcome, now)
        elif self._excess:
            self._forget()
            self._end(outcome, now)
        else:
            self._look(message, outcome, now)

    def _look(self, message: Message, outcome: int, now: int) -> None:
        """Look at a response whose time has been taken: follow it elsewhere, or judge it."""
        handling = message.handling
        assert handling is not None  # noqa: S101 - asked by the caller
        reply = Reply(self.status, self.fields, bytes(self.body or b""), self._size)
        problem: str | None = None
        try:
            hop = handling.follow(reply)
        except RedirectRefusedError as error:
            hop, problem, outcome = None, str(error), _UNEXPECTED
        if hop is not None:
            self._follow(hop)
            return
        if outcome == _OK:
            problem, self.arrived = handling.judge(reply)
            if problem is not None:
                outcome = _UNEXPECTED
        if problem is not None:
            self.problem = problem
            self.pool.unexpected(handling.request.name, problem)
        self._forget()
        self._end(outcome, now)

    def _follow(self, hop: Message) -> None:
        """Send what a redirect leads to, within the same exchange: one id, one sample, from first send to last byte."""
        self._complete = self._excess = self._head_seen = False
        self._first = 0
        current = self.message
        assert current is not None  # noqa: S101 - there is an exchange
        hop.request, hop.variant, hop.timeout_ns = current.request, current.variant, current.timeout_ns
        self.message = hop
        if hop.handling is not None and hop.handling.away is not None:
            self._diverted = CrossOriginRedirect(self.pool.beside, hop, self._number, self._returned)
        else:
            self._send_slowly(hop)

    def _returned(self, outcome: int, status: int, size: int, done: int, problem: str) -> None:
        """Take over what came of the part of an exchange that another host answered."""
        if isinstance(self._diverted, CrossOriginRedirect):
            self.body, self.fields = self._diverted.body, self._diverted.fields
        self._diverted = None
        self.status, self.problem = status, problem
        self._size += size
        self._forget()
        self._end(outcome, done)

    def _streamed(self, end: StreamEnd) -> None:
        """Take over what came of a stream, and record when its messages came if it went well."""
        message, pool, before = self.message, self.pool, self.sent
        assert message is not None  # noqa: S101 - there is an exchange
        self._diverted = None
        self.status, self.problem, self._size = end.status, end.problem, end.size
        self._first = end.arrivals[0] if end.arrivals else 0
        if self.body is not None:
            self.body, self.fields = end.body, end.fields
        outcome = Outcome.TIMEOUT if end.outcome is Outcome.OK and end.done > self.deadline else end.outcome
        if outcome is Outcome.UNEXPECTED:
            pool.unexpected(message.name, end.problem)
        elif outcome is Outcome.OK:
            own = (pool.arm, pool.pair, message.request, message.variant)
            for first, at in zip([1] + [0] * len(end.arrivals), end.arrivals, strict=False):
                pool.record(*own, before, before, at, at, end.status, 0, _MESSAGE, first, self._number)
                before = at
        self._end(int(outcome), end.done)

    def _end(self, outcome: int, now: int) -> None:
        self.busy = False
        self.outcome = outcome
        self.done = now
        message = self.message
        pool = self.pool
        opened = self._opened
        if outcome:
            pool.failures += 1
            pool.failed_with = self.status
        elif pool.failures:
            pool.failures = 0
        if message is not None:
            pool.record(
                pool.arm,
                pool.pair,
                message.request,
                message.variant,
                self._intended,
                self.sent,
                self._first,
                now,
                self.status,
                self._size,
                outcome if opened < _AGAIN else outcome or _RESENT,
                opened,
                self._number,
            )
        self._owner(self)

    # what the parser calls

    def _new_parser(self, message: Message | None = None) -> None:
        self._head = b""
        caller: object = self
        if message is not None and not message.plain:
            head = HeadOnly if message.head else BodyReader
            caller = head(self.on_message_complete, self.on_body, self.fields)
        self._parser = HttpResponseParser(caller)
        self._feed = self._parser.feed_data
        self._status_code = self._parser.get_status_code
        self._keep_alive = self._parser.should_keep_alive

    def on_body(self, data: bytes) -> None:
        """Count a piece of the body; keep it only if somebody asked."""
        self._size += len(data)
        if self.body is not None and len(self.body) < BODY_LIMIT:
            self.body += data

    def on_message_complete(self) -> None:
        """Note that the response is whole; interim responses (1xx) do not end the exchange."""
        status = self._status_code()
        if status < 200:
            self.fields.clear()
            return
        if self._complete:
            self._excess = True
        self.status = status
        self._complete = True
        self._keep = self._keep_alive()


def _nobody(_: Connection) -> None:
    """Stand in for an owner before the first exchange."""
