"""The service of ``before`` with Flask, a thread for each request: ``flask --app threaded run``."""

import before
from flask import Flask, Response, json, request

app = Flask(__name__)


@app.get("/orders")
def orders():
    chosen = before.pick(int(request.args.get("limit", "100")))
    if before.AUDIT_MS:
        before.audit()
    body = {"orders": chosen, "customers": before.rank(before.totals(chosen))}
    return Response(json.dumps(body), mimetype="application/json")
