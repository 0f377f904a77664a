"""Parts of a document with their references followed, by the library that resolves them for jsonschema.

``referencing`` follows one reference at a time, so circles cost nothing and thousands of operations are read in a
moment. Validating the whole document first (openapi-spec-validator) was weighed and rejected: it looks at every part of
it, and documents that are slightly wrong, as most are, would be refused for places that no request needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from perfproof.documents.document import Document, parse, read_file
from perfproof.errors import UsageError

_HOPS = 30


class BrokenReferenceError(Exception):
    """A reference leads nowhere; the message is ``reason``."""


@dataclass
class _Followed:
    """The references of a document that were followed: schemas that need one another are gone through again and again.

    Each is known by what it stands in and by who follows it. What is referred to has one resolver, however it was come
    to. All that is known by its number is kept, so that the number stays its own.
    """

    parts: dict[tuple[int, int], tuple[Any, Part | None]] = field(default_factory=dict)
    resolvers: dict[int, tuple[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """A mapping somewhere in a document. ``spot`` is the same for every way that leads to it."""

    data: dict[str, Any]
    resolver: Any
    spot: int
    _followed: _Followed = field(default_factory=_Followed, compare=False, repr=False)

    def at(self, *steps: str) -> Part | None:
        """Return the mapping below, references followed; None if there is none. Raises BrokenReferenceError."""
        found: Part | None = self
        for step in steps:
            if found is None or step not in found.data:
                return None
            found = found._part(found.data[step])
        return found

    def items(self, key: str) -> list[Part]:
        """Return the mappings in the list at ``key``."""
        value = self.data.get(key)
        listed = value if isinstance(value, list) else []
        found = map(self._part, listed)
        return [each for each in found if each is not None]

    def entries(self, key: str) -> Iterator[tuple[str, Part]]:
        """Yield name and mapping of what is below ``key``; what is no mapping is left out."""
        below = self.at(key)
        for name in below.data if below is not None else ():
            part = below.at(name) if below is not None else None
            if part is not None:
                yield str(name), part

    def _part(self, value: Any) -> Part | None:
        if not isinstance(value, dict):
            return None
        if not isinstance(value.get("$ref"), str):
            return Part(value, self.resolver, id(value), self._followed)
        known, key = self._followed.parts, (id(value), id(self.resolver))
        if key not in known:
            known[key] = value, self._follow(value)
        return known[key][1]

    def _follow(self, value: Any) -> Part | None:
        resolver, spot, reference = self.resolver, id(value), ""
        for _ in range(_HOPS):
            if not isinstance(value, dict):
                return None
            if not isinstance(value.get("$ref"), str):
                return Part(value, resolver, spot, self._followed)
            reference = value["$ref"]
            siblings = {key: each for key, each in value.items() if key != "$ref"}
            try:
                found = resolver.lookup(reference)
            except (Unresolvable, ValueError, LookupError) as error:
                cause: BaseException | None = error
                while cause is not None and not isinstance(cause, UsageError):
                    cause = cause.__cause__
                why = cause.what if isinstance(cause, UsageError) else "leads nowhere"
                raise BrokenReferenceError(f"the reference {reference} {why}") from None
            value, spot = found.contents, id(found.contents)
            _, resolver = self._followed.resolvers.setdefault(spot, (value, found.resolver))
            if siblings and isinstance(value, dict) and "$ref" not in value:
                value = {**value, **siblings}
        raise BrokenReferenceError(f"the reference {reference} leads in a circle")


def root_of(document: Document) -> Part:
    """Return the whole document. Other files are read when a reference first leads there; nothing is fetched."""
    base = (document.folder / Path(document.file).name).absolute().as_uri() if document.folder else "document:"

    def retrieve(uri: str) -> Resource[Any]:
        parts = urlsplit(uri)
        if parts.scheme != "file" or document.folder is None:
            raise UsageError("leads outside of the file, and nothing is fetched")
        path = Path(unquote(parts.path))
        if not path.resolve().is_relative_to(document.folder.resolve().parent):
            raise UsageError("leads outside of the document's folders")
        return DRAFT202012.create_resource(parse(read_file(path), str(path), path.parent).data)

    registry: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg]
    registry = registry.with_resource(base, DRAFT202012.create_resource(document.data))
    return Part(document.data, registry.resolver(base), id(document.data))
