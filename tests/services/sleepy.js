// Answers every request after 10 ms.
const http = require("http");
const answer = (_, response) =>
  setTimeout(() => response.writeHead(200, { "Content-Type": "application/json" }).end('{"ok": true}'), 10);
http.createServer(answer).listen(Number(process.argv[2]), "127.0.0.1");
