"""Arms made of real programs, for the tests of services and collectors."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from perfproof.model.scenario import Arm, Service
from perfproof.service.tree import is_alive

APPS = Path(__file__).parent / "service" / "apps"
HTTP_SERVER = f"{sys.executable} -m http.server {{port}} --bind 127.0.0.1"
GUNICORN = f"{sys.executable} -m gunicorn -w 2 -b 127.0.0.1:{{port}} wsgi_app:app"
UVICORN = f"{sys.executable} -m uvicorn asgi_app:app --workers 2 --port {{port}}"


def an_arm(command: str | None, name: str = "baseline", **settings: object) -> Arm:
    defaults: dict[str, object] = {"directory": APPS, "stop_grace": 5.0, "start_timeout": 30.0}
    return Arm(name, Service(command=command, **(defaults | settings)))  # type: ignore[arg-type]


def mask(text: str) -> str:
    return text.replace("hunter2", "***")


def wait_for(condition: Callable[[], object], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def all_end(pids: list[int], seconds: float = 15.0) -> bool:
    return wait_for(lambda: not any(map(is_alive, pids)), seconds)
