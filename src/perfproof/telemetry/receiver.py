"""Receives OTLP over HTTP on loopback while a service is asked, and keeps its spans; nothing is passed on.

Metrics that come this way are kept by ``metric_feed``.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any, Protocol, TypeVar

from perfproof.telemetry.otlp import Span, UnreadableError, decode

MOST_BODY = 8 * 1024 * 1024
MOST_SPANS = 50_000
_SHOW = 20
"""Exports with spans that show how often a service exports. Fewer may be those of several processes by chance."""
_LEAST = 1.0
"""Seconds that a span is waited for at least, however soon others came."""
_OVER_GRPC = "it sends OTLP over gRPC, and perfproof takes it over HTTP: install its http exporter"
_PREFACE = b"PRI * HTTP/2.0"


class Taker(Protocol):
    """What becomes of exports, in the threads that receive them; ``source`` tells connections apart."""

    def take(self, path: str, body: bytes, media: str, source: object) -> None:
        """Take one export."""

    def refuse(self, why: str) -> None:
        """Note something that could not be taken."""

    def gone(self, source: object) -> None:
        """Note that a connection was closed."""


TakerT = TypeVar("TakerT", bound=Taker)


@dataclass
class Heard:
    """What came so far. ``environment`` is what has a service send here; ``problems`` is what could not be read."""

    environment: Mapping[str, str]
    spans: list[Span] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)
    exports: int = 0
    other: Counter[str] = field(default_factory=Counter)
    came: list[float] = field(default_factory=list)
    """When each export with spans came, on the monotonic clock."""
    first: dict[str, float] = field(default_factory=dict)
    """When the first span of each trace came."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, path: str, body: bytes, media: str, source: object) -> None:  # noqa: ARG002
        """Note one export; of other signals than traces only that they came."""
        with self._lock:
            if not path.rstrip("/").endswith("/traces"):
                self.other[path[:40]] += 1
                return
            self.exports += 1
            try:
                found = decode(body, media)
            except UnreadableError as error:
                self.problems[str(error)] += 1
                return
            if len(self.spans) + len(found) > MOST_SPANS:
                self.problems[f"more than {MOST_SPANS:,} spans came, and the rest was dropped"] += 1
                return
            self.spans += found
            if found:
                self.came.append(time.monotonic())
            for span in found:
                self.first.setdefault(span.trace, self.came[-1])

    def refuse(self, why: str) -> None:
        """Note something that could not be taken."""
        with self._lock:
            self.problems[why] += 1

    def gone(self, source: object) -> None:
        """Do nothing: spans say themselves whose they are."""

    def traces(self) -> dict[str, list[Span]]:
        """Return the spans by the id of their trace."""
        with self._lock:
            spans = list(self.spans)
        found: dict[str, list[Span]] = {}
        for span in spans:
            found.setdefault(span.trace, []).append(span)
        return found

    def wait_for(self, sent: Mapping[str, float], seconds: float, quiet: float = 0.5) -> None:
        """Wait until a span of every trace is there and nothing more comes for ``quiet`` s, or none is to be expected.

        ``sent`` says when each trace was sent, on the monotonic clock; a span may take ``seconds`` to come.
        """
        began = time.monotonic()
        seen, since = -1, began
        while time.monotonic() < self._until(sent, seconds, began):
            known = self.traces()
            count = sum(len(spans) for spans in known.values())
            if count != seen:
                seen, since = count, time.monotonic()
            if all(trace in known for trace in sent) and time.monotonic() - since >= quiet:
                return
            time.sleep(0.05)

    def _until(self, sent: Mapping[str, float], seconds: float, began: float) -> float:
        """Return until when to wait for what is missing.

        Where nothing at all has come, none of the traces waits for an export of the others: what was sent first would
        be there. A service that exports often does not take ``seconds`` for what it has left: it is given three times
        the longest that any took, and that passed between two exports or since the last.
        """
        with self._lock:
            came, first = list(self.came), dict(self.first)
        if not sent or not came:
            return min(sent.values(), default=began) + seconds
        if len(came) < _SHOW:
            return began + seconds
        last = max(sent.values())
        took = [first[trace] - at for trace, at in sent.items() if trace in first]
        pauses = [after - before for before, after in pairwise(came)]
        return min(began + seconds, last + max(_LEAST, 3 * max(*took, *pauses, last - came[-1])))


@contextmanager
def receiving() -> Iterator[Heard]:
    """Lend a receiver of spans on a free port of this machine."""
    with serving(lambda port: Heard(_environment(port))) as heard:
        yield heard


@contextmanager
def serving(make: Callable[[int], TakerT]) -> Iterator[TakerT]:
    """Listen on a free port of this machine, for what ``make`` returns of it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.taker = taker = make(server.server_address[1])  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield taker
    finally:
        server.shutdown()
        server.server_close()


def _environment(port: int) -> dict[str, str]:
    """Return the variables that OpenTelemetry's own conventions say every SDK reads."""
    here = f"http://127.0.0.1:{port}"
    return {
        "OTEL_SDK_DISABLED": "false",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_ENDPOINT": here,
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{here}/v1/traces",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_HEADERS": "",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "",
        "OTEL_TRACES_SAMPLER": "parentbased_always_on",
        "OTEL_PROPAGATORS": "tracecontext,baggage",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",  # a log that waits in a buffer would look like none
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    raw_requestline: bytes

    @property
    def taker(self) -> Taker:
        found: Taker = self.server.taker  # type: ignore[attr-defined]
        return found

    def finish(self) -> None:
        """Tell that the connection is closed."""
        super().finish()
        self.taker.gone(self.client_address)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def parse_request(self) -> bool:
        """Tell a gRPC client, which speaks HTTP/2 without asking, from one that speaks HTTP/1.1."""
        if self.raw_requestline.startswith(_PREFACE):
            self.taker.refuse(_OVER_GRPC)
            self.close_connection = True
            return False
        return super().parse_request()

    def do_POST(self) -> None:
        """Take one export."""
        body = self._body()
        media = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if body is None:
            self.taker.refuse(f"an export was larger than {MOST_BODY // 2**20} MiB or not told how large")
            self.close_connection = True
            self._say(413, b"", media)
            return
        self.taker.take(self.path.partition("?")[0], body, media, self.client_address)
        self._say(200, b"{}" if media == "application/json" else b"", media)

    def _body(self) -> bytes | None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = self._chunks()
        else:
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > MOST_BODY:
                return None
            body = self.rfile.read(int(length))
        if body is None or self.headers.get("Content-Encoding", "").lower() not in ("gzip", "deflate"):
            return body
        try:
            return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(body, MOST_BODY)
        except zlib.error:
            return None

    def _chunks(self) -> bytes | None:
        parts: list[bytes] = []
        size = 0
        while True:
            line = self.rfile.readline(64).split(b";")[0].strip()
            try:
                length = int(line, 16)
            except ValueError:
                return None
            size += length
            if size > MOST_BODY:
                return None
            parts.append(self.rfile.read(length))
            self.rfile.readline(64)
            if not length:
                return b"".join(parts)

    def _say(self, status: int, body: bytes, media: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media or "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
