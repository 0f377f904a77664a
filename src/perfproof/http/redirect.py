"""Where a redirect leads and whether it may be followed: nothing is sent before that is decided."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

from perfproof.errors import LoadError
from perfproof.http.message import Outgoing
from perfproof.http.reply import Reply
from perfproof.http.target import Origin, Target, locate, origin_of
from perfproof.http.template import fill_target

REDIRECTS = (301, 302, 303, 307, 308)
_CREDENTIALS = ("authorization", "cookie", "proxy-authorization")


class RedirectRefusedError(Exception):
    """A redirect that is not followed, with the reason in words."""


@dataclass(frozen=True)
class Hop:
    """One redirect: what is sent next, and to which origin (None: the same as before) at which URL."""

    out: Outgoing
    url: str
    away: Origin | None = None


def next_hop(out: Outgoing, url: str, reply: Reply, allow: Collection[str]) -> Hop | None:
    """Return where the reply to ``out``, which was sent to ``url``, leads; None if it is no redirect.

    RefusedError when it leads to another origin whose host ``allow`` does not name: also to another port of this
    machine, where something may listen that no one meant. Another origin gets neither credentials nor cookies.
    Methods change as the Fetch standard says: 303, and 301 or 302 after POST, become GET without a body.
    """
    locations = reply.headers("location")
    if reply.status not in REDIRECTS or not locations:
        return None
    there = urljoin(url, locations[0].strip())
    try:
        parts = urlsplit(there)
        origin = origin_of(parts)
        same = origin == origin_of(urlsplit(url))
    except (LoadError, ValueError) as error:
        why = error.what if isinstance(error, LoadError) else str(error)
        raise RedirectRefusedError(f"a redirect that cannot be followed: {why}") from error
    if not same and origin[1] not in {name.lower() for name in allow}:
        raise RedirectRefusedError(f"a redirect to {origin[0]}://{origin[1]}:{origin[2]}, which `allow:` does not name")
    query = f"?{parts.query}" if parts.query else ""
    headers = {
        name: value for name, value in out.headers.items() if name != "cookie" and (same or name not in _CREDENTIALS)
    }
    method, body = out.method, out.body
    if (reply.status == 303 and method != "HEAD") or (reply.status in (301, 302) and method == "POST"):
        method, body = "GET", None
        headers = {name: value for name, value in headers.items() if not name.startswith("content-")}
    target = fill_target((parts.path or "/").replace("{", "%7B") + query.replace("{", "%7B"), {})
    hop = replace(out, method=method, target=target, headers=headers, body=body)
    return Hop(hop, there, None if same else origin)


class AllowedOrigins:
    """The other origins that redirects of one arm lead to: each is resolved and checked once."""

    def __init__(self, allow: Collection[str]) -> None:
        self.allow = tuple(allow)
        self._known: dict[Origin, Target] = {}

    def target(self, origin: Origin, url: str) -> Target:
        """Return the checked addresses of an origin; LoadError when it may not be reached. Waits for the resolver."""
        if origin not in self._known:
            self._known[origin] = locate(url, self.allow)
        return self._known[origin]
