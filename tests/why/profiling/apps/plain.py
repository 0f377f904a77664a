"""A service of the standard library alone, for interpreters without any package."""

import sys
from wsgiref.simple_server import make_server

from busy import respond


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b"{}" if environ["PATH_INFO"] == "/health" else respond().encode()]


make_server("127.0.0.1", int(sys.argv[1]), app).serve_forever()
