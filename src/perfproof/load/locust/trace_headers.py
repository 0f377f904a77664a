"""Has the HTTP clients of a Locust file say in a header which request they send, as requests of a scenario do.

A profiler in the service books its time on that. The name is the one that Locust shows unless the file changes it once
the response is there, which only then is known. Two methods that every such request goes through are replaced in this
process (``label``); clients of the file's own, and files that send a ``traceparent`` themselves, are left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from locust.env import Environment

from perfproof.http.message import TRACE


class TraceEnvironment(Environment):
    """An environment whose users' requests carry the header that ``header`` returns for their kind and name, if any."""

    header: Callable[[str, str], str | None]


def label() -> None:
    """Label what the users of every LabelEnvironment send; to be called once in a process."""
    http: Any = HttpSession
    fast: Any = FastHttpSession
    send, request = http.send, fast.request

    def labelled_send(self: Any, prepared: Any, **options: Any) -> Any:
        if TRACE not in prepared.headers:  # else one of the file's own, or of the request that led here
            value = _header(self.user, prepared.method, getattr(self, "explicit_name", None) or prepared.path_url)
            if value is not None:
                prepared.headers[TRACE] = value
        return send(self, prepared, **options)

    def labelled_request(self: Any, method: str, url: str, name: str | None = None, *rest: Any, **named: Any) -> Any:
        given = named.get("headers") or {}
        if len(rest) < 4 and not any(key.lower() == TRACE for key in given):  # the fourth would be the headers
            value = _header(self.user, method, name or self.request_name or url)
            if value is not None:
                named["headers"] = {**given, TRACE: value}
        return request(self, method, url, name, *rest, **named)

    http.send, fast.request = labelled_send, labelled_request


def _header(user: Any, kind: object, name: object) -> str | None:
    environment = getattr(user, "environment", None)
    return environment.header(str(kind), str(name)) if isinstance(environment, TraceEnvironment) else None
