"""What recorded and written requests have in common: which headers count, and ids in paths made placeholders."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from perfproof.core.redaction import sounds_secret
from perfproof.documents.operations import PAGING
from perfproof.draft.names import identifier, is_search, resource_of
from perfproof.draft.templates import written, written_json
from perfproof.draft.wanted import DraftRequest
from perfproof.errors import UsageError
from perfproof.model.scenario import JsonValue, Scalar

_OF_BROWSERS = re.compile(
    r":.*|host|connection|content-length|user-agent|sec-.*|origin|referer|accept-encoding|accept-language|cookie|dnt"
    r"|upgrade-insecure-requests|if-none-match|if-modified-since|cache-control|pragma|priority|te|postman-token|expect"
    r"|traceparent|x-request-id|keep-alive|proxy-.*",
    re.IGNORECASE,
)
"""Headers that say who asks, not what is asked for."""
_ID = re.compile(r"\d+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{24}", re.IGNORECASE)


def kept_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the headers that belong to a request, without those of browsers and without secrets."""
    return {
        name: written(value)
        for name, value in headers
        if not _OF_BROWSERS.fullmatch(name)
        and not sounds_secret(name)
        and (name.lower() != "accept" or "json" in value)
    }


def path_of(url: str, where: str) -> str:
    """Return path and query of an address, as a scenario writes them; ``UsageError`` if it is none."""
    try:
        parts = urlsplit(url if "://" in url or url.startswith("/") else f"http://{url}")
    except ValueError as error:
        raise UsageError(f"{url} is no address", where=where, why=str(error), hint="correct it") from None
    return written((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def body_of(text: str, kind: str) -> tuple[JsonValue | None, dict[str, str], str | None]:
    """Return a body as JSON, as form fields or as it is, by its media type."""
    kind = kind.partition(";")[0].strip().lower()
    if "json" in kind:
        try:
            return written_json(json.loads(text)), {}, None
        except ValueError:
            return None, {}, written(text)
    if kind == "application/x-www-form-urlencoded":
        pairs = parse_qsl(text, keep_blank_values=True)
        if pairs and len({name for name, _ in pairs}) == len(pairs):
            return None, {name: written(value) for name, value in pairs}, None
    return None, {}, written(text)


def reads_graphql(path: str, json: JsonValue | None) -> bool | None:
    """Return True for a GraphQL query, which is sent by POST and changes nothing; None where the method tells."""
    query = json.get("query") if isinstance(json, dict) else None
    if not isinstance(query, str) or "graphql" not in path.lower():
        return None
    return True if re.match(r"\s*(?:\{|query\b|fragment\b)", query) and "mutation" not in query else None


def merged(asks: Iterable[DraftRequest]) -> list[DraftRequest]:
    """Return requests that differ only in ids of their paths as one, with those ids as its values.

    How often one was seen becomes its weight, so that the traffic keeps its mix.
    """
    groups: dict[tuple[str, str, str, str], list[tuple[DraftRequest, dict[str, Scalar]]]] = {}
    for ask in asks:
        path, values = _with_placeholders(ask.path)
        key = (
            ask.method,
            path,
            "&".join(f"{name}={value}" for name, value in ask.query.items()),
            str(ask.json or ask.form),
        )
        groups.setdefault(key, []).append((replace(ask, path=path), values))
    found = []
    for (method, path, _, _), group in groups.items():
        first, values = group[0]
        choices: Mapping[str, tuple[Scalar, ...]] = {name: (value,) for name, value in values.items()}
        if values:  # only what was seen together may be combined: the last id varies, the others stay
            last = list(values)[-1]
            same = [own for _, own in group if all(own[name] == values[name] for name in values if name != last)]
            choices = {**choices, last: tuple(dict.fromkeys(own[last] for own in same))[:5]}
        name = first.name if first.name != "" else f"{method} {path}"
        found.append(
            replace(first, name=name, values={**first.values, **choices}, weight=len(group), resource=resource_of(path))
        )
    least = min((ask.weight for ask in found), default=1)
    return [replace(ask, weight=max(1, round(ask.weight / least))) for ask in found]


def _with_placeholders(path: str) -> tuple[str, dict[str, Scalar]]:
    """Return a path with its ids as placeholders, and their values."""
    steps, values = path.split("/"), dict[str, Scalar]()
    for place, step in enumerate(steps):
        if _ID.fullmatch(step):
            before = steps[place - 1] if place else ""
            name = identifier(re.sub(r"(ies|s)$", lambda match: "y" if match[1] == "ies" else "", before) + "_id")
            while name in values:
                name += "_"
            values[name] = int(step) if step.isdigit() and not (step[0] == "0" and len(step) > 1) else step
            steps[place] = "{" + name + "}"
    return "/".join(steps), values


def paged(ask: DraftRequest) -> DraftRequest:
    """Return a request with how many rows are wanted, by its query or a search's body, as a value of its own."""
    path, query = (ask.path, dict(ask.query)) if ask.query else split_query(ask.path)
    for name, value in query.items():
        variable = identifier(name)
        if PAGING.fullmatch(name) and value.isdigit() and int(value) > 0 and variable not in ask.values:
            query[name] = "{" + variable + "}"
            values = {**ask.values, variable: (int(value),)}
            return replace(ask, path=path, query=query, values=values, paging=variable)
    if isinstance(ask.json, dict) and is_search(path) and not ask.paging:
        for name, number in ask.json.items():
            variable = identifier(name)
            if not isinstance(number, int) or isinstance(number, bool) or number < 1:
                continue
            if PAGING.fullmatch(name) and variable not in ask.values:
                values = {**ask.values, variable: (number,)}
                return replace(ask, json={**ask.json, name: "{" + variable + "}"}, values=values, paging=variable)
    return ask


def split_query(target: str) -> tuple[str, dict[str, str]]:
    """Return path and query of a target, the query by name where each name comes once."""
    path, mark, query = target.partition("?")
    pairs = [each.partition("=") for each in query.split("&")] if mark else []
    names = [name for name, _, _ in pairs]
    if len(set(names)) < len(names) or any(not equals for _, equals, _ in pairs):
        return target, {}
    return path, {name: value for name, _, value in pairs}
