"""A service with a little of everything, for runs that combine features: JSON, a redirect, a login. Prints its port."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers any path."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        """Redirect from /moved, else say what was asked."""
        said = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        moved = self.path.startswith("/moved")
        body = b"" if moved else json.dumps({"path": self.path, "said": said, "id": 7, "token": "t0ken-7"}).encode()
        self.send_response(302 if moved else 200)
        if moved:
            self.send_header("location", "/there")
        self.send_header("content-type", "application/json")
        self.send_header("set-cookie", "sid=c00kie-1; Path=/")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_):
        """Log nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    sys.stdin.close()
    server.serve_forever()
