"""Right requests of a document's operations: parameters from examples, ids from the lists that stand above them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote

from perfproof.checks.arm import CheckedArm
from perfproof.documents.operations import Operation, Operations, Parameter, operations_of
from perfproof.documents.references import BrokenReferenceError
from perfproof.documents.rows import ids_in, rows_of
from perfproof.documents.samples import given, kind_of, sample

_BRACES = re.compile(r"\{([^{}]*)\}")
_LEFT_ALONE = re.compile(
    r"(^|[/_.-])(log[-_]?out|sign[-_]?out|revoke|shutdown|restart|quit|reset|purge|flush|delete|remove|export|download)([/_.-]|$)",
    re.IGNORECASE,
)
"""Paths that are not asked, even by GET: what they are called would change something, or end the service."""


def left_alone(path: str) -> bool:
    """Tell whether a path is called as if asking for it did something."""
    return _LEFT_ALONE.search(path) is not None


@dataclass
class Rightly:
    """Asks one arm rightly; remembers the ids it was told. ``operations`` is None where there is no document.

    ``guessed`` says that the last target holds a value which may not be there.
    """

    arm: CheckedArm
    operations: Operations | None = None
    guessed: bool = False
    _ids: dict[str, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.arm.document is not None and self.operations is None:
            self.operations = operations_of(self.arm.document)
            self.arm.left_out += list(self.operations.broken[:5])

    @cached_property
    def prefix(self) -> str:
        """What stands before the paths of the document: its own prefix, and the service's if it lacks that.

        Where the scenario's requests stand elsewhere, it is what stands before them there: a program that mounts an API
        below a path often leaves that out of the document.
        """
        if self.operations is None:
            return self.arm.prefix
        prefix = self._said()
        documented = {_BRACES.sub("{}", each.path) for each in self.operations.found}
        asked = {_BRACES.sub("{}", request.path) for request in self.arm.requests}
        if any(path.removeprefix(prefix) in documented for path in asked if path.startswith(prefix)):
            return prefix
        leads = Counter(
            path.removesuffix(each)
            for path in asked
            # the longest, since "/flows/{}" ends with "/{}", too
            for each in sorted((each for each in documented if path.endswith(each)), key=len)[-1:]
            if each.strip("/")
        )
        lead, often = leads.most_common(1)[0] if leads else (prefix, 0)
        return lead if 2 * often >= len(asked) else prefix

    def _said(self) -> str:
        """Return the document's own prefix, below the service's if it lacks that."""
        if self.operations is None:
            return self.arm.prefix
        prefix, whole = self.operations.prefix, self.arm.prefix
        paths = [each.path for each in self.operations.found]
        if not whole or prefix.startswith(whole) or all(path.startswith(f"{whole}/") for path in paths):
            return prefix
        return whole + prefix

    def barred(self, operation: Operation) -> bool:
        """Tell whether an operation asks for credentials that no request of the scenario has."""
        return operation.secured and not self.arm.headers

    def target(self, operation: Operation, *, without: str = "", values: Mapping[str, Any] | None = None) -> str | None:
        """Return path and query of a right request; None where a value is not known.

        ``without`` is a parameter of the query that is left out, ``values`` stand in place of those that are right.
        """
        values = values or {}
        path = self.prefix
        position = 0
        self.guessed = False
        for match in _BRACES.finditer(operation.path):
            path += operation.path[position : match.start()]
            position = match.end()
            name = match[1]
            value = values[name] if name in values else self._path_value(operation, name, path)
            if value is None:
                return None
            path += quote(str(value), safe="")
        path += operation.path[position:]
        query = []
        for each in operation.parameters:
            if each.place != "query" or each.name == without:
                continue
            if each.name in values:
                query.append((each.name, values[each.name]))
            elif each.required:
                value = self._value(each)
                if value is None:
                    return None
                query.append((each.name, value))
        known = {each.name for each in operation.parameters} | set(_BRACES.findall(operation.path))
        query += [(name, value) for name, value in values.items() if name not in known]
        told = "&".join(f"{quote(name, safe='[]$')}={quote(_text(value), safe=':,@')}" for name, value in query)
        return f"{path}?{told}" if told else path

    def headers(self, operation: Operation) -> dict[str, str]:
        """Return the headers that an operation needs, and those that let it in."""
        found = dict(self.arm.headers)
        for each in operation.parameters:
            if each.place == "header" and each.required and each.name.lower() not in found:
                value = self._value(each)
                if value is not None:
                    found[each.name] = _text(value)
        return found

    def _value(self, parameter: Parameter) -> Any:
        try:
            known = given(parameter.part) + (given(parameter.schema) if parameter.schema is not None else [])
            return known[0] if known else sample(parameter.schema)
        except BrokenReferenceError:
            return None

    def _path_value(self, operation: Operation, name: str, above: str) -> Any:
        """Return an id that is there: of the list above, of a request of the scenario, an example, or 1."""
        above = above.rstrip("/")
        if above not in self._ids:
            self._ids[above] = []
            for listed in (above, above + "/"):
                if not above or left_alone(listed):
                    break
                answer = self.arm.asker.ask("GET", listed, self.arm.headers)
                rows = rows_of(answer.data) if answer.status == 200 else None
                if rows:
                    self._ids[above] = list(ids_in(rows, name, [name], above))
                    break
        found = self._ids[above]
        if found:
            return found[0]
        for request in self.arm.requests:
            if name in request.values and request.path.startswith(above):
                return request.values[name]
        parameter = next((each for each in operation.parameters if each.name == name and each.place == "path"), None)
        if parameter is None:
            return None
        known = given(parameter.part) + (given(parameter.schema) if parameter.schema is not None else [])
        if known:
            return known[0]
        self.guessed = True
        return 1 if kind_of(parameter.schema) in ("integer", "number") else None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)
