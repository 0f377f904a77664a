"""JSON and YAML documents of other tools: read fast, and every complaint about them with its place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from perfproof.documents.yaml_mistakes import explain
from perfproof.errors import UsageError

MAX_BYTES = 64 * 1024 * 1024
_PLACED_UP_TO = 3_000_000
"""Characters of a document in which places are looked up: composing more would take longer than reading it."""

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]  # libyaml's loader where it is there: it reads ten times faster
    """Safe, and dates stay text: an example of 2026-01-31 is sent as it is written."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own name
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@dataclass
class Document:
    """A document: ``file`` is what messages call it, ``data`` what it holds, ``folder`` where its neighbours are."""

    file: str
    data: dict[str, Any]
    text: str = field(repr=False)
    folder: Path | None = None
    _root: Any = field(default=None, repr=False)

    def place(self, path: Sequence[str | int]) -> str:
        """Return ``file:line:column`` of the value at ``path``, or of the nearest one above it that is written."""
        if len(self.text) > _PLACED_UP_TO:
            return f"{self.file}: {dotted(path)}"
        if self._root is None:
            loader = _Loader(self.text)
            try:
                self._root = loader.get_single_node()
            except (yaml.YAMLError, RecursionError):  # JSON that is no YAML: tabs, for example
                return f"{self.file}: {dotted(path)}"
            finally:
                loader.dispose()
        node, mark = self._root, self._root.start_mark
        for step in path:
            below = _below(node, step)
            if below is None:
                break
            mark, node = below
        return f"{self.file}:{mark.line + 1}:{mark.column + 1}"

    def error(self, path: Sequence[str | int], what: str, *, why: str | None = None, hint: str) -> UsageError:
        """Return the error for a document that cannot be used because of what is at ``path``."""
        return UsageError(what, where=self.place(path), why=why, hint=hint)


def _below(node: Any, step: str | int) -> tuple[Any, Any] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark, value) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark, node.value[step]
    return None


def dotted(path: Sequence[str | int]) -> str:
    """Return a path as people read it."""
    return ".".join(map(str, path)) or "the whole document"


def read_file(path: Path) -> str:
    """Return the text of a file; ``UsageError`` with what keeps it from being read."""
    try:
        if path.is_dir():
            raise UsageError("is a folder", where=str(path), hint="name a file in it")
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(
                f"is larger than {MAX_BYTES >> 20} MiB", where=str(path), hint="cut it down to what counts"
            )
        return decoded(path.read_bytes(), str(path))
    except FileNotFoundError:
        near = sorted(each.name for each in path.parent.glob("*.*"))[:6] if path.parent.is_dir() else []
        hint = f"beside it: {', '.join(near)}" if near else "correct the path"
        raise UsageError("does not exist", where=str(path), hint=hint) from None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path), hint="look at its permissions") from None


def decoded(content: bytes, file: str) -> str:
    """Return bytes as text: UTF-8, or UTF-16 where a mark says so."""
    try:
        if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return content.decode("utf-16")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UsageError("is not UTF-8 text", where=f"{file}:{line}", hint="save it as UTF-8") from None


def parse(text: str, file: str, folder: Path | None = None) -> Document:
    """Return the document in ``text``, JSON or YAML; ``UsageError`` with the place of what is wrong."""
    stripped = text.lstrip()
    if not stripped:
        raise UsageError("is empty", where=f"{file}:1:1", hint="export the document again")
    try:
        if stripped[0] in "{[":
            data = _json(text, file)
        elif stripped[0] == "<":
            raise UsageError(
                "is a page and no document",
                where=f"{file}:1:1",
                hint="give the address of the JSON or YAML itself, often /openapi.json, not that of a page showing it",
            )
        else:
            data = _yaml(text, file)
    except RecursionError:
        raise UsageError(
            "is nested too deeply", where=f"{file}:1:1", hint="a document has a few dozen levels"
        ) from None
    if not isinstance(data, dict):
        kind = "a list" if isinstance(data, list) else "a single value"
        raise UsageError(
            f"holds {kind}, not a mapping", where=f"{file}:1:1", hint="an OpenAPI document or a HAR begins with keys"
        )
    return Document(file, data, text, folder)


def _json(text: str, file: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if text.lstrip()[0] == "{" and not file.endswith((".json", ".har")):
            return _yaml(text, file)  # a flow mapping
        fixes = {
            "Expecting property name enclosed in double quotes": 'remove the comma before }, or quote the key with "',
            "Expecting ',' delimiter": "a comma or a closing bracket is missing before here",
            "Expecting value": "a value is missing here, or a comma is too many",
            "Invalid control character at": "a line break within a text is written \\n",
            "Extra data": "the file holds more than one document: keep the first",
        }
        hint = fixes.get(
            error.msg, "a text is never closed" if "Unterminated" in error.msg else "correct it, or export it again"
        )
        where = f"{file}:{error.lineno}:{error.colno}"
        raise UsageError("is not valid JSON", where=where, why=error.msg.lower(), hint=hint) from None


def _in_words(error: yaml.YAMLError, text: str) -> yaml.YAMLError:
    """Return the same mistake as PyYAML itself tells it: libyaml names no characters."""
    try:
        for _ in yaml.parse(text[:_PLACED_UP_TO], yaml.SafeLoader):
            pass
    except yaml.YAMLError as told:
        return told
    return error


def _yaml(text: str, file: str) -> Any:
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        problem = explain(_in_words(error, text), file, text)
        where = f"{file}:{problem.line}:{problem.column}"
        raise UsageError(problem.reason, where=where, hint=problem.fix or "correct it, or export it again") from None
    except (ValueError, TypeError) as error:  # keys that cannot be keys, numbers that are none
        raise UsageError(
            "cannot be read as YAML", where=f"{file}:1:1", why=str(error), hint="quote the value"
        ) from None
