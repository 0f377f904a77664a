// What the shop in Express tells of itself, with the faults of telling.py; it is on where TELLS is set.
const http = require("http");
const crypto = require("crypto");

const KNOWN = /^\/(products|orders|prices)(\/[^/]+)?$|^\/(health|metrics|catalogue|openapi\.json)$/;
const hex = (bytes) => crypto.randomBytes(bytes).toString("hex");

module.exports = function tell(app, faults) {
  if (faults.has("silent_500")) faults.add("unknown_is_500");
  if (!process.env.TELLS) return;
  const counts = new Map();

  function log(record, status) {
    const base = { time: Date.now(), request_id: record.id, trace_id: record.trace };
    const own = { ...base, level: "info", msg: "request", method: record.method, url: record.route, status };
    const lines = [own];
    if (status >= 400 && (status < 500 || !faults.has("silent_500"))) {
      const times = faults.has("logged_twice") ? 2 : 1;
      const level = status >= 500 || times > 1 ? "error" : "warn";
      for (let n = 0; n < times; n++) lines.push({ ...base, level, msg: "it failed" });
    }
    if (faults.has("logs_token") && record.token) own.headers = { authorization: record.token };
    if (faults.has("unlogged_orders") && record.path.startsWith("/orders")) return;
    for (const line of lines) {
      if (faults.has("no_level")) delete line.level;
      if (faults.has("no_request_id")) {
        delete line.request_id;
        delete line.trace_id;
      }
      console.log(faults.has("plain_logs") ? `${record.method} ${record.path} ${status}` : JSON.stringify(line));
    }
  }

  function count(record, status) {
    if (faults.has("errors_uncounted") && status >= 400) return;
    const route = faults.has("raw_paths") ? record.path : record.route;
    const key = `http_requests_total{method="${record.method}",route="${route}",status="${status}"}`;
    counts.set(key, (counts.get(key) ?? 0) + (faults.has("counts_twice") ? 2 : 1));
  }

  function trace(record) {
    const endpoint = process.env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
    if (!endpoint || faults.has("no_traces")) return;
    if (faults.has("untraced_orders") && record.path.startsWith("/orders")) return;
    const span = {
      traceId: record.trace,
      spanId: hex(8),
      parentSpanId: record.parent,
      name: record.route,
      kind: "SPAN_KIND_SERVER",
      startTimeUnixNano: `${record.began}000000`,
      endTimeUnixNano: `${Date.now()}000000`,
      attributes: [{ key: "http.request.method", value: { stringValue: record.method } }],
    };
    const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
    const request = http.request(endpoint, { method: "POST", headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) } });
    request.on("error", () => {});
    request.end(body);
  }

  app.use((request, response, next) => {
    const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-../.exec(request.get("traceparent") ?? "");
    const known = KNOWN.exec(request.path);
    const record = {
      method: request.method,
      path: request.path,
      began: Date.now(),
      id: request.get("X-Request-Id") ?? hex(16),
      token: request.get("Authorization"),
      trace: match && !faults.has("own_trace_ids") ? match[1] : hex(16),
      parent: match && !faults.has("own_trace_ids") && !faults.has("hanging_spans") ? match[2] : "",
      route: known ? (known[3] ? request.path : `/${known[1]}${known[2] ? "/:id" : ""}`) : "unmatched",
    };
    response.set("X-Request-Id", record.id);
    response.on("finish", () => {
      log(record, response.statusCode);
      count(record, response.statusCode);
      trace(record);
    });
    next();
  });
  if (faults.has("no_metrics")) return;
  app.get("/metrics", (_, response) => {
    const lines = ["# HELP http_requests_total Requests.", "# TYPE http_requests_total counter"];
    for (const [key, value] of counts) lines.push(`${key} ${value}`);
    lines.push("# TYPE nodejs_heap_bytes gauge", `nodejs_heap_bytes ${process.memoryUsage().heapUsed}`, "");
    response.type("text/plain").send(faults.has("broken_metrics") ? "requests: many\n{ errors: few }\n" : lines.join("\n"));
  });
};
