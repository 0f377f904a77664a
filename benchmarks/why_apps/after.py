"""The same service after a tidy-up that changes nothing: functions renamed, moved, split and put in another order."""

import json
import os

from ranking import order_by_rank, sum_by_customer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

# The orders of the shop. Kept in memory: this is no database.
ORDERS = [
    {"id": at, "customer": f"customer {at % 17}", "cents": at * 37 % 9000, "tags": ["a", "b"]} for at in range(120)
]


async def list_orders(request: Request) -> Response:
    """Answer with the chosen orders and their customers by rank."""
    limit = int(request.query_params.get("limit", "100"))
    chosen = choose(limit)
    customers = order_by_rank(sum_by_customer(chosen))
    return as_json({"orders": chosen, "customers": customers})


def choose(limit):
    """Return at most ``limit`` orders worth looking at."""
    return [order for order in ORDERS if order["cents"] > 100][:limit]


def as_json(body):
    """Return the response; split out of the handler."""
    return Response(json.dumps(body), media_type="application/json")


app = Starlette(routes=[Route("/orders", list_orders)])
assert float(os.environ.get("AUDIT_MS", "0")) == 0  # the same environment on both sides
