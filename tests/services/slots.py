"""A service whose capacity is known: one worker that takes SERVICE_MS for each request, neither more nor less.

Each request gets the next free slot of a timetable and is answered at its end, so what handling it costs is part of the
slot: at most 1000 / SERVICE_MS requests a second are served, exactly. Called as ``slots.py PORT``.
"""

import asyncio
import os
import sys

SERVICE = float(os.environ.get("SERVICE_MS", "10")) / 1000
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
free_at = 0.0


class Slots(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        global free_at
        loop = asyncio.get_running_loop()
        if data.startswith(b"GET /health "):
            self.transport.write(REPLY)
            return
        free_at = max(loop.time(), free_at) + SERVICE
        loop.call_at(free_at, self.transport.write, REPLY)


async def serve(port):
    server = await asyncio.get_running_loop().create_server(Slots, "127.0.0.1", port)
    await server.serve_forever()


asyncio.run(serve(int(sys.argv[1])))
