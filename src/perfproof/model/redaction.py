"""Keep secrets out of everything that is stored, logged or shown."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote

__all__ = ["MASK", "Redactor", "sounds_secret", "worth_masking"]

MASK = "***"

_SECRET_NAME = re.compile(r"password|passwd|passphrase|secret|token|authorization|api[-_]?key|cookie", re.IGNORECASE)
_TRIVIAL = {"true", "false", "yes", "no", "on", "off", "none", "null", "0", "1", "localhost", "127.0.0.1"}
_TEMPLATE = r"\$?\{[^{}\s]*\}"
# Template marks and the names of schemes are no secrets: `Bearer {token}` tells how, not what.
_PURE = re.compile(rf"(?:(?:bearer|basic|token|digest)\b|{_TEMPLATE}|\*{{3}}|[\w.-]+=(?={_TEMPLATE})|[\s;,:])*", re.I)
_USERINFO = re.compile(r"(?P<head>\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@'\"]*:)(?P<value>[^\s/'\"]+)(?=@)", re.I)
_HEADER = re.compile(
    r"(?P<head>\b(?:proxy-authorization|authorization|set-cookie|cookie|x-api-key)(?:\\?[\"'])?\s*[:=]\s*)"
    r"(?:(?P<quote>\\?[\"'])(?P<quoted>.*?)(?P=quote)|(?P<value>[^\r\n]*))",
    re.I,
)
_BEARER = re.compile(rf"(?P<head>\bbearer\s+)(?!{_TEMPLATE})(?P<value>[^\s\"',;\\]+)", re.I)


def sounds_secret(name: str) -> bool:
    """Tell whether a key or variable of this name holds a secret (password, token, API key, cookie ...)."""
    return _SECRET_NAME.search(name) is not None


def is_template(value: str) -> bool:
    """Tell whether a value is made of ``{placeholders}``, ``${VARIABLES}`` and scheme names alone."""
    return _PURE.fullmatch(value) is not None


def worth_masking(value: str, *, named_secret: bool) -> bool:
    """Tell whether a value should be masked wherever it appears.

    Not what says nothing (``true``, ``1``, ``localhost``; ``COOKIE_SECURE=1`` is a switch) nor, unless it is named a
    secret, what is shorter than 4 characters: masking every ``1`` would leave no log readable.
    """
    return bool(value) and value.lower() not in _TRIVIAL and (named_secret or len(value) >= 4)


class Redactor:
    """Replaces secrets in text by ``***``.

    Masked are the given ``secrets`` (also URL-quoted, JSON-escaped, and as base64 from 6 characters on, even within a
    longer base64 text such as Basic credentials), passwords in URLs, the values of Authorization, Cookie, Set-Cookie
    and X-Api-Key headers, and what follows ``Bearer``. Every non-empty secret is masked: which short values deserve
    it is decided where their names are known (``worth_masking``).
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in set(secrets) if secret for form in _forms(secret)}
        # Longest first, in one pass: else the tail of a longer secret would survive the masking of a shorter one.
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._secrets = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        """Return ``text`` with secrets masked."""
        if self._secrets is not None:
            text = self._secrets.sub(MASK, text)
        text = _USERINFO.sub(_unless_template, text)
        text = _HEADER.sub(_unless_template, text)
        return _BEARER.sub(_unless_template, text)


def _unless_template(match: re.Match[str]) -> str:
    groups = match.groupdict()
    value = groups["value"] if groups["value"] is not None else groups.get("quoted") or ""
    if is_template(value):
        return match.group(0)
    mark = groups.get("quote") or ""
    return f"{match.group('head')}{mark}{MASK}{mark}"


def _forms(secret: str) -> Iterator[str]:
    """Yield the ways a secret may be written."""
    yield secret
    # The environment may hold bytes that are not UTF-8; Python carries them as lone surrogates.
    raw = secret.encode("utf-8", "surrogatepass")
    for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield quoted
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match.group(0).lower(), quoted)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    match = _USERINFO.search(secret)
    if match is not None and len(match.group("value")) >= 4:
        yield match.group("value")
        yield unquote(match.group("value"))
    if "\n" in secret:
        # A key over several lines is printed line by line by most loggers.
        yield from (line for line in secret.splitlines() if len(line) >= 8 and not line.startswith("-----"))
    if len(secret) >= 6:
        yield from _base64_forms(raw)


def _base64_forms(secret: bytes) -> Iterator[str]:
    """Yield what base64 makes of a secret at each of the three places it can stand within longer data.

    Characters that also hold bits of what stands before or after are left out, so the form is found whatever they are.
    """
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(secret).decode()
        for before in range(3):
            text = encode(b"\0" * before + secret).decode().rstrip("=")
            first = (before * 8 + 5) // 6
            last = (before + len(secret)) * 8 // 6
            yield text[first:last]
