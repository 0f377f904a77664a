"""A Flask service watched as one in production is: OpenTelemetry's own instrumentation, JSON log, prometheus_client.

``traced.py PORT``; TRACED=0 and TOLD=0 switch traces and the rest off, ROWS is how many queries a list sends besides,
UNSEEN has them sent in a way that the instrumentation does not see.
"""

import json
import logging
import os
import sqlite3
import sys
import time
import uuid

from flask import Flask, Response, g, jsonify, request
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from werkzeug.serving import WSGIRequestHandler, make_server

TOLD = os.environ.get("TOLD", "1") == "1"
app = Flask("traced")
requests_total = Counter("http_requests_total", "Requests.", ["route", "status"])
durations = Histogram("http_request_duration_seconds", "How long they took.", ["route"])

if os.environ.get("TRACED", "1") == "1":
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    SQLite3Instrumentor().instrument()
    FlaskInstrumentor().instrument_app(app)

log = logging.getLogger("traced")
log.setLevel(logging.INFO)
handler = logging.StreamHandler(sys.stdout)
log.addHandler(handler)


class Structured(logging.Formatter):
    def format(self, record):
        told = {"time": record.created, "level": record.levelname, "message": record.getMessage()}
        return json.dumps(told | getattr(record, "more", {}))


handler.setFormatter(Structured() if TOLD else logging.Formatter("%(asctime)s %(message)s"))
database = sqlite3.connect(":memory:", check_same_thread=False)
database.execute("create table items (id integer primary key, name text)")
database.executemany("insert into items (name) values (?)", [(f"item {n}",) for n in range(50)])
database.commit()


@app.before_request
def begun():
    g.began, g.id = time.perf_counter(), request.headers.get("X-Request-Id") or uuid.uuid4().hex


@app.after_request
def ended(response):
    response.headers["X-Request-Id"] = g.id
    route = request.url_rule.rule if request.url_rule else "unmatched"
    if TOLD:
        requests_total.labels(route, response.status_code).inc()
        durations.labels(route).observe(time.perf_counter() - g.began)
    more = {"request_id": g.id, "path": route, "status": response.status_code}
    log.info("%s %s %s", request.method, request.path, response.status_code, extra={"more": more})
    return response


@app.get("/health")
def health():
    return jsonify(up=True)


def rows(sql, *values):
    # On the connection itself it would not be seen: the instrumentation watches cursors.
    connection = database if os.environ.get("UNSEEN") else database.cursor()
    return connection.execute(sql, values).fetchall()


@app.get("/items")
def items():
    found = rows("select id, name from items order by id limit 10")
    for number, _ in found[: int(os.environ.get("ROWS", "0"))]:
        rows("select name from items where id = ?", number)
    return jsonify(items=[{"id": n, "name": name} for n, name in found])


@app.get("/items/<int:number>")
def item(number):
    found = rows("select id, name from items where id = ?", number)
    if not found:
        return jsonify(message="there is no such item"), 404
    return jsonify(id=found[0][0], name=found[0][1])


@app.get("/metrics")
def metrics():
    return Response(generate_latest() if TOLD else b"", 200 if TOLD else 404, content_type=CONTENT_TYPE_LATEST)


class Quiet(WSGIRequestHandler):
    def log_request(self, *_):
        pass


make_server("127.0.0.1", int(sys.argv[1]), app, threaded=True, request_handler=Quiet).serve_forever()
