"""Asks a service whether it is up: GET of its health path until the status is below 400."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from perfproof.core.addresses import is_loopback
from perfproof.model.scenario import Tls

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.25
ANSWER_WITHIN = 5.0
"""Seconds one health request may take; a service that is still loading may accept and answer late."""


@dataclass(frozen=True)
class HealthAnswer:
    """What came back: healthy or not, and in words. ``refused`` says that nothing listens there, or nowhere."""

    healthy: bool
    text: str
    refused: bool = False


def ask(base_url: str, path: str, timeout: float = ANSWER_WITHIN, *, tls: Tls | None = None) -> HealthAnswer:
    """Send one GET and tell what came back. Never raises for what a service may do.

    ``localhost`` needs no entry in a scenario's allow list, so nothing is sent when it is not this machine.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or "127.0.0.1"
    connection = http.client.HTTPConnection(host, parts.port, timeout=timeout)
    try:
        elsewhere = _elsewhere(host) if host == "localhost" else None
        if elsewhere is not None:
            return HealthAnswer(False, f"localhost is {elsewhere}, which is not this machine; nothing was sent")
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=_context(tls))
        connection.request("GET", parts.path.rstrip("/") + "/" + path.lstrip("/"), headers={"Connection": "close"})
        status = connection.getresponse().status
    except TimeoutError:
        return HealthAnswer(False, f"no answer within {timeout:g} s")
    except socket.gaierror:
        return HealthAnswer(False, f"the name {host} is not known here", refused=True)
    except ConnectionRefusedError:
        return HealthAnswer(False, "connection refused", refused=True)
    except (OSError, http.client.HTTPException) as error:
        return HealthAnswer(False, str(error) or type(error).__name__)
    finally:
        connection.close()
    return HealthAnswer(status < 400, f"status {status}")


def _elsewhere(host: str) -> str | None:
    addresses = [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    return next((address for address in addresses if not is_loopback(address)), None)


def _context(tls: Tls | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(tls.ca) if tls is not None and tls.ca is not None else None)
    if tls is not None and tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def wait_until_healthy(
    base_url: str,
    path: str,
    timeout: float,
    given_up: Callable[[], bool],
    ask: Callable[..., HealthAnswer] = ask,
) -> HealthAnswer:
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


STRETCH = 0.1
"""Seconds of one look."""

IDLE_NS = 5_000_000
"""CPU time in one stretch below which a process is not starting up any more: 5 % of a core."""

SETTLE_WITHIN = 5.0
"""Seconds until the waiting ends anyway: a service may have work of its own."""


def wait_until_settled(pids: Callable[[], Sequence[int]], given_up: Callable[[], bool]) -> bool:
    """Wait until the same processes are there at both ends of a stretch and none was busy in it; tell whether so.

    A single process is settled when it is healthy, and costs no waiting. Without this, a worker that is still
    importing looks warm (it uses CPU) and slows the other arm's first blocks.
    """
    deadline = time.monotonic() + SETTLE_WITHIN
    before = _cpu(pids())
    while time.monotonic() < deadline and not given_up():
        if len(before) <= 1:
            return True
        time.sleep(STRETCH)
        now = _cpu(pids())
        if now.keys() == before.keys() and all(now[pid] - before[pid] < IDLE_NS for pid in now):
            return True
        before = now
    return False


def _cpu(pids: Sequence[int]) -> dict[int, int]:
    """Return each process's CPU nanoseconds, by the clock id of clock_getcpuclockid(3)."""
    found = {}
    for pid in pids:
        try:
            found[pid] = time.clock_gettime_ns((~pid << 3) | 2)
        except OSError:
            continue
    return found
