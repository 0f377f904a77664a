// The same service in Express: `node hooks_express.js PORT DATA.json FAULT...`; signed as GitHub does, no id but the body's.
const express = require("express");
const fs = require("fs");
const crypto = require("crypto");

const [port, file, ...named] = process.argv.slice(2);
const faults = new Set(named);
const pauses = faults.has("no_back_off") ? [400, 400, 400, 400] : [200, 500, 1200];
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const app = express();
app.use(express.json());
app.get("/health", (_, response) => response.json({ up: true }));

async function sentWell(url, event) {
  const body = JSON.stringify(event);
  const headers = { "Content-Type": "application/json" };
  if (!faults.has("unsigned")) {
    const key = faults.has("old_secret") ? "an old one" : process.env.WEBHOOK_SECRET;
    const signed = faults.has("signs_other_bytes") ? JSON.stringify(event, null, 2) : body;
    headers["X-Hub-Signature-256"] = "sha256=" + crypto.createHmac("sha256", key).update(signed).digest("hex");
  }
  try {
    const answer = await fetch(url, { method: "POST", body, headers, signal: AbortSignal.timeout(400) });
    if (faults.has("never_retries")) return true;
    return faults.has("knows_only_204") ? answer.status === 204 : answer.ok;
  } catch {
    return faults.has("never_retries") || faults.has("forgets_timeouts");
  }
}

async function deliver(url, event) {
  for (const wait of [...pauses, 0]) {
    if (await sentWell(url, event)) return;
    await pause(wait);
  }
}

app.post("/orders", async (request, response) => {
  const all = JSON.parse(fs.readFileSync(file));
  const id = all.orders.length + 1;
  all.orders.push({ id, total: 3 });
  fs.writeFileSync(file, JSON.stringify(all));
  const event = { event: "order.created", event_id: crypto.randomUUID(), order: { id } };
  const url = request.body.callback ?? process.env.WEBHOOK_URL;
  if (faults.has("inline")) await deliver(url, event);
  else if (!(faults.has("loses_some") && id % 3 === 0)) deliver(url, event);
  if (faults.has("delivers_twice")) deliver(url, event);
  response.status(201).json({ id });
});

app.listen(Number(port), "127.0.0.1");
