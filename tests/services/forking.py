"""A WSGI application for servers that fork workers; it adds up N squares."""

import os

N = int(os.environ.get("N", "3000"))


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(sum(i * i for i in range(N))).encode()]
