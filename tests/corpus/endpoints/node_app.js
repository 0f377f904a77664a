// The corpus on Node: Express with pg, one process or a cluster of WORKERS.
const cluster = require("node:cluster");
const workers = Number(process.env.WORKERS || 1);
if (workers > 1 && cluster.isPrimary) {
  for (let i = 0; i < workers; i++) cluster.fork();
} else {
  const express = require("express");
  const { Pool } = require("pg");
  const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 4 });
  const app = express();
  const ids = async (limit) =>
    (await pool.query("SELECT id FROM articles ORDER BY id LIMIT $1", [limit])).rows.map((row) => row.id);
  const title = async (id) => (await pool.query("SELECT title FROM articles WHERE id = $1", [id])).rows[0].title;
  const listing = (path, make) =>
    app.get(path, (request, response, next) =>
      make(Number(request.query.limit || 10)).then((items) => response.json({ items }), next));
  app.get("/", (_, response) => response.json({ status: "ok" }));
  listing("/loop", async (limit) => {
    const out = [];
    for (const id of await ids(limit)) out.push({ id, title: await title(id) });
    return out;
  });
  listing("/promise-all", async (limit) =>
    Promise.all((await ids(limit)).map(async (id) => ({ id, title: await title(id) }))));
  listing("/any", async (limit) =>
    (await pool.query("SELECT id, title FROM articles WHERE id = ANY($1)", [await ids(limit)])).rows);
  listing("/preamble", async (limit) => {
    for (let n = 1; n < 10; n++) await pool.query("SELECT value FROM settings WHERE id = $1", [n]);
    return (await ids(limit)).map((id) => ({ id }));
  });
  listing("/transaction", async (limit) => {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      const { rows } = await client.query("SELECT id FROM articles ORDER BY id LIMIT $1", [limit]);
      for (const row of rows) await client.query("SELECT count(*) FROM comments WHERE article_id = $1", [row.id]);
      await client.query("COMMIT");
      return rows;
    } finally {
      client.release();
    }
  });
  app.listen(Number(process.env.PORT), "127.0.0.1");
}
