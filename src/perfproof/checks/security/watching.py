"""Looks at every answer as it comes: headers, cookies, leaks, secrets. It keeps what was there, never the words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from perfproof.checks.security.cookies import cookie_of
from perfproof.checks.security.disclosed import disclosed
from perfproof.checks.security.headers import lacking
from perfproof.checks.security.leaks import leaked
from perfproof.http.plain_client import Answer

_MOST = 500
"""Entries of one kind that are kept."""


@dataclass
class Watched:
    """What answers gave away so far. ``session`` are cookies that let in, ``known`` secrets of the service by value.

    ``own`` are the credentials that were sent: who gets them back is told nothing new.
    """

    session: frozenset[str] = frozenset()
    secure: bool = False
    known: Mapping[str, str] = field(default_factory=dict, repr=False)
    own: frozenset[str] = field(default=frozenset(), repr=False)
    _headers: dict[str, dict[str, Any]] = field(default_factory=dict)
    _cookies: dict[str, dict[str, Any]] = field(default_factory=dict)
    _leaks: dict[tuple[str, str], int] = field(default_factory=dict)
    _secrets: dict[tuple[str, str, str], None] = field(default_factory=dict)
    _failed: set[str] = field(default_factory=set)
    _read: set[str] = field(default_factory=set)
    _seen: set[bytes] = field(default_factory=set, repr=False)

    def look(self, name: str, target: str, answer: Answer, *, right: bool) -> None:
        """Look at an answer of the endpoint ``name``; headers only of one to a ``right`` request."""
        if not answer.status:
            return
        if right and len(self._headers) < _MOST:
            flaws = lacking(answer, secure=self.secure)
            if flaws is not None:
                self._headers[name] = {"endpoint": name, "media": answer.media, "lacking": flaws}
        self.cookies_set(answer.cookies)
        if answer.status >= 400:
            self._failed.add(name)
        if answer.status < 300 and answer.body:
            self._read.add(name)
        spot = hashlib.sha256(name.encode() + b"\0" + answer.body).digest()
        if spot in self._seen:
            return
        self._seen.add(spot)
        if answer.status >= 400:
            for what in leaked(answer, target):
                self._leaks.setdefault((name, what), answer.status)
        if len(self._secrets) < _MOST:
            for where, what in disclosed(answer, self.known, self.own):
                self._secrets.setdefault((name, where, what))

    def cookies_set(self, lines: Iterable[str]) -> None:
        """Look at ``Set-Cookie`` lines."""
        for line in lines:
            found = cookie_of(line, self.session, secure=self.secure)
            if found is not None and len(self._cookies) < _MOST:
                known = self._cookies.setdefault(found["name"], found)
                known["flaws"] = list(dict.fromkeys([*known["flaws"], *found["flaws"]]))

    @property
    def same_site(self) -> Mapping[str, str]:
        """Return what cookies say of SameSite, by their names."""
        return {name: str(each["same_site"]) for name, each in self._cookies.items()}

    def facts(self) -> dict[str, Any]:
        """Return what was seen, as JSON values."""
        return {
            "headers": list(self._headers.values()),
            "cookies": list(self._cookies.values()),
            "failed": len(self._failed),
            "leaks": [
                {"endpoint": name, "what": what, "status": status} for (name, what), status in self._leaks.items()
            ][:_MOST],
            "read": len(self._read),
            "secrets": [{"endpoint": name, "where": where, "what": what} for name, where, what in self._secrets],
        }
