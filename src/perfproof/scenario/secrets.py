"""Secrets written into the file itself, and the text of the file without them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from perfproof.core.redaction import MASK, Redactor, is_template, secrets_in, sounds_secret, worth_masking
from perfproof.model.scenario import JsonValue
from perfproof.scenario.document import Document, Path

_KEPT = re.compile(
    r"\$\$|(?P<variable>\$\{(?P<name>\w+)(?::-(?P<default>(?:[^{}]|\{[^{}]*\})*))?\})|\{\w+\}|^(?:Bearer|Basic|Token|Digest)\s+",
    re.I,
)
_PASSWORD_IN_URL = re.compile(r"\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@'\"]*:(?P<value>[^\s/'\"]+)@", re.I)
_DEFAULT = re.compile(r"\$\{\w+:-(?P<default>(?:[^{}]|\{[^{}]*\})+)\}")


def literal_secrets(data: Mapping[str, JsonValue]) -> dict[Path, str]:
    """Return the secrets in ``data`` by path: values under keys that say so, and passwords in URLs."""
    return dict(_secrets(dict(data), (), named=False))


def parts(value: str) -> set[str]:
    """Return what must not be seen of a secret value: all of it, and it without scheme name and templates."""
    found = {value}
    found |= {piece for piece in _pieces(value) if len(piece) >= 4 and not piece.endswith("=")}
    return {piece for piece in found if worth_masking(piece.strip(), named_secret=True) and not is_template(piece)}


def masked_text(document: Document, secrets: Mapping[Path, str], redactor: Redactor) -> str:
    """Return the file as written, without any secret; ``${VARIABLE}`` stays as it is written."""
    text = document.text
    # By span, not by path: values that several aliases share stand in the file once.
    spans = {
        (spot.start, spot.end): spot.written
        for path, spot in ((path, document.spots[path]) for path in secrets)
        if _named(path)
    }
    for (start, end), written in sorted(spans.items(), reverse=True):
        # A block text (`key: |`) ends with its line break.
        line_break = "\n" if text[start:end].endswith("\n") else ""
        text = text[:start] + json.dumps(masked(written), ensure_ascii=False) + line_break + text[end:]
    # Names were judged by the YAML they stand in; judged by the text alone, an anchor would be taken for a value.
    return redactor.but_names(text)


def masked(written: str) -> str:
    """Return a secret value with everything masked but placeholders, variables and the scheme's name."""
    result, position = "", 0
    for match in _KEPT.finditer(written):
        result += MASK if match.start() > position else ""
        default = match.group("default")
        result += f"${{{match.group('name')}:-{MASK}}}" if default else match.group(0)
        position = match.end()
    return result + (MASK if position < len(written) else "")


def defaults(document: Document) -> set[str]:
    """Return the defaults of variables under keys that say they hold a secret: they are written in the file."""
    return {
        match.group("default")
        for path, spot in document.spots.items()
        if _named(path)
        for match in _DEFAULT.finditer(spot.written)
    }


def given_away(data: Mapping[str, JsonValue]) -> set[str]:
    """Return the secrets that stand within texts of ``data``: in command lines, queries of paths, raw bodies.

    What is expected of responses or taken from them says where a secret is (``token=(...)``), not what it is.
    """
    return {secret for text in _texts(dict(data)) for secret in secrets_in(text)}


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in ("capture", "expect", "repeat_until"):
                yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _pieces(value: str) -> Iterator[str]:
    position = 0
    for match in _KEPT.finditer(value):
        yield value[position : match.start()]
        position = match.end()
    yield value[position:]


def _secrets(value: JsonValue, path: Path, *, named: bool) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            # `capture: {token: $.token}` says where in a response a secret is, not what it is.
            inside = named or (sounds_secret(key) and path[-1:] != ("capture",))
            yield from _secrets(item, (*path, key), named=inside)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _secrets(item, (*path, place), named=named)
    elif isinstance(value, str):
        if (named and not is_template(value)) or _PASSWORD_IN_URL.search(value):
            yield path, value
    elif named and not isinstance(value, bool) and value is not None and not str(path[-1]).lower().endswith("tokens"):
        # A number may be a PIN; `max_tokens: 100` is a limit of language models.
        yield path, str(value)


def _named(path: Path) -> bool:
    return any(isinstance(step, str) and sounds_secret(step) for step in path)


def passwords(value: str) -> set[str]:
    """Return the passwords of the URLs in a text."""
    return {match.group("value") for match in _PASSWORD_IN_URL.finditer(value)}
