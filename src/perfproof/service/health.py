"""Asks a service whether it is up: GET of its health path until the status is below 400."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.25
ANSWER_WITHIN = 5.0
"""Seconds one health request may take; a service that is still loading may accept and answer late."""


@dataclass(frozen=True)
class Answer:
    """What came back: healthy or not, and in words."""

    healthy: bool
    text: str


def ask(base_url: str, path: str, timeout: float = ANSWER_WITHIN) -> Answer:
    """Send one GET and tell what came back. Never raises for what a service may do."""
    parts = urlsplit(base_url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "127.0.0.1", parts.port, timeout=timeout)
    try:
        connection.request("GET", parts.path.rstrip("/") + "/" + path.lstrip("/"), headers={"Connection": "close"})
        status = connection.getresponse().status
    except TimeoutError:
        return Answer(False, f"no answer within {timeout:g} s")
    except ConnectionRefusedError:
        return Answer(False, "connection refused")
    except (OSError, http.client.HTTPException) as error:
        return Answer(False, str(error) or type(error).__name__)
    finally:
        connection.close()
    return Answer(status < 400, f"status {status}")


def wait_until_healthy(
    base_url: str, path: str, timeout: float, given_up: Callable[[], bool], ask: Callable[..., Answer] = ask
) -> Answer:
    """Ask until the service is healthy, the timeout (seconds) is over or ``given_up``; return the last answer."""
    deadline = time.monotonic() + timeout
    pause = FIRST_PAUSE
    while True:
        left = deadline - time.monotonic()
        answer = ask(base_url, path, timeout=max(0.1, min(ANSWER_WITHIN, left)))
        if answer.healthy or given_up() or time.monotonic() + pause >= deadline:
            return answer
        time.sleep(pause)
        pause = min(pause * 1.1, LONGEST_PAUSE)
