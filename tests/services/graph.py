"""A GraphQL service of one query, POST /graphql; ANSWER says in which way it answers.

fine; errors: status 200 and nothing but errors; other: one value is another one; reversed: rows in another order where
there are five or more; sometimes: from the third request on every second answer has errors.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = os.environ.get("ANSWER", "fine")
ERRORS = {"errors": [{"message": 'Cannot query field "price" on type "Product".'}], "data": None}
asked = 0


def answer(variables):
    global asked
    asked += 1
    if ANSWER == "errors" or (ANSWER == "sometimes" and asked > 2 and asked % 2):
        return ERRORS
    rows = [{"id": n, "price": 2.5 if ANSWER == "other" and n == 1 else 1.5} for n in range(variables.get("first", 5))]
    if ANSWER == "reversed" and len(rows) >= 5:
        rows.reverse()
    return {"data": {"products": rows}, "extensions": {"requestId": f"{os.getpid()}-{asked}", "pid": os.getpid()}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.reply({"status": "ok"})

    def do_POST(self):
        self.reply(answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))).get("variables", {})))

    def reply(self, document):
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
