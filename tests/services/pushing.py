"""A service that pushes metrics of itself with OpenTelemetry's SDK; how it behaves is set by the environment.

WAIT_MS: what a request waits for a connection of its pool; MISSES: how many of its 4 lookups in the cache find nothing;
EVICTS: requests evict something; HOARDS: bytes that are held while a request is under way; SILENT: pushes nothing;
OWN_INTERVAL: exports that many ms apart whatever it is told; TEMPORALITY: delta; UNITLESS: instruments without units.
"""

import asyncio
import os
import time

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader

WAIT_MS = float(os.environ.get("WAIT_MS", "1"))
MISSES = int(os.environ.get("MISSES", "1"))
UNITS = not os.environ.get("UNITLESS")
readers = []
if not os.environ.get("SILENT"):
    delta = dict.fromkeys((Counter, Histogram), AggregationTemporality.DELTA)
    preferred = delta if os.environ.get("TEMPORALITY") == "delta" else None
    own = float(os.environ["OWN_INTERVAL"]) if os.environ.get("OWN_INTERVAL") else None
    readers = [PeriodicExportingMetricReader(OTLPMetricExporter(preferred_temporality=preferred), own)]
meter = MeterProvider(readers).get_meter("pushing")

requests = meter.create_counter("http.server.requests", unit="{request}")
lookups = meter.create_counter("cache.requests", unit="{request}")
evictions = meter.create_counter("cache.evictions", unit="{entry}")
waits = meter.create_histogram("db.client.connection.wait_time", unit="s" if UNITS else "")
active = meter.create_up_down_counter("http.server.active_requests", unit="{request}")
held = [0]
meter.create_observable_gauge("app.hoard", [lambda options: [Observation(held[0])]], unit="By")
meter.create_observable_gauge("db.client.connection.max", [lambda options: [Observation(5)]], unit="{connection}")


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
    if scope["path"] != "/health":
        active.add(1)
        held[0] += int(os.environ.get("HOARDS", "0"))
        requests.add(1, {"url.path": scope["path"]})
        began = time.perf_counter()
        await asyncio.sleep(WAIT_MS / 1e3)
        waits.record(time.perf_counter() - began)
        for number in range(4):
            lookups.add(1, {"result": "miss" if number < MISSES else "hit"})
        if os.environ.get("EVICTS"):
            evictions.add(1)
        held[0] -= int(os.environ.get("HOARDS", "0"))
        active.add(-1)
    body = b'{"ok": true}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
