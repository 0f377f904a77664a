"""FastAPI: a handler in the event loop, one in anyio's threads, and one behind a middleware that makes tasks."""

import asyncio

from busy import respond
from fastapi import FastAPI
from starlette.middleware.base import BaseHTTPMiddleware

app = FastAPI()


async def passing(request, call_next):
    return await call_next(request)


app.add_middleware(BaseHTTPMiddleware, dispatch=passing)


@app.get("/health")
async def health() -> dict[str, bool]:
    return {"ok": True}


@app.get("/loop")
async def in_the_loop() -> str:
    await asyncio.sleep(0)
    return respond()


@app.get("/thread")
def in_a_thread() -> str:
    return respond()


@app.get("/handed")
async def handed_on() -> str:
    return await asyncio.to_thread(respond)


@app.get("/gathered")
async def in_tasks_of_its_own() -> str:
    return (await asyncio.gather(asyncio.sleep(0, ""), in_the_loop()))[1]
