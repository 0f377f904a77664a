"""What must hold within and between requests: one method each, unique names, every ``{placeholder}`` filled."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from perfproof.model.metrics import ALL
from perfproof.scenarios.document import Path
from perfproof.scenarios.fields import closest
from perfproof.scenarios.request_spec import IDENTIFIER, METHODS, RequestSpec, StepSpec
from perfproof.scenarios.schema import ScenarioSpec
from perfproof.scenarios.validation import Findings

_TEXTS = (*METHODS, "path", "body")

MAX_VARIANTS = 10_000
"""Combinations of values of one request: each is prepared as bytes beforehand."""

_PLACEHOLDER = re.compile(rf"\{{\{{{IDENTIFIER}\}}\}}|\{{({IDENTIFIER})\}}")


def check_requests(spec: ScenarioSpec, findings: Findings) -> None:
    """Note every mistake in the requests and set-up steps of ``spec``."""
    if not spec.requests:
        findings.add(("requests",), "is empty", "add at least one, e.g. `- get: /`")
    known: list[str] = ["port"]
    for position, step in enumerate(spec.setup):
        path: Path = ("setup", position)
        _method(path, step, findings)
        _placeholders(path, step, known, findings)
        known += step.capture
    for position, request in enumerate(spec.requests):
        path = ("requests", position)
        _method(path, request, findings)
        _placeholders(path, request, [*request.values, *known], findings)
        _values(path, request, findings)
    _names(spec.requests, findings)


def _method(path: Path, step: StepSpec, findings: Findings) -> None:
    given = [*step.verbs, *(["method"] if step.method is not None else [])]
    keys = [(*path, key) for key in (*METHODS, "method", "path")]
    if findings.rests_on_sand(*keys):
        return
    if not given and findings.misspelt(path, *METHODS, "method"):
        return
    if not given:
        findings.add(path, "has no method", "add e.g. `get: /projects`", at_key=True)
    elif len(given) > 1:
        fix = "a request has one method; make it two requests"
        findings.add((*path, given[1]), f"stands beside {given[0]}", fix, at_key=True)
    elif step.method is not None and step.path is None:
        findings.add((*path, "path"), "is missing", "add e.g. `path: /projects`")
    elif step.method is None and step.path is not None:
        findings.add((*path, "path"), f"stands beside {given[0]}", "keep the one that is meant", at_key=True)
    if step.json_body is not None and step.body is not None:
        findings.add((*path, "body"), "stands beside json", "keep the one that is meant", at_key=True)


def _placeholders(path: Path, step: StepSpec, known: Sequence[str], findings: Findings) -> None:
    if any(bad[:1] == ("setup",) and len(bad) < 5 for bad in findings.broken) or findings.rests_on_sand(
        (*path, "values")
    ):
        return
    for place, text in texts_of(path, step):
        for name in dict.fromkeys(match.group(1) for match in _PLACEHOLDER.finditer(text)):
            if name is not None and name not in known:
                guess = closest(name, known)
                near = guess if guess and guess.startswith("did") else None
                how = f"add values: {{{name}: [...]}}, capture it in setup, or write {{{{{name}}}}} for the text itself"
                findings.add(place, f"nothing fills {{{name}}}", near or how)


def _values(path: Path, request: RequestSpec, findings: Findings) -> None:
    used = {match.group(1) for _, text in texts_of(path, request) for match in _PLACEHOLDER.finditer(text)}
    for name, choices in request.values.items():
        place = (*path, "values", name)
        if not choices:
            findings.add(place, "has no choices", "list at least one")
        if name not in used and not findings.rests_on_sand(*_places(path)):
            fix = f"write {{{name}}} in path, headers or body, or remove it"
            findings.add(place, "is never used", fix, at_key=True)
    combinations = math.prod(len(choices) for choices in request.values.values())
    if combinations > MAX_VARIANTS:
        findings.add((*path, "values"), f"make {combinations:,} combinations", f"at most {MAX_VARIANTS:,}", at_key=True)


def _names(requests: Sequence[RequestSpec], findings: Findings) -> None:
    seen: dict[str, int] = {}
    for position, request in enumerate(requests):
        path: Path = ("requests", position, "name")
        if findings.rests_on_sand(path):
            continue
        if request.title == ALL:
            findings.add(path, f"`{ALL}` stands for all requests together", "give it another name")
        elif request.title in seen:
            fix = "give it a name of its own" if request.name else "add name:"
            reason = f"`{request.title}` is already the name of requests[{seen[request.title]}]"
            findings.add(path, reason, fix)
        seen.setdefault(request.title, position)


def _places(path: Path) -> list[Path]:
    """Return where in a request texts stand in which placeholders are filled."""
    return [(*path, key) for key in (*_TEXTS, "headers", "json")]


def texts_of(path: Path, step: StepSpec) -> Iterator[tuple[Path, str]]:
    """Yield every text in which placeholders are filled, with its place."""
    for key in _TEXTS:
        found = getattr(step, key)
        if found is not None:
            yield (*path, key), found
    for name, value in step.headers.items():
        yield (*path, "headers", name), value
    yield from _json_texts((*path, "json"), step.json_body)


def _json_texts(path: Path, value: JsonValue) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _json_texts((*path, key), item)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _json_texts((*path, position), item)
