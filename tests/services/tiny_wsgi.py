"""The tiny service as WSGI, for servers that fork their workers."""

import json
import os
import time

WORK_US = float(os.environ.get("WORK_US", "500"))


def app(environ, start_response):
    if environ["PATH_INFO"] != "/health":
        end = time.thread_time_ns() + int(WORK_US * 1000)
        while time.thread_time_ns() < end:
            pass
    body = json.dumps({"pid": os.getpid()}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
