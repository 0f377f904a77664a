"""A request event of Locust as a sample: when it began and ended to the nanosecond, and how it ended."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from time import monotonic_ns, time_ns
from typing import Any

import gevent
import requests
import urllib3.exceptions as urllib3
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError
from geventhttpclient.useragent import ConnectionError as AgentError
from locust.exception import ResponseError

from perfproof.model.recording import Outcome

_TIMEOUTS = (TimeoutError, requests.Timeout, gevent.Timeout, urllib3.TimeoutError)
_CONNECTS = (ConnectionRefusedError, PermissionError, socket.gaierror, urllib3.NewConnectionError)
_PROTOCOLS = (
    HTTPParseError,
    http.client.HTTPException,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    urllib3.DecodeError,
    urllib3.InvalidHeader,
)
_CUT_SHORT = (ConnectionError, HTTPConnectionClosed, http.client.IncompleteRead, urllib3.IncompleteRead)
_CLOSED = (requests.ConnectionError, AgentError, EOFError, OSError)
_DEEPEST = 10


@dataclass(frozen=True)
class RequestEvent:
    """One request as its client tells of it: began and ended (ns of CLOCK_MONOTONIC), status, bytes and outcome."""

    sent_ns: int
    done_ns: int
    status: int
    size: int
    outcome: Outcome


def event_of(
    response_time: float | None,
    response_length: int | None,
    response: Any = None,
    exception: BaseException | None = None,
    start_time: float | None = None,
) -> RequestEvent | None:
    """Return what an event that has just been fired says; None when it says not how long the request took.

    ``response_time`` is the client's own measurement in milliseconds, not yet rounded by anybody, and decides how long
    it took. When it began is told by ``start_time`` (s since 1970) where it fits; otherwise it has ended just now.
    """
    now, wall = monotonic_ns(), time_ns()
    began = now - (wall - int(start_time * 1e9)) if _is_number(start_time) and start_time else 0
    if _is_number(response_time) and response_time is not None and response_time >= 0:
        took = round(response_time * 1e6)
    elif began:
        took = max(now - began, 0)
    else:
        return None
    if not 0 < began <= now - took:  # none, or the clock of the wall was set meanwhile
        began = now - took
    status = getattr(response, "status_code", 0)
    status = status if isinstance(status, int) and 0 <= status < 1000 else 0
    size = response_length if isinstance(response_length, int) and response_length > 0 else 0
    return RequestEvent(began, began + took, status, size, outcome_of(exception, status))


def outcome_of(exception: BaseException | None, status: int = 0) -> Outcome:
    """Return how a request ended, by what its client raised; a response that the file itself fails is unexpected."""
    if exception is None:
        return Outcome.OK
    if isinstance(exception, ResponseError) or not isinstance(exception, BaseException):
        return Outcome.UNEXPECTED
    if status >= 400:
        return Outcome.BAD_STATUS
    causes = list(_causes(exception))
    for kinds, outcome in (
        (_TIMEOUTS, Outcome.TIMEOUT),
        (_CONNECTS, Outcome.CONNECT),
        (_CUT_SHORT, Outcome.CLOSED),
        (_PROTOCOLS, Outcome.PROTOCOL),
        (_CLOSED, Outcome.CLOSED),
    ):
        if any(isinstance(cause, kinds) for cause in causes):
            return outcome
    return Outcome.UNEXPECTED


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those inside it: libraries wrap what the socket said several times."""
    found: list[BaseException] = [error]
    for _ in range(_DEEPEST):
        if not found:
            return
        each = found.pop(0)
        yield each
        inside = (each.__cause__, getattr(each, "reason", None), *each.args)
        found += [part for part in inside if isinstance(part, BaseException) and part is not each]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
