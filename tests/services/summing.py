"""A service of the standard library whose every request adds up N squares: python summing.py PORT."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

N = int(os.environ.get("N", "3000"))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        found = {} if self.path == "/health" else {"sum": sum(i * i for i in range(N))}
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
