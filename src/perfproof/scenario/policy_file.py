"""A gate's policy from ``perfproof.toml``, which lies beside the scenario or in a folder above it, and from recordings.

What is wrong is found by the checks of scenario files, so a mistake reads the same in both.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from perfproof.errors import Problem, ScenarioError
from perfproof.model.policy import Policy
from perfproof.model.scenario import JsonValue
from perfproof.scenario import document as documents
from perfproof.scenario.checks.keys import sharpness
from perfproof.scenario.document import Document, SourceLocation
from perfproof.scenario.schema.fields import closest
from perfproof.scenario.schema.rules import policy
from perfproof.scenario.validate import Findings, validate

FILE = "perfproof.toml"
_TOML_FIX = 'text stands in quotes: inconclusive = "warn"'


def find(start: Path) -> Path | None:
    """Return the nearest ``perfproof.toml`` in ``start`` or above it, up to the top of a git repository."""
    for folder in (start.absolute(), *start.absolute().parents):
        if (folder / FILE).is_file():
            return folder / FILE
        if (folder / ".git").exists():
            return None
    return None


def read_toml(path: Path) -> Policy:
    """Return the policy in a TOML file; ``ScenarioError`` with every mistake."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        data = tomllib.loads(text)
    except OSError as error:
        raise _refuse(path, 1, 1, f"cannot be read: {str(error.strerror).lower()}", "correct the path") from None
    except UnicodeDecodeError:
        raise _refuse(path, 1, 1, "is not UTF-8 text", "save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+), column (\d+)", str(error))
        line, column = (int(place[1]), int(place[2])) if place else (1, 1)
        raise _refuse(path, line, column, f"is not valid TOML: {_plain(error)}", _TOML_FIX) from None
    document = Document(str(path), text, data=data, spots=_spots(text))
    for key in data:
        if key != "gate":
            fix = closest(key, ["gate"])
            document.problems.append(document.problem((key,), "unknown key", fix, at_key=True))
    return _policy(document)


def of_recording(text: str, file: str) -> Policy:
    """Return the policy in the stored text of a scenario; secrets are masked there, but none is part of a policy."""
    document = documents.parse(file, text)
    if document.problems:
        raise ScenarioError(document.problems)
    return _policy(document)


def _policy(document: Document) -> Policy:
    gate = document.data.get("gate", {})
    # Everything a scenario needs beside the gate is given, so that only the gate can be wrong.
    rest: dict[str, JsonValue] = {"name": "policy", "service": {"command": "true"}, "requests": [{"get": "/"}]}
    findings = Findings(document)
    spec = validate({**rest, "gate": gate}, findings)
    sharpness(spec.gate, findings)
    if document.problems:
        raise ScenarioError(sorted(document.problems, key=lambda each: (each.line, each.column)))
    return policy(spec.gate, document.file)


def _plain(error: tomllib.TOMLDecodeError) -> str:
    said = str(error).partition(" (at ")[0]
    return said[:1].lower() + said[1:]


def _refuse(path: Path, line: int, column: int, reason: str, fix: str | None) -> ScenarioError:
    return ScenarioError([Problem(str(path), line, column, "file", reason, fix)])


def _spots(text: str) -> dict[documents.Path, SourceLocation]:
    """Return where the keys of TOML stand: ``tomllib`` does not tell. Inline tables are known by their key alone."""
    spots: dict[documents.Path, SourceLocation] = {}
    table: documents.Path = ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"\s*(\[\[?)\s*([\w.-]+)\s*\]", line):
            table = tuple(found[2].split("."))
            if found[1] == "[[":
                at = counts[found[2]] = counts.get(found[2], -1) + 1
                table = (*table, at)
            path, column = table, found.start(1) + 1
        elif found := re.match(r"\s*([\w-]+)\s*=\s*", line):
            path, column = (*table, found[1]), found.start(1) + 1
        else:
            continue
        spots.setdefault(path, SourceLocation(number, column, number, found.end() + 1, "", 0, 0))
    return spots
