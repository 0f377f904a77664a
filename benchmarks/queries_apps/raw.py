"""asyncpg without a framework, with a pool and a background task that queries as another role."""

import asyncio
import os
from urllib.parse import parse_qs

import asyncpg

state = {}


async def tick():
    connection = await asyncpg.connect(os.environ["TIMER"])
    while True:
        await connection.fetchval("SELECT count(*) FROM relations")
        await asyncio.sleep(0.05)


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        state["pool"] = await asyncpg.create_pool(os.environ["DATABASE"], min_size=2, max_size=2)
        state["task"] = asyncio.create_task(tick())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        state["task"].cancel()
        await state["pool"].close()
        await send({"type": "lifespan.shutdown.complete"})
        return
    query = parse_qs(scope["query_string"].decode())
    number, late = int(query["n"][0]), query["late"][0] == "1"
    connection = await state["pool"].acquire()
    transaction = connection.transaction()
    await transaction.start()
    await connection.fetch("SELECT id FROM relations LIMIT $1::int", number)
    for i in range(number):
        await connection.fetch("SELECT name FROM relations WHERE id = $1::int", i)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(1 + number).encode()})
    if late:
        await asyncio.sleep(0.05)
    await transaction.commit()
    await state["pool"].release(connection)
