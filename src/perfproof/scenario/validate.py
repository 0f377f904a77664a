"""Values to ``ScenarioSpec``, whatever is wrong with them: every mistake is noted in plain words, then left out.

pydantic stops at the first model that fails. Here a value that is wrong is removed and the rest validated again, so
that the checks which need several keys still see everything else, and all mistakes come out in one go.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from perfproof.core.units import Mistake
from perfproof.model.scenario import JsonValue
from perfproof.scenario.document import Document, Path
from perfproof.scenario.schema.fields import closest, kind_of
from perfproof.scenario.schema.scenario import ScenarioSpec, json_schema
from perfproof.scenario.schema.service import (
    ARM_NAME,
    BASELINE,
    CANDIDATE,
    MOST_ARMS,
    STREAMED,
    UNSUPPORTED,
    ServiceSpec,
)

STEPS = ("requests", "setup")
_ITEMS = (*STEPS, "claims")
"""Lists whose items are looked at although another one of them is wrong."""
GOAL_MISSED = ("improve", "limit", "json", "contains", "file", "text")
"""Keys that a plain value may stand for: ``latency_p95: 20%``, ``capture: {id: $.id}``, ``users: users.csv``."""
FILLERS: Mapping[str, JsonValue] = {"name": "unnamed"}
"""What stands in for a required key that is missing or wrong, so that the rest can be looked at."""


@dataclass
class Findings:
    """Mistakes of one document, and the paths whose values could not be used."""

    document: Document
    broken: set[Path] = field(default_factory=set)
    unknown: set[Path] = field(default_factory=set)
    removed: set[Path] = field(default_factory=set)

    def add(self, path: Path, reason: str, fix: str | None = None, *, at_key: bool = False) -> None:
        """Note a mistake, unless the value at ``path`` is already known to be wrong."""
        if not self.depends_on_invalid(path):
            if not at_key:
                path = self._written(path)
            self.document.problems.append(self.document.problem(path, reason, fix, at_key=at_key))

    def depends_on_invalid(self, *paths: Path) -> bool:
        """Tell whether any of the values at or below ``paths`` (or what holds them) was left out as wrong.

        A check asks this first: a mistake that only follows from another one would mislead.
        """
        return any(bad[: len(path)] == path or path[: len(bad)] == bad for path in paths for bad in self.broken)

    def misspelt(self, path: Path, *keys: str) -> bool:
        """Tell whether an unknown key at ``path`` is likely one of ``keys``; then it is not missing but misspelt."""
        near = (closest(str(bad[-1]), keys) or "" for bad in self.unknown if bad[:-1] == path)
        return any(guess.startswith("did") for guess in near)

    def _written(self, path: Path) -> Path:
        """Return ``path`` without the steps that a shorthand leaves out: ``latency_p95: 20%``, ``status: 200``."""
        while path not in self.document.spots and path[-1:] and (isinstance(path[-1], int) or path[-1] in GOAL_MISSED):
            path = path[:-1]
        return path


def validate(data: Mapping[str, JsonValue], findings: Findings) -> ScenarioSpec:
    """Return the specification of what is right in ``data``; mistakes go to ``findings``."""
    rest: dict[str, Any] = copy.deepcopy(dict(data))
    _mappings_meant_as_placeholders(rest, (), findings)
    _names_of_arms(rest.get("arms"), findings)
    while True:
        try:
            return ScenarioSpec.model_validate(rest)
        except ValidationError as error:
            # Unknown keys first: what is misspelt must not be called missing as well.
            details, before = error.errors(include_url=False), len(findings.removed)
            for detail in sorted(details, key=lambda each: each["type"] != "extra_forbidden"):
                path = tuple(detail["loc"])
                if not any(path[: len(bad)] == bad for bad in findings.broken):
                    _note(detail, path, findings)
                _leave_out(rest, path, findings, missing=detail["type"] == "missing")
            if len(findings.removed) == before:  # nothing more can be left out, and it would be asked for ever
                raise


def _mappings_meant_as_placeholders(value: Any, path: Path, findings: Findings) -> None:
    """Note ``json: {id: {id}}``: without quotes, YAML takes a placeholder for a mapping whose key has no value."""
    if isinstance(value, dict) and len(value) == 1 and path:
        ((key, inner),) = value.items()
        spot = findings.document.spots.get((*path, key))
        if inner is None and spot is not None and not spot.written and re.fullmatch(r"[A-Za-z_][\w.]*", key):
            outer = findings.document.spots.get(path)
            if outer is not None and re.fullmatch(r"\{\s*[\w.]+\s*\}", findings.document.text[outer.start : outer.end]):
                findings.add(
                    path, f"`{{{key}}}` is a mapping in YAML, not a placeholder", f'write "{{{key}}}" in quotes'
                )
                findings.broken.add(path)
                return
    if isinstance(value, dict | list):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            _mappings_meant_as_placeholders(inner, (*path, step), findings)


def _names_of_arms(arms: Any, findings: Findings) -> None:
    """Note what cannot be the name of a version, and take it out: misspelt names, keys of the service, too many."""
    if not isinstance(arms, dict):
        return
    strange = [name for name in arms if name not in (BASELINE, CANDIDATE)]
    for name in strange:
        path: Path = ("arms", name)
        beside = len(arms) == 2 and len(strange) == 1
        if len(arms) == 1 or name in ServiceSpec.model_fields or _misspelt(str(name), beside=beside):
            findings.unknown.add(path)
            findings.add(path, *_of_unknown(path), at_key=True)
        elif not re.fullmatch(ARM_NAME, str(name)):
            fix = "at most 40 letters, digits and . _ -, beginning with a letter or a digit"
            findings.add(path, f"`{name}` is not a name for a version", fix, at_key=True)
        else:
            continue
        findings.broken.add(path)
        del arms[name]
    if len(arms) > MOST_ARMS:
        fix = f"at most {MOST_ARMS}: each takes its share of every round, and of what chance may decide"
        findings.add(("arms",), f"{len(arms)} versions are too many to tell apart in one run", fix)


def _misspelt(name: str, *, beside: bool) -> bool:
    """Tell whether a name is one of the usual two, written wrongly; ``candidate-2`` is not.

    ``beside`` a usual one, what is only a little like the other is taken for it too: ``base`` beside ``candidate``.
    """
    usual = (BASELINE, CANDIDATE)
    if beside and not name.startswith(usual) and (closest(name, usual) or "").startswith("did"):
        return True
    return not name.startswith(usual) and bool(difflib.get_close_matches(name.lower(), usual, n=1, cutoff=0.8))


def _note(detail: ErrorDetails, path: Path, findings: Findings) -> None:
    kind, value = detail["type"], detail["input"]
    if path and path[-1] == "[key]":
        path = path[:-1]
    cause = detail.get("ctx", {}).get("error")
    if kind == "extra_forbidden":
        findings.unknown.add(path)
        reason, fix = _of_unknown(path)
        findings.add(path, reason, fix, at_key=True)
    elif kind == "missing":
        if findings.misspelt(path[:-1], str(path[-1])):
            return
        findings.add(path, "is missing", _ADD.get(str(path[-1])), at_key=True)
    elif value is None:
        findings.add(path, "has no value", "write one or leave the key out")
    elif isinstance(cause, Mistake):
        findings.add(path, cause.reason, cause.fix, at_key=detail["loc"][-1] == "[key]")
    elif kind == "list_type":
        findings.add(path, f"must be a list, not {kind_of(value)}", "write its items below it, each after `- `")
    elif kind in ("model_type", "dict_type"):
        meant = (
            _MEANT.get(str(path[-1]) if path else "")
            if isinstance(value, int | str) and not isinstance(value, bool)
            else None
        )
        fix = f"write {path[-1]}: {{{meant}: {value}}}" if meant else "write `key: value` lines below it"
        findings.add(path, f"must be a mapping, not {kind_of(value)}", fix)
    else:
        findings.add(path, f"cannot be {kind_of(value)}")


def _of_unknown(path: Path) -> tuple[str, str | None]:
    """Return what to say of a key that is not known: not supported, meant elsewhere, or misspelt."""
    key = str(path[-1])
    known = sorted(_keys_at(path[:-1]))
    if key.lower() in STREAMED:
        return "unknown key", f"write `get:` with the path, and stream: {STREAMED[key.lower()]}"
    if key.lower() in UNSUPPORTED:
        return f"{UNSUPPORTED[key.lower()]} not supported", "perfproof sends HTTP/1.1 requests"
    homes = [section for section in _SECTIONS if key in _keys_at((section,)) and (section,) != path[:1]]
    if homes:
        return "unknown key", f"it belongs below {homes[0]}:"
    near = closest(key, known)
    if path[0] in STEPS and key.lower() in _FOREIGN and not (near or "").startswith("did"):
        return "unknown key", _FOREIGN[key.lower()]
    return "unknown key", near


def _leave_out(rest: dict[str, Any], path: Path, findings: Findings, *, missing: bool) -> None:
    """Remove the value at ``path``, or the smallest thing around it whose removal leaves the rest in place."""
    if path and path[-1] == "[key]":
        path = path[:-1]
    # What was wrong and is needed is missing once it is left out: then what needs it goes.
    if missing and len(path) > 1:
        path = path[:-1]
    if any(path[: len(gone)] == gone for gone in findings.removed):
        return
    holder: Any = rest
    depth = 0
    end = len(path)
    for depth, step in enumerate(path):
        last = depth == len(path) - 1
        inside = (isinstance(holder, dict) and step in holder) or (isinstance(holder, list) and isinstance(step, int))
        if not inside and not (missing and last):
            end = depth
            break
        if last:
            break
        holder = holder[step]
    path = path[:end]
    # An item of a list stays in its place (positions of the others must not move): its list goes, or, for requests,
    # set-up steps and claims, a harmless one takes its place.
    while len(path) > 1 and isinstance(path[-1], int) and not (len(path) == 2 and path[0] in _ITEMS):
        path = path[:-1]
    findings.broken.add(path)
    findings.removed.add(path)
    holder = rest
    for step in path[:-1]:
        holder = holder[step]
    if isinstance(path[-1], int) and path[0] == "claims":
        holder[path[-1]] = {"claim": f"claim {path[-1]}", "metric": "error_rate", "target": 1}
    elif isinstance(path[-1], int):
        holder[path[-1]] = {"get": "/", "name": f"request {path[-1]}"}
    elif len(path) == 1 and path[0] in FILLERS:
        holder[path[0]] = copy.deepcopy(FILLERS[str(path[0])])
    else:
        holder.pop(path[-1], None)


_SECTIONS = ("load", "rounds", "service", "gate", "why", "responses", "capacity", "checks")
"""Parts of a scenario whose keys are looked for where they do not belong, the likeliest first."""

_FOREIGN = {
    **dict.fromkeys(("params", "query", "querystring"), "write them in the path, e.g. get: /items?limit=20"),
    **dict.fromkeys(("url", "uri", "endpoint"), "write the method and the path, e.g. get: /items"),
    **dict.fromkeys(("data", "payload", "content"), "write json:, form: or body:"),
    **dict.fromkeys(("auth", "token", "bearer"), 'write headers: {Authorization: "Bearer ..."}'),
    **dict.fromkeys(("extract", "save", "register"), "write capture: in a step of setup: or of a flow"),
    **dict.fromkeys(("assert", "checks", "status", "status_code"), "write expect: {status: 200}"),
}
"""Keys of requests that people know from other tools, and what stands for them here."""

_MEANT = {"rounds": "count", "expect": "status"}
"""The key that a plain value is meant for where a mapping stands, by the last step of its path."""

_ADD = {
    "name": "add e.g. `name: shop`",
    "improve": "add e.g. `improve: 20%`",
    "limit": "add e.g. `limit: 500ms`",
    "claim": "add e.g. `claim: Lists answer 20 % faster`",
    "metric": "add e.g. `metric: latency_p50`",
    "target": "add e.g. `target: 20%` (a change) or `target: 500ms` (a limit)",
}


@cache
def _schema() -> dict[str, Any]:
    return json_schema()


def _keys_at(path: Path) -> set[str]:
    """Return the keys that may stand in the mapping at ``path``, by the JSON Schema."""
    schemas = [_schema()]
    for step in path:
        inner: list[dict[str, Any]] = []
        for schema in _resolved(schemas):
            if isinstance(step, int):
                inner += [schema["items"]] if "items" in schema else []
            elif step in schema.get("properties", {}):
                inner.append(schema["properties"][step])
            elif isinstance(schema.get("additionalProperties"), dict):
                inner.append(schema["additionalProperties"])
        schemas = inner
    return {key for schema in _resolved(schemas) for key in schema.get("properties", {})}


def _resolved(schemas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for schema in schemas:
        if "$ref" in schema:
            found += _resolved([_schema()["$defs"][schema["$ref"].rpartition("/")[2]]])
        found += _resolved([*schema.get("anyOf", []), *schema.get("allOf", [])])
        found.append(schema)
    return found
