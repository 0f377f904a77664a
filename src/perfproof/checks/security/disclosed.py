"""Secrets in answers: password hashes, private keys, keys of well-known issuers, values the service was started with.

The masker of ``core`` takes for a secret whatever might be one, which is right for hiding; what accuses a service
has to be sure, so fewer shapes are told here. A token that is given to its own user (a JWT, a session) is none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

from perfproof.core.redaction import says_nothing
from perfproof.http.plain_client import Answer

_SHAPES: Mapping[str, re.Pattern[str]] = {
    "a password hash": re.compile(
        r"\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}|\$argon2(?:id|i|d)\$v=\d+\$|\bscrypt:\d+:\d+:\d+\$|\$scrypt\$"
        r"|\bpbkdf2[_:-]sha\d+[$:]\d+|\$[156]\$[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{22,86}"
        r"|\{S?SHA(?:256|512)?\}[A-Za-z0-9+/=]{20,}"
    ),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a key of a well-known issuer": re.compile(
        r"(?<![\w.-])(?:gh[pousr]_\w{36,}|github_pat_\w{40,}|glpat-[\w-]{20,}|[sr]k_live_\w{16,}|whsec_\w{24,}"
        r"|xox[abprs]-\d[\w-]{20,}|(?:AKIA|ASIA)[A-Z0-9]{16}|SG\.[\w-]{20,}\.[\w-]{40,}|npm_\w{36}|pypi-AgE[\w-]{50,}"
        r"|hf_[A-Za-z]{34}|shpat_[0-9a-f]{32}|sk-(?:proj-|ant-)?[\w-]{40,})(?![\w-])"
    ),
    "a password in an address": re.compile(r"\b[a-z][a-z0-9+.-]{1,30}://[^\s/:@'\"]+:[^\s/:@'\"*{<]{3,}@[\w.-]+"),
}
_NAMES = frozenset(
    [
        "password",
        "passwd",
        "passwordhash",
        "hashedpassword",
        "passwordsalt",
        "passwordencrypted",
        "encryptedpassword",
        "pwdhash",
        "clientsecret",
        "privatekey",
        "secretkey",
        "apisecret",
        "secretaccesskey",
    ]
)
_MASKED = re.compile(r"[*•xX.#-]+")
_LEAVES = 20_000
_MOST_TEXT = 2_000_000


def disclosed(answer: Answer, known: Mapping[str, str], own: Collection[str] = ()) -> list[tuple[str, str]]:
    """Return where a secret stands in an answer, and what it is: never the secret. ``known`` are values by name."""
    data = answer.data if "json" in answer.media else None
    found: dict[tuple[str, str], None] = {}
    if data is not None:
        for where, name, value in islice(_leaves("$", "", data), _LEAVES):
            for what in _in_text(value, known, own):
                found[where, what] = None
            if answer.status < 300 and _squeezed(name) in _NAMES and _is_value(value) and value not in own:
                found.setdefault((where, "a secret by its name"))
    else:
        for what in _in_text(answer.body[:_MOST_TEXT].decode("utf-8", "replace"), known, own):
            found["the text", what] = None
    places = {where for where, what in found if what != "a secret by its name"}
    return [each for each in found if each[1] != "a secret by its name" or each[0] not in places]


def _in_text(text: str, known: Mapping[str, str], own: Collection[str]) -> Iterator[str]:
    for what, pattern in _SHAPES.items():
        match = pattern.search(text)
        if match is not None and not any(match[0] in each for each in own):
            yield what
    for value, name in known.items():
        if value in text and not any(value in each for each in own):
            yield f"the value of {name}, which the service was started with"


def _leaves(where: str, name: str, value: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(f"{where}.{key}", str(key), each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(f"{where}[]", name, each)
    elif isinstance(value, str):
        yield where, name, value


def _squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _is_value(value: str) -> bool:
    """Tell whether a text may be a secret: not masked, no remark, no prose."""
    return (
        len(value) >= 4
        and not _MASKED.fullmatch(value)
        and " " not in value
        and not says_nothing(value, named_secret=True)
    )
