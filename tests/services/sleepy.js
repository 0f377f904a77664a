// Answers every request after 20 ms.
const http = require("http");
const answer = (_, response) =>
  setTimeout(() => response.writeHead(200, { "Content-Type": "application/json" }).end('{"ok": true}'), 20);
http.createServer(answer).listen(Number(process.argv[2]), "127.0.0.1");
