"""The least a WSGI server can serve; /work burns CPU, /status/503 answers with that status."""

import time


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/work":
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass
    status = path.removeprefix("/status/") if path.startswith("/status/") else "200"
    start_response(f"{status} Whatever", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"hi"]
