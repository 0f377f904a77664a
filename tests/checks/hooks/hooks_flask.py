"""The same service in Flask, which hands deliveries to a pool of threads: ``hooks_flask.py PORT DATABASE FAULT...``."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import sqlite3
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from flask import Flask, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

FAULTS = set(sys.argv[3:])
DATABASE = sys.argv[2]
PAUSES = (0.4, 0.4, 0.4, 0.4) if "no_back_off" in FAULTS else (0.25, 0.6, 1.5)
app = Flask("hooks")
pool = ThreadPoolExecutor(16)


def headers_of(event, body):
    """As Standard Webhooks has it: id, time and body are signed together."""
    moment = str(int(time.time()))
    found = {"Content-Type": "application/json", "webhook-id": event["data"]["event"], "webhook-timestamp": moment}
    if "unsigned" in FAULTS:
        return found
    secret = (
        "whsec_" + base64.b64encode(b"retired").decode() if "old_secret" in FAULTS else os.environ["WEBHOOK_SECRET"]
    )
    key = base64.b64decode(secret.removeprefix("whsec_"))
    told = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    signed = f"{found['webhook-id']}.{moment}.".encode() + (told if "signs_other_bytes" in FAULTS else body)
    found["webhook-signature"] = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return found


def status_of(url, event):
    parts, body = urlsplit(url), json.dumps(event).encode()
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=0.4)
    try:
        connection.request("POST", parts.path, body, headers_of(event, body))
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def deliver(url, event):
    for pause in (*PAUSES, 0):
        status = status_of(url, event)
        good = status == 204 if "knows_only_204" in FAULTS else 200 <= status < 300
        if good or "never_retries" in FAULTS or (not status and "forgets_timeouts" in FAULTS):
            break
        time.sleep(pause)


@app.get("/health")
def health():
    return jsonify(up=True)


@app.post("/orders")
def order():
    with sqlite3.connect(DATABASE, timeout=5) as database:
        number = database.execute("insert into orders (total) values (2.0)").lastrowid
    database.close()
    url = request.json.get("callback") or os.environ.get("WEBHOOK_URL")
    event = {"kind": "order made", "data": {"event": uuid.uuid4().hex, "number": number}}
    if "inline" in FAULTS:
        deliver(url, event)
    elif not ("loses_some" in FAULTS and number % 2 == 0):
        pool.submit(deliver, url, event)
    if "delivers_twice" in FAULTS:
        pool.submit(deliver, url, event)
    return jsonify(id=number), 202


class Quiet(WSGIRequestHandler):
    def log_request(self, *_):
        pass


make_server("127.0.0.1", int(sys.argv[1]), app, threaded=True, request_handler=Quiet).serve_forever()
