"""A service that logs everything it is told and hands out tokens: nothing of it may be found in what perfproof writes.

Its log also holds the lines of the file in HARMLESS, which must be found there as they are. Standard library only.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ISSUED = {
    "access_token": "issued-Ab3dEf6hIj",
    "refresh": "rfr7Kq2ZwX9vLm4TnB8s",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmVkLWJ5LXVz",
}
COOKIE = "sess-0f1e2d3c4b5a6978"
CSRF = "csrf-5566aa77bb"
STEP = "step-token-98zyx76wv"


class Handler(BaseHTTPRequestHandler):
    """Answers anything."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Answer and log, in the ways that frameworks do."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        login = self.path.startswith("/login")
        if self.path != "/health":
            headers = dict(self.headers.items())
            print(f'127.0.0.1 - "{self.command} {self.path} HTTP/1.1" 200')
            print("headers:", headers, "body:", body)
            print([(name.lower().encode(), value.encode()) for name, value in headers.items()])
            print(f"user came with {headers.get('Authorization', 'nothing').split()[-1]} and {body[-40:]}")
        answer = {"items": [1, 2], "step_token": STEP, **(ISSUED if login else {})}
        if login:
            print(f"issued {answer} and {COOKIE} of {CSRF}; refresh later with {ISSUED['refresh']}")
        content = json.dumps(answer).encode()
        self.send_response(int(os.environ.get("LOGIN_STATUS", "200")) if login else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        if login:
            self.send_header("set-cookie", f"sid={COOKIE}; Path=/")
            self.send_header("x-csrf", CSRF)
        self.end_headers()
        self.wfile.write(content)
        sys.stdout.flush()

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_):
        """Log nothing more."""


if __name__ == "__main__":
    print("arguments:", sys.argv[1:])
    print("environment:", dict(os.environ))
    for name, value in os.environ.items():
        print(f"{name} is set to {value}")
    if os.environ.get("HARMLESS"):
        print(Path(os.environ["HARMLESS"]).read_text())
    sys.stdout.flush()
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
