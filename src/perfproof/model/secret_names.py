"""Which names say that a secret stands beside them: ``DB_PASS``, ``apiKey``, ``X-Auth-Token``; not ``token_count``.

Names are judged word by word (at ``_``, ``-``, ``.`` and changes of case), since "pass" is in "passenger" and "salt" in
"basalt". Where it is open, what can be lost counts: a masked sort order is a nuisance, a shown key an accident.
"""

from __future__ import annotations

import re
from functools import lru_cache


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_WITHIN = re.compile(
    r"passw(?:or)?d|passphrase|passcode|secret(?!ar)|credential|apikey|(?:private|access|secret)key|authorization|cookie"
    r"|jwt|sessionid|sessid|tokens?$|pwd$|(?<!by)(?<!com)(?<!tres)(?<!sur)pass$"
)
"""Found within a word too: ``PGPASSWORD``, ``dbpass``, ``accesstoken``."""
_WORDS = _set("pw psk salt pepper cred creds otp totp pin cvv cvc csrf xsrf sid sig signature mnemonic bearer")
_ABOUT = _set(
    """name names url uri endpoint type types count counts limit limits length len size sizes ttl expiry expires
    expiration in at file path dir field fields header headers algorithm algo alg policy min max age enabled disabled
    required secure domain samesite httponly timeout lifetime duration rotation version hint format scheme prefix suffix
    location strength rounds iterations method mode used usage budget rate bits cost column schema provider store
    backend manager class valid verified expired changed set only"""
)
"""Last words of names that tell something about a secret, not the secret: ``cookie_domain``, ``TOKEN_TTL``."""
_HOW_MANY = _set("max min num total n is has use uses no enable disable require requires with without")
_PLAIN_KEYS = _set(
    """sort primary foreign public cache partition group order idempotency routing lookup natural unique row object
    index shard hash range candidate composite compound surrogate join map dict json translation message i18n any
    cursor page next previous first last start end by not hot bucket document field column search lock metric label
    event entity parent child user item product project tenant"""
)
"""First halves of names ending in "key" that lock nothing."""
_NOTHING = _set(
    """true false yes no on off none null nil undefined 0 1 localhost 127.0.0.1 str string bytes int integer number
    bool boolean optional required invalid missing expired wrong incorrect empty unset redacted filtered"""
)
_EVERYDAY = _set(
    """production development staging testing test debug info warning error critical utf-8 postgres postgresql sqlite
    mysql mariadb redis http https json default example root admin user guest main master public"""
)


@lru_cache(maxsize=4096)
def sounds_secret(name: str) -> bool:
    """Tell whether a key or variable of this name holds a secret (password, token, API key, cookie ...)."""
    words = [word.rstrip("0123456789") or word for word in _BREAK.sub("_", name).lower().split("_") if word]
    if not words or words[-1] in _ABOUT or words[0] in _HOW_MANY:
        return False
    if any(word in _WORDS or _WITHIN.search(word) for word in words):
        return True
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in ("key", "keys"):
        return bool(before) and before not in _PLAIN_KEYS
    if last == "auth":
        return bool(before)
    return last == "session" or (before == "session" and last == "id")


def says_nothing(value: str, *, named_secret: bool) -> bool:
    """Tell whether a value is a switch, a type or a remark rather than a secret.

    Where no name says that it is one, an everyday setting and a number of up to 6 digits say nothing either.
    """
    small = value.lower()
    if small in _NOTHING:
        return True
    return not named_secret and (small in _EVERYDAY or (small.isdigit() and len(small) <= _LONGEST_PLAIN_NUMBER))


_LONGEST_PLAIN_NUMBER = 6
