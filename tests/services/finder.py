"""Looks a name up in PostgreSQL and tells nothing of what came: ``finder.py PORT``; UNSAFE=1 writes it into the SQL."""

import json
import os
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import psycopg

UNSAFE = os.environ.get("UNSAFE") == "1"


class Finder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked = urlsplit(self.path)
        name = parse_qs(asked.query, keep_blank_values=True).get("name", [""])[0]
        if asked.path == "/find":
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection, suppress(psycopg.Error):
                if UNSAFE:
                    connection.execute(f"select id from stock where title = '{name}' and id > 0".encode())
                else:
                    connection.execute("select id from stock where title = %s and id > 0", [name])
        body = json.dumps({"thanks": True}).encode()
        self.send_response(200 if asked.path in ("/find", "/") else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Finder).serve_forever()
