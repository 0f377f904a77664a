// A service on Node that pushes metrics of itself with OpenTelemetry's SDK, as JSON. `node pushing.js PORT`; WAIT_MS is
// what a request waits for a connection of its pool.
const http = require("node:http");
const { monitorEventLoopDelay, performance } = require("node:perf_hooks");
const { MeterProvider, PeriodicExportingMetricReader } = require("@opentelemetry/sdk-metrics");
const { OTLPMetricExporter } = require("@opentelemetry/exporter-metrics-otlp-http");

const every = Number(process.env.OTEL_METRIC_EXPORT_INTERVAL || 60000);
const reader = new PeriodicExportingMetricReader({
  exporter: new OTLPMetricExporter(),
  exportIntervalMillis: every,
  exportTimeoutMillis: Math.min(every, 30000),
});
const meter = new MeterProvider({ readers: [reader] }).getMeter("pushing");
const requests = meter.createCounter("http.server.requests", { unit: "{request}" });
const waits = meter.createHistogram("db.client.connection.wait_time", { unit: "s" });
const lag = monitorEventLoopDelay({ resolution: 5 });
lag.enable();
meter.createObservableGauge("nodejs.eventloop.delay", { unit: "s" }).addCallback((result) => {
  if (lag.count) result.observe(lag.mean / 1e9);
  lag.reset();
});

http.createServer((request, response) => {
  const answer = () => {
    response.setHeader("Content-Type", "application/json");
    response.end('{"ok": true}');
  };
  if (request.url === "/health") return answer();
  requests.add(1, { "url.path": request.url });
  const began = performance.now();
  setTimeout(() => {
    waits.record((performance.now() - began) / 1000);
    answer();
  }, Number(process.env.WAIT_MS || 1));
}).listen(Number(process.argv[2]), "127.0.0.1");
