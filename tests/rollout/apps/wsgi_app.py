"""A WSGI service whose answers take a while."""

import time


def app(environ, start_response):
    if environ["PATH_INFO"] != "/health":
        time.sleep(0.05)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "2")])
    return [b"{}"]
