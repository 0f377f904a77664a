"""What the shops in Python tell of themselves: a log, metrics and spans, with the faults that services have in each.

It is on where TELLS is set; with TELLS=late requests are counted a while after they were answered. Spans go as OTLP in
JSON to where OTEL_EXPORTER_OTLP_TRACES_ENDPOINT points.
"""

import json
import os
import re
import secrets
import sys
import threading
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager

KNOWN = re.compile(r"^/(products|orders|prices)(/[^/]+)?$|^/(health|metrics|catalogue|openapi\.json)$")


class Record:
    """One request, as far as it has come."""

    def __init__(self, method, path, headers, faults):
        self.method, self.path, self.began = method, path, time.time_ns()
        match = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-..", headers.get("traceparent") or "")
        self.trace, self.parent = match.groups() if match else (secrets.token_hex(16), "")
        if "own_trace_ids" in faults:
            self.trace, self.parent = secrets.token_hex(16), ""
        if "hanging_spans" in faults:
            self.parent = ""
        self.span = secrets.token_hex(8)
        self.request_id = headers.get("X-Request-Id") or secrets.token_hex(16)
        self.token = headers.get("Authorization") or ""
        self.queries = []
        known = KNOWN.match(path)
        self.route = (path if known[3] else f"/{known[1]}{'/{id}' if known[2] else ''}") if known else "unmatched"


class Telling:
    def __init__(self, faults):
        self.on = bool(os.environ.get("TELLS"))
        self.faults = faults
        self.counts, self.times, self.lock, self.here = Counter(), Counter(), threading.Lock(), threading.local()
        if "silent_500" in faults:
            faults.add("unknown_is_500")

    def begin(self, method, path, headers):
        self.here.record = Record(method, path, headers, self.faults) if self.on else None
        return self.here.record

    @contextmanager
    def query(self):
        began = time.time_ns()
        yield
        record = getattr(self.here, "record", None)
        if record is not None:
            record.queries.append((began, time.time_ns()))

    def end(self, record, status):
        if record is None:
            return
        took = (time.time_ns() - record.began) / 1e9
        self.log(record, status, took)
        if os.environ["TELLS"] == "late":
            threading.Timer(0.08, self.count, (record, status, took)).start()
        else:
            self.count(record, status, took)
        self.trace(record, status)

    def log(self, record, status, took):
        told = {"time": time.time(), "level": "info", "message": "request", "request_id": record.request_id}
        told |= {
            "trace_id": record.trace,
            "method": record.method,
            "path": record.route,
            "status": status,
            "took": took,
        }
        lines = [told]
        error = {key: told[key] for key in ("time", "request_id", "trace_id")}
        if status >= 400:
            times = 2 if "logged_twice" in self.faults else 1
            level = "error" if status >= 500 or times > 1 else "warning"
            if status < 500 or "silent_500" not in self.faults:
                lines += [{**error, "level": level, "message": "it failed"}] * times
        if "logs_token" in self.faults and record.token:
            told["headers"] = {"authorization": record.token}
        if "unlogged_orders" in self.faults and record.path.startswith("/orders"):
            return
        for line in lines:
            if "no_level" in self.faults:
                del line["level"]
            if "no_request_id" in self.faults:
                line = {key: value for key, value in line.items() if key not in ("request_id", "trace_id")}
            plain = "plain_logs" in self.faults
            sys.stdout.write((f"{record.method} {record.path} -> {status}" if plain else json.dumps(line)) + "\n")
        sys.stdout.flush()

    def count(self, record, status, took):
        if "errors_uncounted" in self.faults and status >= 400:
            return
        route = record.path if "raw_paths" in self.faults else record.route
        with self.lock:
            self.counts[record.method, route, status] += 2 if "counts_twice" in self.faults else 1
            if "counts_twice" not in self.faults:
                self.times[route] += took

    def page(self):
        if "broken_metrics" in self.faults:
            return "requests: many\n{ errors: few }\n"
        lines = ["# HELP http_requests_total Requests.", "# TYPE http_requests_total counter"]
        with self.lock:
            for (method, route, status), count in self.counts.items():
                lines.append(f'http_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}')
            lines += ["# TYPE process_uptime_seconds gauge", f"process_uptime_seconds {time.monotonic()}"]
        return "\n".join(lines) + "\n"

    def trace(self, record, status):
        endpoint = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        left_out = "untraced_orders" in self.faults and record.path.startswith("/orders")
        if not endpoint or "no_traces" in self.faults or left_out:
            return

        def span(name, number, parent, kind, began, ended, **attributes):
            told = [{"key": key.replace("__", "."), "value": {"stringValue": str(v)}} for key, v in attributes.items()]
            times = {"startTimeUnixNano": str(began), "endTimeUnixNano": str(ended)}
            ids = {"traceId": record.trace, "spanId": number, "parentSpanId": parent}
            return {"name": name, "kind": kind, "attributes": told, **ids, **times}

        spans = [
            span(record.route, record.span, record.parent, 2, record.began, time.time_ns(), http__request__method="GET")
        ]
        for began, ended in record.queries if "untraced_queries" not in self.faults else ():
            spans.append(
                span(
                    "query", secrets.token_hex(8), record.span, 3, began, ended, db__system="sqlite", db__statement="?"
                )
            )
        body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
        request = urllib.request.Request(endpoint, body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=2).read()
