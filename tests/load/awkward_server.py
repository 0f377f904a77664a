"""A server that answers well or badly, by path, and counts what it was asked. Prints its port, then serves.

Raw asyncio streams rather than a framework, for a framework would refuse to send most of these responses. What takes
long to import is imported when it is first needed: most tests start this server, and few ask it for such bodies.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import sys
import zlib
from collections import Counter
from importlib import import_module
from itertools import count
from urllib.parse import unquote

asked: Counter[str] = Counter()
ids: list[int] = []
seen: list[dict[str, str]] = []
jobs: dict[str, int] = {}
job_ids = count(1)
connections = 0
opened: set[asyncio.StreamWriter] = set()
OK = b'{"ok": true}'


def response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def answer(method: str, path: str, head: str, body: bytes, out: asyncio.StreamWriter) -> bool:
    """Write the response to one request; return whether the connection stays open."""
    kind, _, rest = path.lstrip("/").partition("/")
    match kind.partition("?")[0]:
        case "_counts":
            counts = {"asked": asked, "ids": ids, "connections": connections, "open": len(opened), "seen": seen}
            out.write(response(json.dumps(counts).encode()))
        case "echo":
            out.write(
                response(json.dumps({"method": method, "path": path, "head": head, "body": body.decode()}).encode())
            )
        case "login":
            out.write(response(b'{"auth": {"tokens": ["t-4711-captured"]}, "id": 42}'))
        case "garbled":
            out.write(response(b'{"id": '))
        case "evil":
            out.write(response(b'{"x": "a\\r\\nforged: 1"}'))
        case "cookie":
            name, _, value = rest.partition("/")
            out.write(response(OK, "200 OK", f"Set-Cookie: {name}={value}; Path=/; HttpOnly"))
        case "job" if method == "POST":  # done after as many looks as its number says
            job = str(next(job_ids))
            jobs[job] = int(rest)
            out.write(response(json.dumps({"id": job}).encode(), "201 Created"))
        case "job":
            jobs[rest] -= 1
            done = jobs[rest] <= 0
            out.write(response(json.dumps({"status": "done", "result": "r"} if done else {"status": "wait"}).encode()))
        case "redirect":  # /redirect/302/where
            status, _, where = unquote(rest).partition("/")
            headers = [f"location: {where}"]
            if "cookied" in where:
                headers.append("set-cookie: hop=1; path=/")
            out.write(response(b"over there", f"{status} Elsewhere", *headers))
        case "loop":
            out.write(response(b"", "302 Found", "location: /loop"))
        case "encoded":
            out.write(encoded(rest))
        case "rejected":
            out.write(response(b"no such password: " + body, "401 Unauthorized"))
        case "status":
            out.write(response(b"", f"{rest} Whatever") if rest not in ("204", "304") else _bare(rest))
        case "slow":
            await asyncio.sleep(float(rest))
            out.write(response(OK))
        case "hang":
            await asyncio.sleep(60)
        case "close":
            return False
        case "reset":
            out.transport.abort()
            return False
        case "short":
            out.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nten bytes.")
            return False
        case "long":
            out.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nten bytes.")
        case "twice":
            out.write(response(OK) * 2)
        case "garbage":
            out.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        case "chunked":
            out.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
            await out.drain()
            await asyncio.sleep(0.005)
            out.write(b"6;x=y\r\n world\r\n0\r\n\r\n")
        case "badchunk":
            out.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n")
        case "eof":
            out.write(b"HTTP/1.1 200 OK\r\nserver: old\r\n\r\nuntil the end")
            return False
        case "interim":
            out.write(b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n" + response(OK))
        case "interim-eof":
            out.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nuntil ")
            await out.drain()
            await asyncio.sleep(0.005)
            out.write(b"the end")
            return False
        case "headers":
            out.write(response(OK, "200 OK", "x-long: " + "x" * int(rest)))
        case "big":
            out.write(response(b"x" * int(rest)))
        case "trickle":
            for byte in response(OK):
                out.write(bytes([byte]))
                await out.drain()
                await asyncio.sleep(0.0005)
        case "once":
            out.write(response(OK, "200 OK", "Connection: close"))
            return False
        case "forgetful":  # keeps the connection, but closes it once it rests
            out.write(response(OK))
            await out.drain()
            await asyncio.sleep(float(rest))
            return False
        case "switch":
            out.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: other\r\nconnection: upgrade\r\n\r\n")
        case _:
            out.write(response(b"" if method == "HEAD" else OK) if method != "HEAD" else _head(len(OK)))
    return True


def encoded(kind: str) -> bytes:

    bodies = {
        "gzip": lambda: gzip.compress(OK),
        "deflate": lambda: zlib.compress(OK),
        "br": lambda: import_module("brotli").compress(OK),
        "zstd": lambda: import_module("pyarrow").compress(OK, codec="zstd", asbytes=True),
        "gzip-cut": lambda: gzip.compress(OK)[:-9],
        "lies": lambda: OK,
        "bomb": lambda: gzip.compress(b"x" * 100_000_000, 1),
    }
    return response(
        bodies[kind](), "200 OK", f"content-encoding: {kind if len(kind) < 8 and kind in NAMES else 'gzip'}"
    )


NAMES = ("gzip", "deflate", "br", "zstd")


def _bare(status: str) -> bytes:
    return f"HTTP/1.1 {status} Bare\r\n\r\n".encode()


def _head(length: int) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n".encode()


async def serve(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
    global connections
    connections += 1
    opened.add(out)
    served = 0
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, path, _ = head.split(" ", 2)
            length = re.search(r"content-length: (\d+)", head)
            body = await reader.readexactly(int(length.group(1))) if length else b""
            if len(seen) < 2000 and not path.startswith("/_counts"):
                seen.append({"method": method, "path": path, "head": head, "body": body.decode("utf-8", "replace")})
            asked[path.lstrip("/").split("/")[0].split("?")[0]] += 1
            trace = re.search(r"traceparent: 00-([0-9a-f]{32})-[0-9a-f]{16}-01", head)
            if trace:
                ids.append(int(trace.group(1), 16))
            if path.startswith("/closing") and served:  # as a server that has just closed a connection that rested
                break
            stays = await answer(method, path, head, body, out)
            served += 1
            await out.drain()
            if not stays:
                break
    opened.discard(out)
    out.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.wait_for(server.serve_forever(), 110)  # never outlives the tests


if __name__ == "__main__":
    with contextlib.suppress(TimeoutError):
        asyncio.run(main())
    sys.exit(0)
