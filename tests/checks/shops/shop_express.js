// The same shop in Express: `node shop_express.js PORT DATA.json FAULT...`; its data is a JSON file.
const express = require("express");
const fs = require("fs");
const path = require("path");
const crypto = require("crypto");

const [port, file, ...named] = process.argv.slice(2);
const faults = new Set(named);
const document_ = JSON.parse(fs.readFileSync(path.join(__dirname, "openapi.json")));
const data = () => JSON.parse(fs.readFileSync(file));
const app = express();
if (!faults.has("tells_version")) app.disable("x-powered-by");
app.set("etag", false);

class Wrong extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }
}

function whole(text, low, high) {
  if (!/^-?\d{1,12}$/.test(text)) throw new Wrong(400, "bad_request", "a whole number is needed here");
  const found = Number(text);
  if ((low !== undefined && found < low) || (high !== undefined && found > high))
    throw new Wrong(400, "bad_request", `a number from ${low} to ${high} is needed here`);
  return found;
}

require("./telling.js")(app, faults);
app.use((request, response, next) => {
  if (!process.env.TELLS) response.set("X-Request-Id", crypto.randomUUID());
  if (!faults.has("no_nosniff")) response.set("X-Content-Type-Options", "nosniff");
  const origin = request.get("Origin");
  if (origin && (faults.has("any_origin") || (faults.has("null_origin") && origin === "null")))
    response.set({ "Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true" });
  next();
});
app.get("/health", (_, response) => response.json({ up: true }));
app.get("/openapi.json", (_, response) => response.json(document_));
if (faults.has("hidden_route")) app.get("/internal/stats", (_, response) => response.json({ products: 60 }));

function shown(row) {
  const found = { ...row };
  if (faults.has("price_as_text")) found.price = found.price.toFixed(2);
  if (faults.has("name_left_out")) delete found.name;
  if (faults.has("unlisted_value")) found.state = "gone";
  return found;
}

app.get("/products", (request, response) => {
  let limit = request.query.limit ?? "20";
  if (faults.has("lax_types") && !/^\d+$/.test(limit)) limit = "20";
  limit = whole(limit, 1, 50);
  const offset = whole(request.query.offset ?? "0", 0);
  let rows = data().products;
  if (faults.has("unstable_order")) rows = rows.map((row) => [Math.random(), row]).sort((a, b) => a[0] - b[0]).map((each) => each[1]);
  let start = offset;
  if (offset && faults.has("page_gap")) start += 1;
  if (offset && faults.has("page_overlap")) start -= 1;
  let page = rows.slice(start, start + (faults.has("ignores_limit") ? 30 : limit));
  if (faults.has("unbounded") && !("limit" in request.query)) page = [...rows, ...rows, ...rows];
  const next = offset + limit < rows.length ? `/products?limit=${limit}&offset=${offset + limit}` : null;
  response.json({ items: page.map(shown), total: rows.length, next });
});

app.post("/products", express.json(), (request, response) => {
  const { name, price } = request.body ?? {};
  if (!faults.has("takes_anything")) {
    if (typeof name !== "string" || !name || name.length > 80)
      throw new Wrong(400, "bad_request", "name must be a text of at most 80 characters");
    if (typeof price !== "number") throw new Wrong(400, "bad_request", "price must be a number");
  }
  const all = data();
  const made = { id: all.products.length + 1, name: String(name), price: Number(price) || 0 };
  all.products.push(made);
  fs.writeFileSync(file, JSON.stringify(all));
  response.status(201).json(made);
});

app.get("/products/:id", (request, response) => {
  const id = whole(request.params.id);
  const found = data().products.find((row) => row.id === id);
  if (!found) throw new Wrong(404, "not_found", "there is no product of that number");
  response.status(faults.has("unlisted_status") ? 203 : 200).json(shown(found));
});
if (faults.has("allows_delete")) app.delete("/products/:id", (_, response) => response.status(204).end());

const users = { "Bearer let-me-in": 1, "Bearer let-me-in-too": 2, "Bearer read-only": 3 };
function letIn(request, _, next) {
  const token = request.get("Authorization") ?? "";
  const cookie = (request.get("Cookie") ?? "").split("; ").includes("login=let-me-in");
  request.user = users[token] ?? (cookie && !token ? 1 : undefined);
  if (faults.has("lets_anyone_in") || (faults.has("any_token") && token)) request.user ??= 1;
  if (!request.user) throw new Wrong(401, "unauthorised", "send the token that you were given");
  next();
}
const first = (request) => (request.get("Authorization") === "Bearer let-me-in-too" ? 31 : 1);
const escaped = (text) => text.replace(/[&<>"']/g, (each) => `&#${each.charCodeAt(0)};`);

app.get("/search", (request, response) => {
  const words = String(request.query.q ?? "");
  const shown = faults.has("unescaped_search") ? words : escaped(words);
  if (!faults.has("page_without_policy"))
    response.set({ "Content-Security-Policy": "default-src 'none'; frame-ancestors 'self'", "Referrer-Policy": "no-referrer" });
  response.type("html").send(`<form><input name="q" value="${shown}"></form>`);
});
app.get("/find", (request, response) => {
  const name = String(request.query.name ?? "");
  if (name.includes("<") && faults.has("trace_in_500")) return response.status(500).json({ code: "bad_request", message: new Error("none").stack });
  response.json({ items: data().products.filter((row) => row.name === name).map(({ id, name }) => ({ id, name })) });
});
app.get("/me", letIn, (request, response) => {
  const more = faults.has("hash_in_profile") ? { credentials: { password: "correct-horse-battery" } } : {};
  response.json({ id: request.user, name: "Ada", ...more });
});
app.put("/me", letIn, express.json({ type: () => true }), (request, response) => {
  if (request.user === 3 && !faults.has("read_only_writes")) throw new Wrong(403, "unauthorised", "this key may only read");
  const byCookie = !request.get("Authorization");
  if (byCookie && !faults.has("no_csrf_token") && request.get("X-CSRF-Token") !== "t0ken")
    throw new Wrong(403, "unauthorised", "the page that you came from is too old");
  for (const [name, kind] of [["name", "string"], ["age", "number"]])
    if (typeof (request.body ?? {})[name] !== kind) throw new Wrong(400, "bad_request", `${name} is missing or of the wrong kind`);
  response.json({ id: request.user, name: request.body.name });
});
app.put("/notes/:id", letIn, express.json(), (request) => {
  if (request.user === 3) throw new Wrong(403, "unauthorised", "this key may only read");
  throw new Wrong(400, "bad_request", "an order needs a total");
});
app.get("/welcome", (_, response) => {
  response.cookie("connect.sid", crypto.randomUUID(), faults.has("bare_cookie") ? {} : { httpOnly: true, sameSite: "lax" });
  response.json({ hello: true });
});
const asked = new Map();
app.get("/limited", (request, response) => {
  const who = request.get("Authorization") ?? "";
  let [began, number] = asked.get(who) ?? [0, 0];
  if (Date.now() - began > 2000) [began, number] = [Date.now(), 0];
  asked.set(who, [began, number + 1]);
  if (number < 10 || faults.has("no_limit")) return response.json({ asked: number });
  if (!faults.has("limit_untold")) response.set({ "Retry-After": "2", "X-RateLimit-Limit": "10" });
  response.status(429).json({ code: "bad_request", message: "too many requests, please wait" });
});

app.get("/orders", letIn, (request, response) => {
  const limit = whole(request.query.limit ?? "20", 1, 50);
  let after = whole(request.query.cursor ?? "0");
  if (after && faults.has("cursor_repeats")) after -= 1;
  after = Math.max(after, first(request) - 1);
  const rows = data().orders;
  const page = rows.filter((row) => row.id > after).slice(0, limit);
  const last = page.length ? page[page.length - 1].id : rows.length;
  response.json({ data: page, next_cursor: last < rows.length ? last : null });
});
app.get("/orders/:id", letIn, (request, response) => {
  const id = whole(request.params.id);
  const found = data().orders.find((row) => row.id === id);
  if (!found || (id < first(request) && !faults.has("others_orders"))) throw new Wrong(404, "not_found", "there is no order of that number");
  response.json(found);
});

if (!faults.has("missing_route"))
  app.get("/catalogue", (_, response) => {
    if (!faults.has("silent_deprecation")) {
      response.set("Deprecation", faults.has("deprecation_true") ? "true" : "@1767225600");
      response.set("Sunset", `Wed, 31 Dec ${faults.has("sunset_before") ? 2014 : 2036} 23:59:59 GMT`);
    }
    response.json({ names: 60 });
  });

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
app.get("/prices", async (request, response, next) => {
  try {
    if (request.query.ids === undefined) throw new Wrong(400, "bad_request", "say which ids you want");
    const ids = request.query.ids.split(",").map((each) => whole(each));
    const found = [];
    for (const id of ids) {
      if (faults.has("batch_one_by_one")) await pause(20);
      const row = data().products.find((each) => each.id === id);
      if (row) found.push({ id, price: row.price });
    }
    response.json(found);
  } catch (error) {
    next(error);
  }
});
app.get("/prices/:id", (request, response) => {
  const id = whole(request.params.id);
  const found = data().products.find((row) => row.id === id);
  if (!found) throw new Wrong(404, "not_found", "there is no price of that product");
  response.json({ id, price: found.price });
});

const methods = { "/products": "GET, POST" };
app.use((request, response, next) => {
  if (request.method === "OPTIONS") return next();
  const known = /^\/(products|orders|prices)(\/[^/]+)?$|^\/catalogue$/.test(request.path);
  if (known && request.method !== "GET" && !(request.path === "/catalogue" && faults.has("missing_route"))) {
    response.set("Allow", methods[request.path] ?? "GET");
    return next(new Wrong(405, "method_not_allowed", "this address cannot be used in that way"));
  }
  if (faults.has("html_not_found")) return next();
  return next(new Wrong(404, "not_found", "there is nothing at this address"));
});
app.use((error, request, response, next) => {
  let { status = 500, code = "bad_request", message } = error;
  if (error.type === "entity.parse.failed") [status, code, message] = [400, "bad_request", "the body must be JSON"];
  if (faults.has("html_not_found") && status === 404) return response.status(404).type("html").send("<h1>Not Found at all</h1>");
  if (status === 404 && request.path.startsWith("/orders") && faults.has("other_shape"))
    return response.status(404).json({ error: { reason_text: "order not found" } });
  if (status === 404 && faults.has("sql_in_message")) message = 'SequelizeDatabaseError: relation "products" does not exist';
  if (status === 404 && faults.has("path_in_message")) message = "nothing in /home/shop/data/products.json";
  if (status === 404 && faults.has("unknown_is_500")) status = 500;
  if (status === 404 && faults.has("unknown_is_200")) status = 200;
  if (status === 400 && faults.has("no_message")) message = "";
  if (status === 400 && faults.has("code_for_message")) message = "E_VALIDATION";
  if (status === 400 && faults.has("stack_trace")) message = new Error("wrong").stack;
  if (status === 400 && faults.has("unlisted_code")) code = "EBADREQ";
  response.status(status).json({ code, message, request_id: crypto.randomUUID() });
});

app.listen(Number(port), "127.0.0.1");
