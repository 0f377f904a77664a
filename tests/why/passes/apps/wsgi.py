"""A WSGI application without a framework; /kept is answered from memory after the first time."""

import os
from urllib.parse import parse_qs

import rows

kept: dict[str, bytes] = {}


def app(environ, start_response):
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    headers = {}
    if path == "/health":
        body = b"ok"
    elif environ["REQUEST_METHOD"] == "POST":
        rows.add()
        body = b"{}"
    elif path == "/kept" and os.environ.get("KEEP") == "1":
        headers["Cache-Status"] = "app; hit" if query in kept else "app; fwd=miss; stored; key=/kept?token=s3cret"
        body = kept[query] if query in kept else kept.setdefault(query, rows.page(50))
        headers |= {"ETag": '"s3cret-tag"', "Cache-Control": "max-age=60"}
        if environ.get("HTTP_IF_NONE_MATCH") == '"s3cret-tag"':
            start_response("304 Not Modified", list(headers.items()))
            return [b""]
    else:
        body = rows.page(int(parse_qs(query).get("limit", ["50"])[0]))
    body, more = rows.encoded(body, environ.get("HTTP_ACCEPT_ENCODING", ""))
    headers |= {"Content-Type": "application/json", "Content-Length": str(len(body)), **more}
    start_response("200 OK", list(headers.items()))
    return [body]
