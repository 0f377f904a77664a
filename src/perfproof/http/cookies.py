"""The cookies of one user towards one service, as RFC 6265 keeps them: by name and path, until they expire.

A jar serves one origin, so domains do not matter: what another host sets on a redirect is not kept.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BAD = re.compile(r"[\x00-\x1f\x7f;]")


@dataclass(frozen=True)
class Cookie:
    """A cookie's value, where it is sent to and until when (seconds since the epoch; None: as long as the jar)."""

    value: str
    path: str
    secure: bool
    expires: float | None


class Jar:
    """Cookies received so far; ``secure`` says that they travel over TLS."""

    def __init__(self, *, secure: bool = False) -> None:
        self._secure = secure
        self._kept: dict[tuple[str, str], Cookie] = {}

    def copy(self) -> Jar:
        """Return a jar of its own with the same cookies."""
        twin = Jar(secure=self._secure)
        twin._kept = dict(self._kept)
        return twin

    def header(self, target: str) -> str:
        """Return the ``Cookie`` header for a target, those with longer paths first; empty if there are none."""
        path, now = target.partition("?")[0], time.time()
        fitting = [
            (kept_path, name, cookie.value)
            for (name, kept_path), cookie in self._kept.items()
            if _within(path, kept_path)
            and (cookie.expires is None or cookie.expires > now)
            and (self._secure or not cookie.secure)
        ]
        return "; ".join(f"{name}={value}" for _, name, value in sorted(fitting, key=lambda found: -len(found[0])))

    def take(self, lines: Iterable[str], target: str) -> None:
        """Keep what the ``Set-Cookie`` lines of a response to ``target`` say; a line that cannot be read is passed."""
        for line in lines:
            pair, *rest = line.split(";")
            name, equals, value = (part.strip() for part in pair.partition("="))
            if not equals or not _NAME.fullmatch(name) or _BAD.search(value):
                continue
            attributes = {key.strip().lower(): word.strip() for key, _, word in (each.partition("=") for each in rest)}
            path = attributes.get("path", "")
            if not path.startswith("/"):
                path = target.partition("?")[0].rpartition("/")[0] or "/"
            expires = _expiry(attributes)
            if expires is not None and expires <= time.time():
                self._kept.pop((name, path), None)
            else:
                self._kept[name, path] = Cookie(value, path, "secure" in attributes, expires)

    def clear(self) -> None:
        """Forget all cookies."""
        self._kept.clear()

    def __len__(self) -> int:
        """Return how many cookies are kept."""
        return len(self._kept)


def _within(path: str, cookie_path: str) -> bool:
    return path == cookie_path or (
        path.startswith(cookie_path) and (cookie_path[-1:] == "/" or path[len(cookie_path) :][:1] == "/")
    )


def _expiry(attributes: dict[str, str]) -> float | None:
    age = attributes.get("max-age", "")
    if re.fullmatch(r"-?\d{1,12}", age):
        return time.time() + int(age)
    try:
        return parsedate_to_datetime(attributes["expires"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
