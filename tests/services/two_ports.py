"""A service on two ports: the second answers health alone, and each says which port the other has."""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"first": sys.argv[1], "second": sys.argv[2], "told": os.environ["ADMIN"]}).encode()
        own = self.server.server_address[1] == int(sys.argv[2])
        self.send_response(200 if own == (self.path == "/admin") else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


servers = [ThreadingHTTPServer(("127.0.0.1", int(port)), Handler) for port in sys.argv[1:3]]
threading.Thread(target=servers[1].serve_forever, daemon=True).start()
servers[0].serve_forever()
