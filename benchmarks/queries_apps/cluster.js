// Express with pg or mysql2 in two processes: a list and, per row, one query; a timer queries as another role.
const cluster = require('cluster');

function connect(url, size) {
  if (url.startsWith('mysql')) {
    const pool = require('mysql2/promise').createPool({ uri: url, connectionLimit: size });
    // Values travel in prepared statements (the binary protocol), everything else as text.
    return { pool, take: () => pool.getConnection(), ask: (c, sql, values) => (values ? c.execute(sql, values) : c.query(sql)) };
  }
  const { Pool } = require('pg');
  const pool = new Pool({ connectionString: url, max: size });
  let number = 0;
  const numbered = (sql) => ((number = 0), sql.replace(/\?/g, () => `$${++number}`));
  return { pool, take: () => pool.connect(), ask: (c, sql, values) => c.query(numbered(sql), values) };
}

if (cluster.isPrimary) {
  cluster.fork();
  cluster.fork();
  process.on('SIGTERM', () => {
    for (const id in cluster.workers) cluster.workers[id].kill();
    process.exit();
  });
} else {
  const express = require('express');
  const service = connect(process.env.DATABASE, 2);
  const background = connect(process.env.TIMER, 1);
  setInterval(() => background.pool.query('SELECT count(*) FROM relations').catch(() => {}), 50);
  const app = express();
  app.get('/', async (request, response) => {
    const number = Number(request.query.n);
    const connection = await service.take();
    await service.ask(connection, 'BEGIN');
    await service.ask(connection, `SELECT id FROM relations LIMIT ${number}`);
    for (let i = 0; i < number; i++) {
      await service.ask(connection, 'SELECT name FROM relations WHERE id = ?', [i]);
    }
    response.send(String(1 + number));
    if (request.query.late === '1') await new Promise((done) => setTimeout(done, 50));
    await service.ask(connection, 'COMMIT');
    connection.release();
  });
  app.listen(Number(process.argv[2]), '127.0.0.1');
}
