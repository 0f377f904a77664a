// Express with pg in two processes: a list and, per row, one query; a timer queries as another role.
const cluster = require('cluster');

if (cluster.isPrimary) {
  cluster.fork();
  cluster.fork();
  process.on('SIGTERM', () => {
    for (const id in cluster.workers) cluster.workers[id].kill();
    process.exit();
  });
} else {
  const express = require('express');
  const { Pool } = require('pg');
  const pool = new Pool({ connectionString: process.env.DATABASE, max: 2 });
  const background = new Pool({ connectionString: process.env.TIMER, max: 1 });
  setInterval(() => background.query('SELECT count(*) FROM pg_class').catch(() => {}), 50);
  const app = express();
  app.get('/', async (request, response) => {
    const number = Number(request.query.n);
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query('SELECT generate_series(1, $1::int)', [number]);
    for (let i = 0; i < number; i++) await client.query('SELECT relname FROM pg_class WHERE oid = $1::int', [i]);
    response.send(String(1 + number));
    if (request.query.late === '1') await new Promise((done) => setTimeout(done, 50));
    await client.query('COMMIT');
    client.release();
  });
  app.listen(Number(process.argv[2]), '127.0.0.1');
}
