"""The same little shop on SQLite for every kind of server: /orders?n= runs 1 + n queries, `pause` apart."""

import os
import sqlite3
import threading
import time
from urllib.parse import parse_qs

FILE = os.environ["SHOP"]


def orders(n: int, pause: float = 0.0) -> int:
    connection = sqlite3.connect(FILE)
    rows = connection.execute("SELECT id, customer FROM orders LIMIT ?", (n,)).fetchall()
    for _, customer in rows:
        time.sleep(pause)
        connection.execute("SELECT name FROM customers WHERE id = ?", (customer,)).fetchone()
    connection.close()
    return len(rows)


def tick() -> None:
    connection = sqlite3.connect(FILE, timeout=30)
    while True:
        connection.execute("SELECT 'background'").fetchall()
        time.sleep(0.003)


if os.environ.get("TIMER"):
    threading.Thread(target=tick, daemon=True).start()


def numbers(query: str) -> tuple[int, float]:
    values = parse_qs(query)
    return int(values.get("n", ["3"])[0]), float(values.get("pause", ["0"])[0])


def wsgi(environ, start_response):
    served = orders(*numbers(environ.get("QUERY_STRING", "")))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (str(part).encode() for part in [served])


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    import asyncio

    n, pause = numbers(scope["query_string"].decode())
    served = await asyncio.get_running_loop().run_in_executor(None, orders, n, pause)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(served).encode()})
