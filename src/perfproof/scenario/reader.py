"""Reads a scenario file: the steps of this package in their order, and the only place of it that touches files."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from perfproof.core import paths
from perfproof.core.redaction import Redactor, worth_masking
from perfproof.errors import Problem, ScenarioError
from perfproof.model.scenario import JsonValue, Scenario
from perfproof.scenario import document as documents
from perfproof.scenario.build import build
from perfproof.scenario.checks.keys import check
from perfproof.scenario.document import Document
from perfproof.scenario.fingerprint import fingerprint
from perfproof.scenario.schema.fields import closest
from perfproof.scenario.secrets import defaults, given_away, literal_secrets, masked_text, parts, passwords
from perfproof.scenario.validate import Findings, validate
from perfproof.scenario.variables import Filled, substitute

ASIDE = "x-"
"""Keys of the file that begin so are nobody's: a place for anchors."""


def read_file(path: Path, environ: Mapping[str, str]) -> Scenario:
    """Return the scenario in the file at ``path``; see ``perfproof.scenario.read``."""
    return read_text(_content(path), path, environ)


def read_text(text: str, path: Path, environ: Mapping[str, str]) -> Scenario:
    """Return the scenario in ``text``, as if it stood in the file at ``path``. Raises ``ScenarioError``."""
    document = documents.parse(str(path), text)
    if document.problems and not document.data:
        raise ScenarioError(document.problems)
    filled = substitute(document, environ)
    data = {key: value for key, value in _as_written(filled.data, document).items() if not key.startswith(ASIDE)}
    findings = Findings(document, filled.missing | document.unread)
    spec = validate(data, findings)
    check(spec, path, findings)
    literal = literal_secrets(data)
    secrets = _secrets(document, filled, literal)
    redactor = Redactor(secrets)
    if document.problems:
        raise ScenarioError(_in_order(document.problems, redactor))
    return replace(
        _nameable(build(spec, path), redactor),
        text=masked_text(document, literal, redactor),
        hash=fingerprint(data, filled.public, literal, path.parent),
        secrets=frozenset(secrets),
    )


def _secrets(document: Document, filled: Filled, literal: Mapping[documents.Path, str]) -> set[str]:
    found = set(filled.secrets) | given_away(filled.data)
    for path, value in literal.items():
        found |= passwords(value)
        if "://" not in value or not passwords(value):
            found |= {part for part in parts(value) if path not in filled.missing}
    found |= {value for value in defaults(document) if worth_masking(value, named_secret=True)}
    return found


def _nameable(scenario: Scenario, redactor: Redactor) -> Scenario:
    """Return the scenario with secrets masked in the names of its requests, which may stand for their paths.

    Names stay different from each other, since a name is all that a report knows a request by.
    """
    shown: dict[str, str] = {}
    for request in scenario.requests:
        name = masked = redactor(request.name)
        number = 1
        while name in shown.values():
            number += 1
            name = f"{masked} ({number})"
        shown[request.name] = name
    if all(name == new for name, new in shown.items()):
        return scenario

    def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(shown.get(name, name) for name in names)

    return replace(
        scenario,
        requests=tuple(replace(each, name=shown[each.name], flow=redactor(each.flow)) for each in scenario.requests),
        goals=tuple(replace(each, requests=renamed(each.requests)) for each in scenario.goals),
        budgets=tuple(replace(each, requests=renamed(each.requests)) for each in scenario.budgets),
    )


def _as_written(data: dict[str, JsonValue], document: Document) -> dict[str, JsonValue]:
    """Return ``data`` with environment and header values as they are written: ``1.10`` is not the number 1.1."""

    def walk(value: JsonValue, path: documents.Path) -> JsonValue:
        if isinstance(value, dict):
            return {key: walk(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item, (*path, place)) for place, item in enumerate(value)]
        if isinstance(value, bool | int | float) and path[-2:-1] in (
            ("environment",),
            ("headers",),
            ("form",),
            ("multipart",),
        ):
            return document.spots[path].written if "json" not in path else value
        return value

    return {key: walk(value, (key,)) for key, value in data.items()}


def _in_order(problems: list[Problem], redactor: Redactor) -> list[Problem]:
    """Return mistakes by line, each once, without the secrets they may quote."""
    masked = {
        replace(each, reason=redactor(each.reason), fix=redactor(each.fix) if each.fix else None) for each in problems
    }
    return sorted(masked, key=lambda each: (each.line, each.column, each.key, each.reason))


def _content(path: Path) -> str:
    """Return the text of the file, or raise what keeps it from being read."""

    def refuse(reason: str, fix: str | None = None) -> ScenarioError:
        return ScenarioError([Problem(str(path), 1, 1, "file", reason, fix)])

    if paths.is_folder(path):
        inside = sorted(each.name for each in path.glob("*.y*ml"))
        raise refuse("is a directory", f"name a file in it: {', '.join(inside[:5])}" if inside else None)
    try:
        with path.open("rb") as file:
            content = file.read(documents.MAX_BYTES + 1)
    except FileNotFoundError:
        near = sorted(each.name for each in path.parent.glob("*.y*ml")) if paths.is_folder(path.parent) else []
        raise refuse("does not exist", closest(path.name, near)) from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise  # told for every command in one place
        raise refuse(f"cannot be read: {error.strerror}") from None
    if len(content) > documents.MAX_BYTES:
        raise refuse("is larger than 1 MiB", "a scenario is a short text; keep data elsewhere")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise ScenarioError(
            [Problem(str(path), line, column, "file", "is not UTF-8 text", "save it as UTF-8")]
        ) from None
