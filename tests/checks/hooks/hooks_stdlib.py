"""A service with webhooks on Python's own HTTP server and SQLite: ``hooks_stdlib.py PORT DATABASE FAULT...``.

POST /orders ``{"item": ..., "callback": URL}`` makes an order and tells it to the callback (or to WEBHOOK_URL), signed
with WEBHOOK_SECRET, again after a failure, later each time. Each fault is one that services have.
"""

import hashlib
import hmac
import json
import os
import queue
import sqlite3
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAULTS = set(sys.argv[3:])
DATABASE = sys.argv[2]
SECRET = os.environ.get("WEBHOOK_SECRET", "").encode()
PAUSES = [1.0] * 4 if "no_back_off" in FAULTS else [0.2, 0.5, 1.2]
TIMEOUT = 0.4
jobs = queue.Queue()


def sent_well(url, event):
    body = json.dumps(event).encode()
    headers = {"Content-Type": "application/json", "Webhook-Id": event["id"]}
    if "unsigned" not in FAULTS:
        signed = json.dumps(event, indent=1).encode() if "signs_other_bytes" in FAULTS else body
        key = b"an old secret" if "old_secret" in FAULTS else SECRET
        headers["X-Signature"] = hmac.new(key, signed, hashlib.sha256).hexdigest()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=TIMEOUT) as answer:
            return answer.status == 204 if "knows_only_204" in FAULTS else True
    except urllib.error.HTTPError:
        return "never_retries" in FAULTS
    except OSError:  # also that it took too long
        return bool(FAULTS & {"never_retries", "forgets_timeouts"})


def deliver(url, event):
    for again in range(2 if "delivers_twice" in FAULTS else 1):
        if again:
            time.sleep(0.02)
        for pause in [*PAUSES, None]:
            if sent_well(url, event) or pause is None:
                break
            time.sleep(pause)


def work():
    while True:
        threading.Thread(target=deliver, args=jobs.get(), daemon=True).start()


class Orders(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, data):
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.say(200, {"up": True})

    def do_POST(self):
        data = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        database = sqlite3.connect(DATABASE, timeout=5)
        with database:
            number = database.execute("insert into orders (total) values (1.0)").lastrowid
        database.close()
        url = data.get("callback") or os.environ.get("WEBHOOK_URL")
        event = {"id": uuid.uuid4().hex, "type": "order.created", "order": number}
        if "inline" in FAULTS:
            deliver(url, event)
        elif not ("loses_some" in FAULTS and number % 3 == 0):
            jobs.put((url, event))
        self.say(201, {"id": number})


threading.Thread(target=work, daemon=True).start()
ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Orders).serve_forever()
