"""A GraphQL document read: its mistakes, its fields, and other documents made of it. Pure.

Fragments are written out where they are used, so that a field has one place: the path of response keys that leads to
it. A fragment that names itself (``fragment Person on User { name friends { ...Person } }``), which GraphQL forbids, is
how a query of any depth is written here: it is written out as deep as is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphql import DocumentNode, FieldNode, GraphQLSchema, OperationDefinitionNode, SelectionSetNode

QUERY = "graphql query"
"""The name under which a probe's values hold a document that is sent in place of the request's own."""
INSTALL = "pip install 'perfproof[graphql]'"
MOST_MISTAKES = 5
_DEEPEST = 30
"""Levels beyond which nothing is written out: no service is asked so deep."""
_CYCLE = "NoFragmentCyclesRule"

Path = tuple[str, ...]


class UnreadableError(ValueError):
    """A document or a schema cannot be read; the text says where and why."""


@dataclass(frozen=True)
class Place:
    """A field of a query: the response keys that lead to it, and whether it has fields of its own."""

    path: Path
    nested: bool


def available() -> bool:
    """Tell whether GraphQL can be read here."""
    return find_spec("graphql") is not None


def mistakes(text: str, schema: str | None = None, *, deep: bool = False) -> list[str]:
    """Return what is wrong with a document, each with its line and column, at most a few.

    By its syntax alone, or by ``schema`` (SDL, or the JSON of an introspection). With ``deep`` a fragment may name
    itself. Raises ``UnreadableError`` for a schema that is none.
    """
    from graphql import GraphQLError, specified_rules, validate

    try:
        document = _parsed(text)
    except UnreadableError as error:
        return [str(error)]
    if schema is None:
        return [] if deep else [f"fragment {name} names itself, so it has no end" for name in self_naming(text)]
    known = schema_of(schema)
    rules = [rule for rule in specified_rules if not (deep and rule.__name__ == _CYCLE)]
    try:
        errors = validate(known, document, rules, max_errors=MOST_MISTAKES)
    except GraphQLError as error:
        return [_told(error)]
    return [_told(error) for error in errors[:MOST_MISTAKES]]


def schema_of(text: str) -> GraphQLSchema:
    """Return a schema written in SDL or as the JSON of an introspection; raises ``UnreadableError``."""
    from graphql import GraphQLError, build_client_schema, build_schema

    try:
        if text.lstrip()[:1] == "{" and '"__schema"' in text:
            data = json.loads(text)
            return build_client_schema(data.get("data", data))
        return build_schema(text)
    except GraphQLError as error:
        raise UnreadableError(_told(error)) from None
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise UnreadableError(str(error)) from None


def self_naming(text: str) -> tuple[str, ...]:
    """Return the names of the fragments that lead back to themselves, in order."""
    from graphql import FragmentDefinitionNode

    document = _parsed(text)
    uses = {
        node.name.value: set(_spreads(node.selection_set))
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    return tuple(name for name in uses if name in _reached(name, uses))


def at_depth(text: str, operation: str, depth: int) -> str:
    """Return the operation alone, with what lies deeper than ``depth`` levels of objects left out.

    ``{ books { title reviews { text } } }`` has depth 2, and at depth 1 it is ``{ books { title } }``.
    """
    found = _written_out(text, operation, depth)
    return _printed(replace(found, selection_set=_cut(found.selection_set, 0, depth)))


def fields(text: str, operation: str) -> tuple[Place, ...]:
    """Return every field of an operation in order, each once; ``__typename`` and its like cost nothing and are none."""
    found: dict[Path, bool] = {}
    for path, node in _walk(_written_out(text, operation, _DEEPEST).selection_set, ()):
        if not node.name.value.startswith("__"):
            found[path] = found.get(path, False) or node.selection_set is not None
    return tuple(Place(path, nested) for path, nested in found.items())


def without(text: str, operation: str, path: Path) -> str:
    """Return the operation alone, without the field at ``path`` and the variables that nothing uses then."""
    found = _written_out(text, operation, _DEEPEST)
    return _printed(replace(found, selection_set=_left_out(found.selection_set, path)))


def _parsed(text: str) -> DocumentNode:
    from graphql import GraphQLError, parse

    try:
        return parse(text)
    except GraphQLError as error:
        raise UnreadableError(_told(error)) from None


def _told(error: Any) -> str:
    """Return an error with its place within the document."""
    message = str(error.message).removeprefix("Syntax Error: ")
    where = next(iter(error.locations or ()), None)
    return f"line {where.line}, column {where.column} of it: {message}" if where is not None else message


def _operation(document: DocumentNode, name: str) -> OperationDefinitionNode:
    from graphql import OperationDefinitionNode

    known = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    chosen = [node for node in known if node.name is not None and node.name.value == name] or known
    if not chosen:
        raise UnreadableError("it has no operation")
    return chosen[0]


def _written_out(text: str, operation: str, depth: int) -> OperationDefinitionNode:
    """Return a copy of the operation with every fragment written out where it is used, down to ``depth`` levels."""
    from graphql import FragmentDefinitionNode

    document = _parsed(text)
    parts = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    found = _operation(document, operation)
    return replace(found, selection_set=_filled(found.selection_set, parts, (), 0, depth))


def _filled(
    selections: SelectionSetNode,
    parts: dict[str, Any],
    within: tuple[tuple[str, int], ...],
    level: int,
    depth: int,
) -> SelectionSetNode:
    from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode

    kept: list[Any] = []
    for node in _nodes(selections):
        if isinstance(node, FragmentSpreadNode):
            name = node.name.value
            turning = any(name == each for each, _ in within)
            if name not in parts or (name, level) in within or (turning and level > depth):
                continue
            part = parts[name]
            inner = _filled(part.selection_set, parts, (*within, (name, level)), level, depth)
            kept.append(
                InlineFragmentNode(type_condition=part.type_condition, directives=node.directives, selection_set=inner)
            )
            continue
        inside = node.selection_set
        if inside is not None:
            deeper = level + 1 if isinstance(node, FieldNode) else level
            inside = _filled(inside, parts, within, deeper, depth)
        kept.append(replace(node, selection_set=inside))
    return _selected(selections, kept)


def _nodes(selections: SelectionSetNode) -> Sequence[Any]:
    """Return what is selected: fields, and fragments, which graphql-core's types hold for nodes without selections."""
    return selections.selections


def _selected(like: SelectionSetNode, kept: Sequence[Any]) -> SelectionSetNode:
    """Return a selection of ``kept``; of nothing, which may not be, the one field that every type has."""
    from graphql import FieldNode, NameNode

    return replace(
        like, selections=tuple(kept) or (FieldNode(name=NameNode(value="__typename"), arguments=(), directives=()),)
    )


def _cut(selections: SelectionSetNode, level: int, depth: int) -> SelectionSetNode:
    from graphql import FieldNode

    kept: list[Any] = []
    for node in _nodes(selections):
        inside = node.selection_set
        if inside is not None:
            own = isinstance(node, FieldNode)
            if own and level >= depth:
                continue
            inside = _cut(inside, level + own, depth)
        kept.append(replace(node, selection_set=inside))
    return _selected(selections, kept)


def _left_out(selections: SelectionSetNode, path: Path) -> SelectionSetNode:
    from graphql import FieldNode

    kept: list[Any] = []
    for node in _nodes(selections):
        inside = node.selection_set
        if isinstance(node, FieldNode):
            if _key(node) == path[0]:
                if len(path) == 1:
                    continue
                inside = inside and _left_out(inside, path[1:])
        elif inside is not None:
            inside = _left_out(inside, path)
        kept.append(replace(node, selection_set=inside))
    return _selected(selections, kept)


def _walk(selections: SelectionSetNode, above: Path) -> Iterator[tuple[Path, FieldNode]]:
    from graphql import FieldNode

    for node in _nodes(selections):
        if isinstance(node, FieldNode):
            path = (*above, _key(node))
            yield path, node
            if node.selection_set is not None:
                yield from _walk(node.selection_set, path)
        elif node.selection_set is not None:
            yield from _walk(node.selection_set, above)


def _key(node: FieldNode) -> str:
    return node.alias.value if node.alias is not None else node.name.value


def _printed(operation: OperationDefinitionNode) -> str:
    """Return an operation as text, without variables that it no longer uses: a strict service refuses those."""
    from graphql import DocumentNode, print_ast

    used = _variables(operation.selection_set) | {
        name for each in operation.directives or () for name in _variables(each)
    }
    kept = tuple(each for each in operation.variable_definitions or () if each.variable.name.value in used)
    return print_ast(DocumentNode(definitions=(replace(operation, variable_definitions=kept),)))


def _variables(node: Any) -> set[str]:
    from graphql import VariableNode, Visitor, visit

    class Collector(Visitor):
        def __init__(self) -> None:
            super().__init__()
            self.names: set[str] = set()

        def enter_variable(self, found: VariableNode, *_: Any) -> None:
            self.names.add(found.name.value)

    collector = Collector()
    visit(node, collector)
    return collector.names


def _spreads(selections: SelectionSetNode) -> Iterator[str]:
    from graphql import FragmentSpreadNode

    for node in _nodes(selections):
        if isinstance(node, FragmentSpreadNode):
            yield node.name.value
        elif node.selection_set is not None:
            yield from _spreads(node.selection_set)


def _reached(name: str, uses: dict[str, set[str]]) -> set[str]:
    """Return the fragments that ``name`` leads to, itself only if a way leads back."""
    found: set[str] = set()
    ahead = list(uses.get(name, ()))
    while ahead:
        each = ahead.pop()
        if each not in found:
            found.add(each)
            ahead += uses.get(each, ())
    return found


def objects_at(data: Any, path: Path) -> int:
    """Return how many objects an answer holds at a path of response keys; lists on the way are gone through."""
    if isinstance(data, list):
        return sum(objects_at(each, path) for each in data)
    if not isinstance(data, dict):
        return 0
    return objects_at(data.get(path[0]), path[1:]) if path else 1
