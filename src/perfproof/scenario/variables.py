"""``${VAR}`` and ``${VAR:-default}`` in every text of a document; ``$$`` is a dollar sign."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from perfproof.core.redaction import sounds_secret, worth_masking
from perfproof.model.scenario import JsonValue
from perfproof.scenario.document import Document, Path

TEMPLATE = re.compile(
    r"\$\$|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>(?:[^{}]|\{[^{}]*\})*))?\}|(?P<bad>\$\{[^}]*\}?)"
)
"""A default may hold placeholders: ``${DATABASE_URL:-sqlite:///{work}/shop.db}``."""


@dataclass
class Filled:
    """A document's values with variables filled.

    ``data`` holds the values to measure with. ``public`` maps each path into which the environment flowed to the text
    without it (``${VAR}`` as written, defaults filled). ``secrets`` are values that came from the environment,
    ``missing`` the paths that name a variable which is not set.
    """

    data: dict[str, JsonValue] = field(default_factory=dict)
    public: dict[Path, str] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    missing: set[Path] = field(default_factory=set)


def substitute(document: Document, environ: Mapping[str, str]) -> Filled:
    """Return the document's values with variables filled; mistakes go to ``document.problems``."""
    filled = Filled()
    walker = _Walker(document, environ, filled)
    filled.data = {key: walker.fill(value, (key,)) for key, value in document.data.items()}
    return filled


@dataclass
class _Walker:
    document: Document
    environ: Mapping[str, str]
    filled: Filled

    def fill(self, value: JsonValue, path: Path) -> JsonValue:
        if isinstance(value, dict):
            return {key: self.fill(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item, (*path, place)) for place, item in enumerate(value)]
        if isinstance(value, str) and "$" in value:
            return self._text(value, path)
        return value

    def _text(self, text: str, path: Path) -> str:
        from_environment = False
        secret_key = any(isinstance(step, str) and sounds_secret(step) for step in path)

        def put(match: re.Match[str], *, public: bool) -> str:
            nonlocal from_environment
            if match.group(0) == "$$":
                return "$"
            name, default = match.group("name"), match.group("default")
            if name is None:
                return match.group(0)
            # As in a shell, `:-` also covers a variable that is set but empty.
            value = self.environ.get(name)
            if value is None or (default is not None and not value):
                return match.group(0) if default is None else default
            from_environment = True
            if worth_masking(value, named_secret=secret_key or sounds_secret(name)):
                self.filled.secrets.add(value)
            return match.group(0) if public else value

        self._check(text, path)
        result = TEMPLATE.sub(lambda match: put(match, public=False), text)
        if from_environment:
            self.filled.public[path] = TEMPLATE.sub(lambda match: put(match, public=True), text)
        return result

    def _check(self, text: str, path: Path) -> None:
        told: set[str] = set()
        for match in TEMPLATE.finditer(text):
            name = match.group("name")
            if match.group("bad"):
                fix = "write ${NAME}, ${NAME:-default}, or $$ for a dollar sign"
                self._problem(path, f"`{match.group('bad')}` cannot be read", fix)
            elif name and name not in told and match.group("default") is None and name not in self.environ:
                told.add(name)
                fix = f"set it (export {name}=...) or write ${{{name}:-default}}"
                self._problem(path, f"the environment variable {name} is not set", fix)

    def _problem(self, path: Path, reason: str, fix: str) -> None:
        self.filled.missing.add(path)
        self.document.problems.append(self.document.problem(path, reason, fix))
