"""Secrets that only show while load runs: what was captured from responses and the cookies that were set.

They reach the parent with the next reply, so that it can mask them in what the services printed. Nothing is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice

from perfproof.core.redaction import Redactor, sounds_secret
from perfproof.http.reply import Reply
from perfproof.model.scenario import JsonValue

MOST = 50_000
"""Values kept between two replies; a flow that captures more than that has them masked by name and looks alone."""

_LONG = 16
_LEAVES = 5000
_RANDOM = re.compile(r"(?=[^\s]*[A-Za-z])(?=[^\s]*\d)[^\s]+")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)


class FoundSecrets:
    """Values found to be secret, which ``redactor`` masks from then on; ``take`` hands over those not yet told."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self._new: list[str] = []
        self._known: set[str] = set()
        self._seen: set[str] = set()

    def variables(self, found: Mapping[str, JsonValue]) -> None:
        """Look at variables captured from a response: secret by their names, or by looking like a token."""
        for name, value in found.items():
            if isinstance(value, str) and (sounds_secret(name) or _looks_random(value)):
                self._add(value)

    def cookies(self, lines: Iterable[str]) -> None:
        """Look at the ``Set-Cookie`` lines of a response."""
        for line in lines:
            if line in self._seen:
                continue
            if len(self._seen) < MOST:
                self._seen.add(line)
            name, _, value = line.partition(";")[0].partition("=")
            value = value.strip().strip('"')
            if sounds_secret(name) or _looks_random(value):
                self._add(value)

    def response(self, reply: Reply) -> None:
        """Look at a whole response to a set-up step: what answers a login is secret, captured or not."""
        for name, value in reply.fields:
            if sounds_secret(name) and "cookie" not in name:
                self._add(value)
        with suppress(ValueError):
            for name, leaf in islice(_leaves("", reply.document), _LEAVES):
                self.variables({name: leaf})

    def rows(self, rows: Iterable[Mapping[str, JsonValue]]) -> None:
        """Look at the rows of a feed: secret is what stands in a column that is named so."""
        self.add(str(value) for row in rows for name, value in row.items() if sounds_secret(name))

    def add(self, values: Iterable[str]) -> None:
        """Take over what others found."""
        for value in values:
            self._add(value)

    def take(self) -> list[str]:
        """Return what is new since the last time."""
        found, self._new = self._new, []
        return found

    def _add(self, value: str) -> None:
        if value in self._known or len(self._new) >= MOST:
            return
        if len(self._known) >= MOST:
            self._known.clear()
        self._known.add(value)
        self._new.append(value)
        self.redactor.learn([value])


def _leaves(name: str, value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    """Yield every plain value of a JSON document with the key it stands under, however deep."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(name if sounds_secret(name) else key, item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(name, item)
    else:
        yield name, value


def _looks_random(value: str) -> bool:
    return len(value) >= _LONG and bool(_RANDOM.fullmatch(value)) and not _UUID.fullmatch(value)
