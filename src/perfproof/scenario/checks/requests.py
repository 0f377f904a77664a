"""What must hold within and between requests: one method each, unique names, every ``{placeholder}`` filled."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from perfproof.core.placeholders import BUILT_INS, WEBHOOK, placeholders, random_range, unnamed_columns
from perfproof.model.metrics import ALL
from perfproof.scenario.document import Path
from perfproof.scenario.schema.fields import closest
from perfproof.scenario.schema.requests import (
    BODIES,
    METHODS,
    FlowStepSpec,
    MeasuredSpec,
    RequestSpec,
    StepSpec,
    measured,
)
from perfproof.scenario.schema.responses import ExpectSpec
from perfproof.scenario.schema.scenario import ScenarioSpec
from perfproof.scenario.validate import Findings

_TEXTS = (*METHODS, "path", "body")
_OF_STEPS = (*METHODS, "method", "path", "headers", *BODIES, "expect", "timeout", "follow_redirects")

_JSON_TEXT = re.compile(r"""\s*(?:\{\s*(?:"|\}\s*$)|\[\s*(?:[\[{"\d-]|\]\s*$))""")
"""Text that begins as an object or a list in JSON does; ``{id}`` is a placeholder."""

MAX_VARIANTS = 10_000
"""Combinations of values of one request: each is prepared as bytes beforehand."""


def check_requests(spec: ScenarioSpec, columns: Sequence[str], findings: Findings) -> None:
    """Note every mistake in the requests and set-up steps of ``spec``; ``columns`` are those of feeds, as written."""
    if not spec.requests and "requests" in spec.model_fields_set:
        findings.add(("requests",), "is empty", "add at least one, e.g. `- get: /`")
    elif (
        not spec.requests
        and spec.locustfile is None
        and not findings.depends_on_invalid(("locustfile",))
        and not findings.misspelt((), "requests", "locustfile")
    ):
        fix = "add a list of requests, e.g. `- get: /`"
        findings.add(("requests",), "is missing", fix, at_key=True)
    known: list[str] = ["port", WEBHOOK]
    for position, setup in enumerate(spec.setup):
        path: Path = ("setup", position)
        _method(path, setup, findings)
        _placeholders(path, setup, [*known, *BUILT_INS], findings)
        known += setup.capture
    known += columns
    for position, request in enumerate(spec.requests):
        path = ("requests", position)
        if findings.depends_on_invalid((*path, "steps")):
            continue
        if request.steps:
            _flow(path, request, known, findings)
            for inner, step in enumerate(request.steps):
                _stream((*path, "steps", inner), step, spec, findings)
        else:
            _method(path, request, findings)
            _placeholders(path, request, [*request.values, *known, *BUILT_INS], findings)
            _stream(path, request, spec, findings)
        _values(path, request, findings)
    _names(spec.requests, findings)


def _stream(path: Path, request: MeasuredSpec, spec: ScenarioSpec, findings: Findings) -> None:
    stream = request.stream
    if stream is None:
        return
    place = (*path, "stream")
    if stream.kind == "websocket" and request.target[0] != "GET" and request.verbs:
        findings.add(place, "begins with a GET", f"write `get: {request.target[1]}`", at_key=True)
    if stream.send and stream.kind != "websocket":
        findings.add((*place, "send"), "is for a WebSocket", "write kind: websocket, or remove it", at_key=True)
    beyond = [key for key in ("headers", "json", "body") if key in _given(request.expect)]
    if beyond:
        fix = "a stream is judged by its status and its messages: say `until:` what one of them must hold"
        findings.add((*path, "expect", beyond[0]), "has no effect on a stream", fix, at_key=True)
    if request.follow_redirects:
        findings.add((*path, "follow_redirects"), "has no effect on a stream", "write the path itself", at_key=True)
    for key in ("capture", "repeat_until"):
        if key in request.model_fields_set:
            fix = "take it from the response of another step" if key == "capture" else "say `until:` in the stream"
            findings.add((*path, key), "has no effect on a stream", fix, at_key=True)
    if spec.load.samples == "histogram":
        fix = "remove samples: histogram: messages are kept one by one"
        findings.add(place, "stands beside load.samples: histogram", fix, at_key=True)


def _given(expect: ExpectSpec) -> set[str]:
    """Return the keys of an expectation that say something."""
    given = {"headers": expect.headers, "json": expect.json_values, "body": _bodies(expect)}
    return {key for key, value in given.items() if value}


def _flow(path: Path, request: RequestSpec, known: Sequence[str], findings: Findings) -> None:
    for key in _OF_STEPS:
        if {"json": "json_body"}.get(key, key) in request.model_fields_set:
            fix = "write it in the steps, or remove steps"
            findings.add((*path, key), "stands beside steps", fix, at_key=True)
    if request.name is None and not findings.depends_on_invalid((*path, "name")):
        findings.add(path, "has steps and no name", "add e.g. `name: buy`", at_key=True)
    if request.stream is not None:
        fix = "write it in the step that is the stream"
        findings.add((*path, "stream"), "stands beside steps", fix, at_key=True)
    for key in ("scale", "rows", "probe", "safe"):
        if key in request.model_fields_set:
            findings.add((*path, key), "has no effect on a flow", "flows are not probed; remove it", at_key=True)
    captured: list[str] = []
    for position, step in enumerate(request.steps):
        place = (*path, "steps", position)
        _method(place, step, findings)
        _placeholders(place, step, [*request.values, *captured, *known, *BUILT_INS], findings)
        until = step.repeat_until
        if until is not None and not (until.status or until.headers or until.json_values or _bodies(until)):
            fix = "add what the response must be, e.g. json: {$.status: done}"
            findings.add((*place, "repeat_until"), "says nothing", fix, at_key=True)
        captured += step.capture


def _method(path: Path, step: StepSpec, findings: Findings) -> None:
    given = [*step.verbs, *(["method"] if step.method is not None else [])]
    keys = [(*path, key) for key in (*METHODS, "method", "path")]
    if findings.depends_on_invalid(*keys):
        return
    if not given and findings.misspelt(path, *METHODS, "method"):
        return
    empty = next((key for key in (*METHODS, "method", "path") if (*path, key) in findings.document.spots), None)
    if not given and empty is not None:
        fix = "write e.g. method: REPORT" if empty == "method" else f"write the path, e.g. `{empty}: /projects`"
        findings.add((*path, empty), "has no value", fix)
    elif not given:
        findings.add(path, "has no method", "add e.g. `get: /projects`", at_key=True)
    elif len(given) > 1:
        fix = "a request has one method; make it two requests"
        findings.add((*path, given[1]), f"stands beside {given[0]}", fix, at_key=True)
    elif step.method is not None and step.path is None:
        findings.add((*path, "path"), "is missing", "add e.g. `path: /projects`")
    elif step.method is None and step.path is not None:
        findings.add((*path, "path"), f"stands beside {given[0]}", "keep the one that is meant", at_key=True)
    bodies = step.bodies
    if len(bodies) > 1:
        findings.add((*path, bodies[1]), f"stands beside {bodies[0]}", "keep the one that is meant", at_key=True)
    if step.graphql is not None and step.verbs != ["post"]:
        findings.add((*path, "graphql"), "is sent by POST", "write e.g. `post: /graphql` beside it", at_key=True)
    if isinstance(step.json_body, str) and _JSON_TEXT.match(step.json_body):
        fix = "write it without the quotes around it, as YAML reads JSON; body: sends text as it is"
        findings.add((*path, "json"), "is JSON in quotes, which would be sent as one text", fix)
    for name, part in step.multipart.items():
        place = (*path, "multipart", name)
        if (part.text is None) == (part.file is None):
            findings.add(place, "must be a text or a file", "write either text: or file:", at_key=True)


def _placeholders(path: Path, step: StepSpec, known: Sequence[str], findings: Findings) -> None:
    if any(bad[:1] == ("setup",) and len(bad) < 5 for bad in findings.broken) or findings.depends_on_invalid(
        (*path, "values"), ("feeds",)
    ):
        return
    for place, text in texts_of(path, step):
        for name in dict.fromkeys(placeholders(text)):
            bounds = random_range(name)
            if bounds is not None and bounds[0] > bounds[1]:
                low, high = bounds
                findings.add(place, f"{{{name}}} has nothing between its bounds", f"write {{random_int({high},{low})}}")
            elif bounds is None and name not in known:
                guess = closest(name, [each for each in known if each not in BUILT_INS])
                near = guess if guess and guess.startswith("did") else None
                how = f"add values: {{{name}: [...]}}, capture it in setup, or write {{{{{name}}}}} for the text itself"
                if "." in name:
                    how = f"name the file of {name.partition('.')[0]} in feeds:, or write {{{{{name}}}}} for the text"
                findings.add(place, f"nothing fills {{{name}}}", near or how)
        for name in unnamed_columns(text, known):
            fix = "rename it in the file: letters, digits, _, - and blanks between them can stand in braces"
            findings.add(place, f"{{{name}}} is no way to write a column", fix)


def _values(path: Path, request: RequestSpec, findings: Findings) -> None:
    used = {name for _, text in texts_of(path, request) for name in placeholders(text)}
    for name, choices in request.values.items():
        place = (*path, "values", name)
        if not choices:
            findings.add(place, "has no choices", "list at least one")
        if name not in used and not findings.depends_on_invalid(*_places(path)):
            fix = f"write {{{name}}} in path, headers or body, or remove it"
            findings.add(place, "is never used", fix, at_key=True)
    combinations = math.prod(len(choices) for choices in request.values.values())
    if combinations > MAX_VARIANTS:
        findings.add((*path, "values"), f"make {combinations:,} combinations", f"at most {MAX_VARIANTS:,}", at_key=True)


def _names(requests: Sequence[RequestSpec], findings: Findings) -> None:
    seen: dict[str, str] = {}
    for place, request in measured(requests):
        where: Path = ("requests", place[0], *(("steps", place[1]) if len(place) > 1 else ()))
        path: Path = (*where, "name")
        if findings.depends_on_invalid(path):
            continue
        if request.title == ALL:
            findings.add(path, f"`{ALL}` stands for all requests together", "give it another name")
        elif request.title in seen:
            fix = "give it a name of its own" if request.name else "add name:"
            findings.add(path, f"`{request.title}` is already the name of {seen[request.title]}", fix)
        step = f".steps[{place[1]}]" if len(place) > 1 else ""
        seen.setdefault(request.title, f"requests[{place[0]}]{step}")


def _places(path: Path) -> list[Path]:
    """Return where in a request texts stand in which placeholders are filled."""
    return [(*path, key) for key in (*_TEXTS, "headers", *BODIES, "expect", "steps")]


def texts_of(path: Path, step: StepSpec) -> Iterator[tuple[Path, str]]:
    """Yield every text in which placeholders are filled, with its place; of a flow, those of its steps."""
    for key in _TEXTS:
        found = getattr(step, key)
        if found is not None:
            yield (*path, key), found
    for name, value in step.headers.items():
        yield (*path, "headers", name), value
    yield from _json_texts((*path, "json"), step.json_body)
    for name, value in step.form.items():
        yield (*path, "form", name), value
    for name, part in step.multipart.items():
        yield (*path, "multipart", name), part.text or ""
    if step.graphql is not None:
        yield from _json_texts((*path, "graphql", "variables"), dict(step.graphql.variables))
    yield from _expected((*path, "expect"), step.expect)
    if isinstance(step, FlowStepSpec) and step.repeat_until is not None:
        yield from _expected((*path, "repeat_until"), step.repeat_until)
    if isinstance(step, MeasuredSpec) and step.stream is not None:
        yield (*path, "stream", "until"), step.stream.until or ""
        yield from _json_texts((*path, "stream", "send"), list(step.stream.send))
    if isinstance(step, RequestSpec):
        for position, inner in enumerate(step.steps):
            yield from texts_of((*path, "steps", position), inner)


def _expected(path: Path, expect: ExpectSpec) -> Iterator[tuple[Path, str]]:
    for name, value in expect.headers.items():
        yield (*path, "headers", name), value
    yield from _json_texts((*path, "json"), dict(expect.json_values))
    for text in _bodies(expect):
        yield (*path, "body"), text


def _bodies(expect: ExpectSpec) -> list[str]:
    return [*expect.body.contains, *expect.body.regex]


def _json_texts(path: Path, value: JsonValue) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _json_texts((*path, key), item)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _json_texts((*path, position), item)
