"""The same rows in Flask, with threads."""

import rows
from flask import Flask, Response, request

app = Flask(__name__)


@app.get("/health")
def health() -> str:
    return "ok"


@app.get("/rows")
def listed() -> Response:
    body, headers = rows.encoded(
        rows.page(int(request.args.get("limit", 50))), request.headers.get("Accept-Encoding", "")
    )
    return Response(body, headers=headers, mimetype="application/json")
