"""YAML text to plain values that know where they stand. Nothing is constructed but text, numbers, lists and mappings.

Plain words follow YAML 1.2: only true/false are booleans, dates and ``12:30`` stay text (YAML 1.1 reads them as dates
and base-60 numbers, which surprises in ``values``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import yaml
from yaml.composer import Composer
from yaml.resolver import Resolver

from perfproof.documents.yaml_mistakes import explain
from perfproof.errors import Problem
from perfproof.model.scenario import JsonValue

Path = tuple[str | int, ...]

MAX_BYTES = 1024 * 1024
MAX_VALUES = 50_000
"""Values after aliases are resolved: a few lines of nested aliases can stand for billions (the "alias bomb")."""
MAX_DEPTH = 50

_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map", "merge")}


class _Loader(yaml.SafeLoader):
    """The safe loader, of which only the composer is used, with YAML 1.2's plain words.

    It knows best what is wrong with a text, and takes ten times as long as ``_FastLoader`` for one that is right.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own name


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("int", r"[-+]?[0-9]{1,300}|0x[0-9a-fA-F]{1,250}|0o[0-7]{1,300}", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,5})?", "-+.0123456789"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})$"), [*_first, *([""] if _tag == "null" else [])]
    )


if yaml.__with_libyaml__:
    from yaml._yaml import CParser

    class _FastLoader(Composer, CParser, Resolver):
        """The same on libyaml's parser. Nodes are composed in Python: in C, deep nesting would use up the stack."""

        yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers

        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            Composer.__init__(self)
            Resolver.__init__(self)


@dataclass(frozen=True)
class SourceLocation:
    """Where a value stands: line and column (1-based) of its key and of itself, its text, and its span in the file."""

    key_line: int
    key_column: int
    line: int
    column: int
    written: str
    start: int
    end: int


@dataclass
class Document:
    """The values of a file, where each stands (by path), and what is wrong with the YAML itself.

    ``unread`` are the paths whose values could not be read.
    """

    file: str
    text: str
    data: dict[str, JsonValue] = field(default_factory=dict)
    spots: dict[Path, SourceLocation] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unread: set[Path] = field(default_factory=set)

    def problem(self, path: Path, reason: str, fix: str | None = None, *, at_key: bool = False) -> Problem:
        """Return a mistake at ``path``, or at the nearest place above it that is written in the file."""
        near = path
        while near and near not in self.spots:
            near = near[:-1]
        spot = self.spots.get(near)
        if spot is None:
            line, column = 1, 1
        elif at_key or near != path:
            line, column = spot.key_line, spot.key_column
        else:
            line, column = spot.line, spot.column
        return Problem(self.file, line, column, dotted(path), reason, fix)


def dotted(path: Path) -> str:
    """Return a path as people read it: ``requests[0].expect.status``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".") or "file"


def parse(file: str, text: str) -> Document:
    """Return the document in ``text``; its mistakes are in ``problems``, ``data`` holds what could be read."""
    document = Document(file, text)
    try:
        root = _composed(text)
    except yaml.YAMLError as error:
        document.problems.append(explain(error, file, text))
        return document
    except RecursionError:
        document.problems.append(Problem(file, 1, 1, "file", "is nested too deeply", f"at most {MAX_DEPTH} levels"))
        return document
    if root is None:
        document.problems.append(Problem(file, 1, 1, "file", "is empty", "write at least name, service and requests"))
        return document
    if not isinstance(root, yaml.MappingNode):
        line, column = root.start_mark.line + 1, root.start_mark.column + 1
        document.problems.append(Problem(file, line, column, "file", "must be a mapping", "write `name: ...` lines"))
        return document
    try:
        data = _Reader(document).value(root, (), root)
    except _TooMuchError as error:
        document.problems.append(error.problem)
        return document
    document.data = data if isinstance(data, dict) else {}
    return document


def _composed(text: str) -> yaml.Node | None:
    if yaml.__with_libyaml__ and not text.startswith("\ufeff"):  # which the two count differently
        with suppress(yaml.YAMLError, UnicodeEncodeError):
            return _FastLoader(text).get_single_node()
    loader: _Loader | None = None
    try:
        loader = _Loader(text)
        return loader.get_single_node()
    finally:
        if loader is not None:
            loader.dispose()


def _whole(text: str) -> str:
    """Return text with halves of characters joined: JSON writes some as two escapes, which YAML reads one by one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16")


class _TooMuchError(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class _Reader:
    """Turns nodes into values; counts them, since aliases may stand for far more than is written."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.count = 0
        self.open: list[yaml.Node] = []

    def value(self, node: yaml.Node, path: Path, key: yaml.Node) -> JsonValue:
        """Return the value of a node and note where it stands."""
        self.count += 1
        if self.count > MAX_VALUES:
            raise self._too_much(
                node, "stands for too many values", f"use fewer aliases; at most {MAX_VALUES:,} values"
            )
        if len(self.open) > MAX_DEPTH:
            raise self._too_much(node, "is nested too deeply", f"at most {MAX_DEPTH} levels")
        if any(node is outer for outer in self.open):
            raise self._too_much(node, "contains itself", "an alias cannot stand inside its own anchor")
        start, end = node.start_mark, node.end_mark
        place = start.line + 1, start.column + 1, start.index, end.index
        if start.index == end.index:
            place = self._after_its_key(start)
        line, column, began, ended = place
        written = node.value if isinstance(node, yaml.ScalarNode) else ""
        self.document.spots[path] = SourceLocation(
            key.start_mark.line + 1, key.start_mark.column + 1, line, column, written, began, ended
        )
        if node.tag not in _TAGS:
            self.document.unread.add(path)
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            self._problem(node, path, f"the tag {tag} is not allowed", "write plain text, numbers, lists and mappings")
            return None
        self.open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item, (*path, place), item) for place, item in enumerate(node.value)]
            return self._scalar(node, path) if isinstance(node, yaml.ScalarNode) else None
        finally:
            self.open.pop()

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if not isinstance(key, yaml.ScalarNode):
                self._problem(key, path, "a key must be a single word", 'quote text that begins with { or [: "{name}"')
                continue
            try:
                name = _whole(str(key.value))
            except UnicodeDecodeError:
                self._problem(key, path, "a key holds half a character", "write \\U and eight digits")
                continue
            if name in lines:
                first = f"it is already there in line {lines[name]}"
                self._problem(key, (*path, name), "is given twice", f"{first}; remove one")
                continue
            lines[name] = key.start_mark.line + 1
            found[name] = self.value(value, (*path, name), key)
        # `<<: *anchor` (YAML 1.1's merge key) fills in what is not written: repeated headers need not be repeated.
        for key, value in self._merged(node, path):
            if str(key.value) not in found:
                found[str(key.value)] = self.value(value, (*path, str(key.value)), key)
        return found

    def _merged(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        for key, value in node.value:
            if key.tag != "tag:yaml.org,2002:merge":
                continue
            for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                self.count += 1
                if not isinstance(source, yaml.MappingNode) or any(source is outer for outer in self.open[:-1]):
                    self._problem(source, path, "`<<` must name a mapping", "write <<: *name, with &name on a mapping")
                    continue
                if self.count > MAX_VALUES or len(self.open) > MAX_DEPTH:
                    raise self._too_much(source, "stands for too many values", "use fewer aliases")
                self.open.append(source)
                for inner_key, inner in source.value:
                    if isinstance(inner_key, yaml.ScalarNode) and inner_key.tag != "tag:yaml.org,2002:merge":
                        yield inner_key, inner
                yield from self._merged(source, path)
                self.open.pop()

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> JsonValue:
        text, kind = str(node.value), node.tag.rpartition(":")[2]
        try:
            text = _whole(text)
        except UnicodeDecodeError:
            self.document.unread.add(path)
            self._problem(node, path, "holds half a character", "write \\U and eight digits instead of \\ud...")
            return None
        try:
            if kind == "bool":
                return text.lower() == "true"
            if kind == "null":
                return None
            if kind == "int":
                return int(text, {"0x": 16, "0o": 8}.get(text[:2], 10))
            if kind == "float" and math.isfinite(float(text)):
                return float(text)
        except ValueError:
            self._problem(node, path, f"`{text}` is not of the type its tag says", "leave the tag out")
        return text

    def _problem(self, node: yaml.Node, path: Path, reason: str, fix: str) -> None:
        mark = node.start_mark
        self.document.problems.append(
            Problem(self.document.file, mark.line + 1, mark.column + 1, dotted(path), reason, fix)
        )

    def _after_its_key(self, start: yaml.Mark) -> tuple[int, int, int, int]:
        """Return where a value stands that is not written: behind what asks for it, not before what comes next."""
        text, at = self.document.text, start.index
        while at and text[at - 1] in " \t\r\n":
            at -= 1
        if at == start.index:
            return start.line + 1, start.column + 1, at, at
        lines = text.count("\n", at, start.index)
        line = start.line + 1 - lines if start.index < len(text) else text.count("\n", 0, at) + 1
        return line, at - text.rfind("\n", 0, at), at, at

    def _too_much(self, node: yaml.Node, reason: str, fix: str) -> _TooMuchError:
        mark = node.start_mark
        return _TooMuchError(Problem(self.document.file, mark.line + 1, mark.column + 1, "file", reason, fix))
