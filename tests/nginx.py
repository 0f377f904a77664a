"""A private nginx that answers with 55 bytes of JSON: a server that the generator cannot wear out."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BODY = '{"id": 17, "name": "a small item", "price": 123.456789}'


@contextmanager
def nginx(core: int, files: Path | None = None) -> Iterator[str]:
    """Run a private nginx on ``core`` and yield its URL; ``/large`` is a file of that name in ``files``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
        config = Path(folder, "nginx.conf")
        config.write_text(
            f"""daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
            events {{ worker_connections 4096; }}
            http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
                client_body_temp_path {folder}/body; {temporary}
                server {{ listen 127.0.0.1:{port}; default_type application/json;
                    {f"location = /large {{ root {files}; }}" if files else ""}
                    location / {{ return 200 '{BODY}'; }} }} }}"""
        )
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        server = subprocess.Popen(["taskset", "-c", str(core), binary, "-p", folder, "-c", str(config)])
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            else:
                raise RuntimeError("nginx did not start")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(10)
