// Express with pg: a client for each request or a pool, and gzip for who accepts it.
const express = require('express');
const { Client, Pool } = require('pg');
const zlib = require('zlib');

const pool = process.env.POOL === '1' ? new Pool({ connectionString: process.env.DATABASE_URL, max: 4 }) : null;

async function query(sql, values) {
  if (pool) return (await pool.query(sql, values)).rows;
  const client = new Client({ connectionString: process.env.DATABASE_URL });
  await client.connect();
  try {
    return (await client.query(sql, values)).rows;
  } finally {
    await client.end();
  }
}

const app = express();
app.get('/health', (request, response) => response.send('ok'));
app.get('/rows', async (request, response) => {
  const rows = await query('SELECT id, name FROM item WHERE kind = $1 ORDER BY id LIMIT $2', [3, 50]);
  response.type('json');
  const body = JSON.stringify(rows);
  if (process.env.GZIP === '1' && /gzip/.test(request.headers['accept-encoding'] || '')) {
    response.set('Content-Encoding', 'gzip').set('Vary', 'Accept-Encoding');
    return response.send(zlib.gzipSync(body));
  }
  response.send(body);
});
app.listen(Number(process.env.PORT), '127.0.0.1');
