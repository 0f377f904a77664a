"""What clients rest on in a document, small enough to be kept, and what breaks for them between two. Pure.

A field is a word: its type, ``!`` if it is always there, and its values in braces where they are listed:
``string!{open,done}``. What clients send may be asked for less, and what they get may be more.
The other way round breaks them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from perfproof.documents.operations import Operation, Operations
from perfproof.documents.references import BrokenReferenceError, Part

_DEEPEST = 5
_MOST_FIELDS = 60
_MOST_OPERATIONS = 200
_WORD = re.compile(r"(?P<type>[^!{]*)(?P<sure>!?)(?:\{(?P<values>.*)\})?")


def key_of(prefix: str, operation: Operation) -> str:
    """Return what an operation is told apart by: names of placeholders do not matter to clients."""
    return f"{operation.method} {prefix}{re.sub(r'{[^{}]*}', '{}', operation.path)}"


def digest_of(operations: Operations, prefix: str | None = None) -> dict[str, Any]:
    """Return what clients rest on, by operation; ``prefix`` stands before every path (by default the document's)."""
    prefix = operations.prefix if prefix is None else prefix
    found: dict[str, Any] = {}
    for each in operations.found[:_MOST_OPERATIONS]:
        try:
            found[key_of(prefix, each)] = _operation(prefix, each)
        except BrokenReferenceError:
            continue
    return found


def _operation(prefix: str, operation: Operation) -> dict[str, Any]:
    parameters = {
        f"{each.place} {each.name}": _word(each.schema, sure=each.required)
        for each in operation.parameters
        if each.place != "path"
    }
    found: dict[str, Any] = {"parameters": parameters, "answers": {}}
    if "{" not in operation.path:
        found["plain"] = prefix + operation.path
    if operation.secured:
        found["secured"] = True
    if operation.deprecated:
        found["deprecated"] = True
    if operation.body is not None:
        found["body"] = dict(_fields(operation.body))
        found["body_required"] = operation.body_required
    for status in operation.responses:
        if status.isdigit() and status[0] == "2":
            schema = operation.schema(int(status), "application/json")
            found["answers"][status] = dict(_fields(schema)) if schema is not None else {}
    return found


def _fields(schema: Part) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for path, word in _walk(schema, "$", 0, (), sure=True):
        if len(found) >= _MOST_FIELDS:
            break
        found.append((path, word))
    return found


def _walk(schema: Part, path: str, depth: int, within: tuple[int, ...], *, sure: bool) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST or schema.spot in within:
        return
    within = (*within, schema.spot)
    yield path, _word(schema, sure=sure)
    for part in (schema, *schema.items("allOf")):
        required = part.data.get("required")
        names = {str(name) for name in required} if isinstance(required, list) else set()
        for name, each in part.entries("properties"):
            yield from _walk(each, f"{path}.{name}", depth + 1, within, sure=name in names)
    item = schema.at("items")
    if item is not None:
        yield from _walk(item, f"{path}[]", depth + 1, within, sure=True)
    for key in ("anyOf", "oneOf"):
        others = [each for each in schema.items(key) if each.data.get("type") != "null"]
        if len(others) == 1:
            yield from ((p, w) for p, w in _walk(others[0], path, depth + 1, within, sure=sure) if p != path)


def _word(schema: Part | None, *, sure: bool) -> str:
    mark = "!" if sure else ""
    if schema is None:
        return f"any{mark}"
    data = schema.data
    kind = data.get("type")
    kinds = [str(each) for each in kind] if isinstance(kind, list) else [str(kind)] if isinstance(kind, str) else []
    for key in ("anyOf", "oneOf"):
        for each in schema.items(key):
            inner = each.data.get("type")
            kinds += [str(inner)] if isinstance(inner, str) else ["object"] if "properties" in each.data else []
    if not kinds:
        kinds = ["object"] if "properties" in data or "allOf" in data else ["array"] if "items" in data else ["any"]
    if data.get("nullable") is True:
        kinds.append("null")
    values = data.get("enum")
    listed = "{" + ",".join(sorted(str(each)[:40] for each in values[:40])) + "}" if isinstance(values, list) else ""
    return "|".join(sorted(set(kinds))) + mark + listed


def breaking(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what breaks for clients of ``before``: the operation, and what in words."""
    found: list[tuple[str, str]] = []
    for name, old in before.items():
        new = after.get(name)
        if new is None:
            found.append((name, "is gone" + (" (it was deprecated)" if old.get("deprecated") else "")))
            continue
        if new.get("secured") and not old.get("secured"):
            found.append((name, "asks for credentials now"))
        found += [(name, text) for text in _sent("parameter", old["parameters"], new["parameters"])]
        if "body" in new:
            if "body" not in old or (new["body_required"] and not old["body_required"]):
                if new["body_required"]:
                    found.append((name, "needs a body now"))
            else:
                found += [(name, text) for text in _sent("field", old["body"], new["body"])]
        found += [(name, text) for text in _got(old["answers"], new["answers"])]
    return found


def _sent(what: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    """Yield what clients would have to send otherwise."""
    for name, word in new.items():
        kind, sure, values = _parts(word)
        if name not in old:
            above = name.rpartition(".")[0]
            if sure and (what == "parameter" or above in ("$", *old)):
                yield f"needs the {what} {name} now"
            continue
        was, was_sure, had = _parts(old[name])
        if sure and not was_sure:
            yield f"needs the {what} {name} now"
        if not _fits(was, kind):
            yield f"takes the {what} {name} as {_told(kind)}, no longer as {_told(was)}"
        gone = sorted(had - values) if had and values else []
        if gone:
            yield f"no longer takes {', '.join(gone[:3])} for {name}"
        elif values and not had:
            yield f"takes only listed values for {name} now"


def _got(old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Yield what clients would get otherwise."""
    for status, fields in old.items():
        if status not in new:
            instead = f", but with {' or '.join(new)}" if new else ""
            yield f"no longer answers with {status}{instead}"
            continue
        if not new[status] and fields:
            yield f"no longer says what it answers with {status}"
            continue
        lost: list[str] = []
        for path, word in fields.items():
            if any(path.startswith((f"{each}.", f"{each}[")) for each in lost):
                continue
            if path not in new[status]:
                lost.append(path)
                yield f"answers without {path}"
                continue
            was, was_sure, _ = _parts(word)
            kind, sure, _ = _parts(new[status][path])
            if not _fits(kind, was):
                yield f"answers with {path} as {_told(kind)}, not as {_told(was)}"
            if was_sure and not sure:
                yield f"may answer without {path}"


def _parts(word: str) -> tuple[frozenset[str], bool, frozenset[str]]:
    match = _WORD.fullmatch(word)
    if match is None:
        return frozenset({"any"}), False, frozenset()
    values = match["values"]
    return frozenset(match["type"].split("|")), bool(match["sure"]), frozenset(values.split(",") if values else ())


def _fits(given: frozenset[str], taken: frozenset[str]) -> bool:
    """Tell whether everything that one side gives is something that the other takes."""
    if "any" in taken or "any" in given:
        return True
    return all(each in taken or (each == "integer" and "number" in taken) for each in given)


def _told(kinds: frozenset[str]) -> str:
    return " or ".join(sorted(kinds))
