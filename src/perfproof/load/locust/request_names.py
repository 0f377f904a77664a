"""The names of requests that come up while load runs, each with the number it has in the samples."""

from __future__ import annotations

import re
from collections.abc import Callable

from perfproof.errors import LoadError

MOST = 200
"""Names beyond this are a mistake, not kinds of requests: every one is a row of the report."""

_LONGEST = 160
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Names:
    """Names in order of their first appearance; numbers are never given anew. ``hide`` masks secrets in them."""

    def __init__(self, hide: Callable[[str], str]) -> None:
        self._hide = hide
        self._numbers: dict[tuple[str, str], int] = {}
        self._known: dict[str, int] = {}

    def number(self, kind: str, name: str) -> int:
        """Return the number of a request's name, e.g. of GET and /items; LoadError when there are too many."""
        found = self._numbers.get((kind, name))
        if found is None:
            text = _UNPRINTABLE.sub(" ", self._hide(f"{kind} {name}")).strip() or "unnamed"
            text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "\u2026"
            found = self._known.get(text)
            if found is None:
                if len(self._known) >= MOST:
                    raise LoadError(
                        f"the Locust file makes requests of more than {MOST} names",
                        why=f"one of them is {text!r}; every name is a row of its own",
                        hint='give requests of one kind one name: self.client.get(f"/items/{n}", name="/items/[n]")',
                    )
                found = self._known[text] = len(self._known)
            self._numbers[kind, name] = found
        return found

    def all(self) -> tuple[str, ...]:
        """Return the names by number."""
        return tuple(self._known)
