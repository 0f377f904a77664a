"""A service with planted faults of its restart, on the standard library: ``planted.py PORT [FAULT]``.

drop: ends at once. early: says ready while it cannot answer yet. dying: liveness fails while it warms up. reset: resets
kept connections. hang: does not end when told to. Without a fault it stops listening, finishes what is under way and
closes what rests, and is ready only when it is. ``slow_start`` warms up before it listens, as behind a shared port.
"""

import asyncio
import os
import signal
import socket
import struct
import sys
import time

PORT, FAULT = int(sys.argv[1]), (sys.argv[2:] or [""])[0]
WARMING = 1.2 if FAULT in ("early", "dying", "warming") else 0.0
began = time.monotonic()
resting, under_way, draining = set(), 0, False


def warm():
    return time.monotonic() - began >= WARMING


async def answer(path):
    if path == "/health":
        return "200 OK" if FAULT == "early" or warm() else "503 Service Unavailable"
    if path == "/alive":
        return "503 Service Unavailable" if FAULT == "dying" and not warm() else "200 OK"
    if not warm():
        return "503 Service Unavailable"
    await asyncio.sleep(0.06)
    return "200 OK"


async def serve(reader, writer):
    global under_way
    try:
        while True:
            resting.add(writer)
            head = await reader.readuntil(b"\r\n\r\n")
            resting.discard(writer)
            under_way += 1
            try:
                status = await answer(head.split(b" ", 2)[1].decode())
                close = draining or b"connection: close" in head.lower()
                ends = "close" if close else "keep-alive"
                body = f"HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: {ends}\r\n\r\n{{}}"
                writer.write(body.encode())
                await writer.drain()
            finally:
                under_way -= 1
            if close:
                return
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        resting.discard(writer)
        writer.close()


async def main():
    global draining
    told = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", PORT, reuse_port=True)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, (lambda: os._exit(0)) if FAULT == "drop" else told.set)
    await told.wait()
    if FAULT == "hang":
        await asyncio.sleep(3600)
    draining = True
    server.close()
    for writer in list(resting):
        if FAULT == "reset":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort() if FAULT == "reset" else writer.close()
    while under_way:
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.02)


asyncio.run(main())
