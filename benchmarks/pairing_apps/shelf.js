// A Node service nobody tuned: serialises some rows of an array it holds. EXTRA adds that share of work to each answer.
const http = require("http");
const rows = Array.from({ length: 4000 }, (_, id) => ({ id, name: `item ${id}`, price: (id * 37) % 991, tags: ["a", "b", String(id % 7)] }));
const extra = Number(process.env.EXTRA || 0);
http
  .createServer((request, response) => {
    if (request.url === "/health") return response.end("ok");
    const count = Number(new URL(request.url, "http://x").searchParams.get("count") || 100);
    const found = rows.filter((row) => row.price % 3 !== 1).slice(0, count).sort((a, b) => a.price - b.price);
    const body = JSON.stringify({ found, total: rows.length });
    for (let left = Math.round(extra * found.length); left > 0; left -= 50) JSON.stringify(found.slice(0, Math.min(50, left)));
    response.writeHead(200, { "Content-Type": "application/json" }).end(body);
  })
  .listen(Number(process.argv[2]), "127.0.0.1");
