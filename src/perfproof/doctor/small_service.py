"""A small HTTP service for looking at the noise of a machine: a fixed amount of work for each request, nothing else.

Run as ``python -m perfproof.doctor.small_service PORT``. Standard library only, so that it is there whatever is
installed; the work is fixed, not its time, since a loop that ends by the clock would hide what others take.
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORK = 25_000
"""Steps of a loop: 1 to 2 ms of a core of today."""
_BODY = b'{"status": "ok"}\n'


class Handler(BaseHTTPRequestHandler):
    """Works and answers; connections are kept."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together: one after the other, the second waits 40 ms for an acknowledgement

    def do_GET(self) -> None:
        """Answer at once on /health, else work first."""
        if self.path != "/health":
            total = 0
            for number in range(WORK):
                total += number * number
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(_BODY)))
        self.end_headers()
        self.wfile.write(_BODY)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has in the library
        """Say nothing."""


def main() -> None:
    """Serve on 127.0.0.1 until ended."""
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
