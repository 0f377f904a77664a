"""A service that tells metrics of itself with prometheus_client; how it behaves is set by the environment.

WAIT_MS: what a request waits for a connection of its pool; MISSES: how many of its 4 lookups in the cache find nothing;
METRICS_PORT: where metrics are told, if not at /metrics; SILENT: tells no metrics; GARBAGE: tells something else.
"""

import os
import time

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest, start_http_server

WAIT_MS = float(os.environ.get("WAIT_MS", "1"))
MISSES = int(os.environ.get("MISSES", "1"))

requests = Counter("http_requests_total", "Every request, that for metrics among them.", ["path"])
lookups = Counter("cache_requests_total", "Lookups in the cache.", ["result"])
evictions = Counter("cache_evictions_total", "What had to go from the cache.")
waits = Histogram("db_pool_wait_seconds", "How long a request waited for a connection.")
connections = Gauge("db_pool_connections", "Connections in the pool.")
connections.set(float(os.environ.get("POOL", "5")))
if os.environ.get("METRICS_PORT"):
    start_http_server(int(os.environ["METRICS_PORT"]), addr="127.0.0.1")


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    status, body, kind = 200, b'{"ok": true}', b"application/json"
    if scope["path"] == "/metrics":
        requests.labels("/metrics").inc()
        body, kind = generate_latest(), CONTENT_TYPE_LATEST.encode()
        if os.environ.get("SILENT"):
            status, body, kind = 404, b"{}", b"application/json"
        if os.environ.get("GARBAGE"):
            body = b"<html><body>metrics { here</body></html>"
    elif scope["path"] != "/health":
        requests.labels(scope["path"]).inc()
        began = time.perf_counter()
        time.sleep(WAIT_MS / 1e3)
        waits.observe(time.perf_counter() - began)
        for number in range(4):
            lookups.labels("miss" if number < MISSES else "hit").inc()
        if os.environ.get("EVICTS"):
            evictions.inc()
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
