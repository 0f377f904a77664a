"""k6 scripts: their plain ``http.get/post/...`` calls and thresholds, read from the syntax tree; nothing is run.

tree-sitter reads JavaScript of any year and goes on after a mistake. Running the script was rejected: k6's modules are
its own program's. Regular expressions were rejected: URLs stand in template texts, constants and nested objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tree_sitter import Language, Node, Parser

from perfproof.core.placeholders import placeholders
from perfproof.draft.names import identifier, is_health, resource_of, unique
from perfproof.draft.sources.messages import body_of, kept_headers, merged, reads_graphql, split_query
from perfproof.draft.templates import written
from perfproof.draft.wanted import DraftRequest, Found, SourceContents
from perfproof.errors import UsageError

_METHODS = {
    "get": "GET",
    "post": "POST",
    "put": "PUT",
    "patch": "PATCH",
    "del": "DELETE",
    "head": "HEAD",
    "options": "OPTIONS",
}
_BASE = re.compile(r"^(?:https?://[^/{]+|\{\w+\}(?=/)|(?:https?://)?\{\w+\}(?::\{?\w+\}?)?(?=/))")
_PERCENTILE = re.compile(r"p\((50|95|99)\)\s*<=?\s*(\d+(?:\.\d+)?)")


class _UnknownError(Exception):
    """An expression whose value only k6 would know."""


@dataclass
class _Scope:
    """The constants of a script by name."""

    constants: dict[str, Node] = field(default_factory=dict)
    depth: int = 0


def read_k6(text: str, file: str) -> Found:
    """Return the requests of a script; ``UsageError`` where there are none that can be read."""
    import tree_sitter_javascript

    tree = Parser(Language(tree_sitter_javascript.language())).parse(text.encode())
    scope = _Scope()
    nodes = list(_all(tree.root_node))
    for node in nodes:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if node.type == "variable_declarator" and name is not None and value is not None:
            scope.constants.setdefault(_source(name), value)
    asks: list[DraftRequest] = []
    left_out: list[str] = []
    for node in nodes:
        call = _call(node)
        if call is None:
            continue
        where = f"{file}:{node.start_point[0] + 1}"
        try:
            asks.append(_ask(*call, scope, where))
        except _UnknownError as error:
            left_out.append(f"{where}: {_source(node)[:60]}: {error}")
    if not asks:
        broken = next((node for node in nodes if node.type == "ERROR"), None)
        if broken is not None:
            line, column = broken.start_point[0] + 1, broken.start_point[1] + 1
            raise UsageError("is not valid JavaScript", where=f"{file}:{line}:{column}", hint="correct it")
        raise UsageError(
            "holds no call of http.get, http.post, ... that can be read",
            where=f"{file}:1",
            why="; ".join(left_out[:3]) or None,
            hint="give the requests themselves: --get /path, or a HAR file of what the script sends",
        )
    plain = [ask for ask in asks if not is_health(ask.path)]
    return Found(
        file,
        asks=tuple(unique(merged(plain or asks))),
        left_out=tuple(left_out),
        budgets=_budgets(scope),
        health=tuple(ask.path for ask in asks if is_health(ask.path)),
    )


def _all(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _all(child)


def _source(node: Node) -> str:
    return (node.text or b"").decode(errors="replace")


def _call(node: Node) -> tuple[str, list[Node]] | None:
    """Return method and arguments of ``http.get(...)``."""
    called, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    if node.type != "call_expression" or called is None or called.type != "member_expression" or arguments is None:
        return None
    owner, name = called.child_by_field_name("object"), called.child_by_field_name("property")
    if owner is None or name is None or _source(owner) != "http" or _source(name) not in _METHODS:
        return None
    return _METHODS[_source(name)], [each for each in arguments.named_children if each.type != "comment"]


def _ask(method: str, arguments: list[Node], scope: _Scope, where: str) -> DraftRequest:
    if not arguments:
        raise _UnknownError("it has no address")
    url = _BASE.sub("", _template(arguments[0], scope)) or "/"
    if not url.startswith("/"):
        raise _UnknownError("its address cannot be read")
    path, query = split_query(url)
    takes_body = method not in ("GET", "HEAD", "OPTIONS")
    params = _optional(arguments[2 if takes_body else 1 :], scope)
    headers = params.get("headers") if isinstance(params, dict) else None
    pairs = [(str(name), str(value)) for name, value in headers.items()] if isinstance(headers, dict) else []
    kind = next((value for name, value in pairs if name.lower() == "content-type"), "")
    json, form, body = None, dict[str, str](), None
    if takes_body and len(arguments) > 1 and arguments[1].type not in ("null", "undefined"):
        value = _value(arguments[1], scope)
        if isinstance(value, dict):
            form = {name: written(str(each)) for name, each in value.items()}
        elif value is not None:
            json, form, body = body_of(str(value), kind or "application/json")
    kept = kept_headers([pair for pair in pairs if pair[0].lower() != "content-type" or body is not None])
    tags = params.get("tags") if isinstance(params, dict) else None
    name = tags.get("name") if isinstance(tags, dict) else None
    texts = (path, *query.values())
    sought = tuple(SourceContents(each, (each,), (1,)) for text in texts for each in placeholders(text))
    return DraftRequest(
        str(name) if name else "",
        method,
        path,
        where,
        query=query,
        headers=kept,
        json=json,
        form=form,
        body=body,
        sought=sought,
        safe=reads_graphql(path, json),
        resource=resource_of(path),
    )


def _optional(nodes: list[Node], scope: _Scope) -> Any:
    try:
        return _value(nodes[0], scope) if nodes else None
    except _UnknownError:
        return None


def _template(node: Node, scope: _Scope) -> str:
    """Return a text with a placeholder for everything in it that only k6 would know."""
    kind = node.type
    if kind == "string":
        return written(_string(node))
    if kind == "template_string":
        parts = []
        for child in node.children:
            if child.type in ("string_fragment", "escape_sequence"):
                parts.append(written(_source(child)))
            elif child.type == "template_substitution":
                parts.append(_template(child.named_children[0], scope) if child.named_children else "")
        return "".join(parts)
    if kind == "binary_expression":
        left, right, sign = (node.child_by_field_name(each) for each in ("left", "right", "operator"))
        if left is not None and right is not None and sign is not None and _source(sign) == "+":
            return _template(left, scope) + _template(right, scope)
        if left is not None and right is not None and sign is not None and _source(sign) in ("||", "??"):
            return _template(right, scope)  # __ENV.BASE_URL || "http://127.0.0.1"
    if kind == "parenthesized_expression" and node.named_children:
        return _template(node.named_children[0], scope)
    if kind == "number":
        return _source(node)
    if kind == "identifier" and _source(node) in scope.constants and scope.depth < 8:
        try:
            return _template(scope.constants[_source(node)], replace(scope, depth=scope.depth + 1))
        except _UnknownError:
            pass
    if kind in ("identifier", "member_expression", "subscript_expression", "call_expression"):
        return "{" + identifier(re.sub(r"\(.*", "", _source(node)).rpartition(".")[2] or "value") + "}"
    raise _UnknownError(f"`{_source(node)[:40]}` is known only to k6")


def _value(node: Node, scope: _Scope) -> Any:
    """Return the value of a constant expression; texts may hold placeholders."""
    kind = node.type
    if kind in ("string", "template_string", "binary_expression"):
        text = _template(node, scope)
        if any(placeholders(text)):
            raise _UnknownError(f"`{_source(node)[:40]}` is known only to k6")
        return text
    if kind == "number":
        return float(_source(node)) if "." in _source(node) else int(_source(node), 0)
    if kind in ("true", "false"):
        return kind == "true"
    if kind in ("null", "undefined"):
        return None
    if kind == "array":
        return [_value(each, scope) for each in node.named_children if each.type != "comment"]
    if kind == "object":
        found = {}
        for pair in node.named_children:
            key, value = pair.child_by_field_name("key"), pair.child_by_field_name("value")
            if pair.type == "pair" and key is not None and value is not None:
                found[_string(key) if key.type == "string" else _source(key)] = _value(value, scope)
            elif pair.type != "comment":
                raise _UnknownError(f"`{_source(pair)[:40]}` is known only to k6")
        return found
    if kind == "identifier" and _source(node) in scope.constants and scope.depth < 8:
        return _value(scope.constants[_source(node)], replace(scope, depth=scope.depth + 1))
    if kind == "call_expression":
        called, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if (
            called is not None
            and arguments is not None
            and _source(called) == "JSON.stringify"
            and arguments.named_children
        ):
            import json

            return json.dumps(_value(arguments.named_children[0], scope))
    raise _UnknownError(f"`{_source(node)[:40]}` is known only to k6")


def _string(node: Node) -> str:
    return (
        "".join(_source(child) for child in node.named_children) if node.named_children else _source(node).strip("\"'`")
    )


def _budgets(scope: _Scope) -> dict[str, str]:
    """Return the thresholds of a script as budgets of a scenario."""
    try:
        options = _value(scope.constants["options"], scope) if "options" in scope.constants else {}
    except _UnknownError:
        return {}
    thresholds = options.get("thresholds") if isinstance(options, dict) else None
    found: dict[str, str] = {}
    for name, rules in (thresholds if isinstance(thresholds, dict) else {}).items():
        for rule in rules if isinstance(rules, list) else [rules]:
            text = str(rule.get("threshold", "") if isinstance(rule, dict) else rule)
            if name == "http_req_duration" and (match := _PERCENTILE.match(text)):
                found[f"latency_p{match[1]}"] = f"{float(match[2]):g}ms"
            elif name == "http_req_failed" and (rate := re.match(r"rate\s*<=?\s*(0?\.\d+)", text)):
                found["error_rate"] = f"{float(rate[1]) * 100:g}%"
    return found
