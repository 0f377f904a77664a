"""A small service with work of its own: ``uvicorn before:app``. ``AUDIT_MS`` burns CPU in a function of its own."""

import json
import os
import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ORDERS = [
    {"id": at, "customer": f"customer {at % 17}", "cents": at * 37 % 9000, "tags": ["a", "b"]} for at in range(120)
]
AUDIT_MS = float(os.environ.get("AUDIT_MS", "0"))


def pick(limit):
    return [order for order in ORDERS if order["cents"] > 100][:limit]


def totals(orders):
    by_customer = {}
    for order in orders:
        for _ in range(6):
            name = order["customer"].title().replace(" ", "-")
            by_customer[name] = by_customer.get(name, 0) + order["cents"]
    return by_customer


def rank(by_customer):
    ranked = []
    for name, cents in by_customer.items():
        better = sum(1 for other in by_customer.values() if other > cents)
        ranked.append({"name": name, "cents": cents, "rank": better + 1})
    for _ in range(40):
        ranked.sort(key=lambda entry: (entry["rank"], entry["name"]))
    return ranked


def audit():
    end = time.thread_time() + AUDIT_MS / 1000
    while time.thread_time() < end:
        pass


async def orders(request: Request) -> Response:
    chosen = pick(int(request.query_params.get("limit", "100")))
    if AUDIT_MS:
        audit()
    body = {"orders": chosen, "customers": rank(totals(chosen))}
    return Response(json.dumps(body), media_type="application/json")


app = Starlette(routes=[Route("/orders", orders)])
