// Two workers that SIGHUP replaces: `node cluster.js PORT [drop]`. With drop they are killed first.
const cluster = require('node:cluster');
const http = require('node:http');
const [port, fault] = [Number(process.argv[2]), process.argv[3]];

if (cluster.isPrimary) {
  for (let each = 0; each < 2; each++) cluster.fork();
  process.on('SIGHUP', () => {
    for (const old of Object.values(cluster.workers)) {
      if (fault === 'drop') {
        old.process.kill('SIGKILL');
        cluster.fork();
      } else {
        cluster.fork().once('listening', () => old.send('end'));
      }
    }
  });
} else {
  let ending = false;
  const server = http.createServer((request, response) => {
    setTimeout(() => {
      if (ending) response.setHeader('Connection', 'close');
      response.end('{}');
    }, request.url === '/health' ? 0 : 60);
  }).listen(port, '127.0.0.1');
  process.on('message', () => {
    ending = true;
    cluster.worker.disconnect();  // hands no connection to this one any more, and waits for those it has
    // One that is in use gets a last response that says so; to close it meanwhile could cross with a request.
    setTimeout(() => setInterval(() => server.closeIdleConnections(), 20), 1000);
  });
}
