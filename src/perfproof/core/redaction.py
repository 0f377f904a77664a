"""Keep secrets out of everything that is stored, logged or shown. There is one masker, and this is it.

Three things give a secret away: its value is known (from the scenario, its environment, or a response it was captured
from), the name beside it says so (``DB_PASS=...``, ``?token=...``, ``{"api_key": ...}``), or it looks like nothing
else (a JWT, a private key, ``ghp_...``). Which names say so is told by ``perfproof.core.redaction``.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TextIO
from urllib.parse import quote, quote_plus, unquote

MASK = "***"
Handler = Callable[["re.Match[str]", str], str]

MOST_LEARNED = 100_000
"""Values learned while load runs that are kept; of more the oldest are forgotten."""

_GRAM = 8
"""Learned values are found by their first characters: an alternative of thousands would take minutes for a log."""
_SHORT = 6
"""Shorter values stand in ordinary words ("ok" in "token"), so they are masked only where they stand alone."""

_TEMPLATE = r"\$?\{[^{}\s]*\}"
# Template marks and the names of schemes are no secrets: `Bearer {token}` tells how, not what.
_PURE = re.compile(rf"(?:(?:bearer|basic|token|digest)\b|{_TEMPLATE}|\*{{3}}|[\w.-]+=(?={_TEMPLATE})|[\s;,:])*", re.I)

_USERINFO = re.compile(r"(?P<head>\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@'\"]*:)(?P<value>[^\s/'\"]+)(?=@)", re.I)
# A key alone before the @, as error trackers and git hosts have it; shorter ones are users.
_USER_KEY = re.compile(r"(?P<head>\b[a-z][a-z0-9+.-]{0,30}://)(?P<value>\w{20,})(?=@)", re.I)
_HEADER = re.compile(
    r"(?P<head>\b(?:proxy-authorization|authorization|set-cookie|cookie|x-api-key)(?:\\?[\"'])?\s*[:=]\s*)"
    r"(?:(?P<quote>\\?[\"'])(?P<quoted>.*?)(?P=quote)|(?P<value>[^\r\n]*))",
    re.I,
)
# As frameworks print headers: (b'authorization', b'Bearer ...').
_HEADER_PAIR = re.compile(
    r"(?P<head>[(\[]b?[\"'](?:proxy-authorization|authorization|set-cookie|cookie|x-[\w-]*(?:key|token))[\"'],\s*b?)"
    r"(?P<quote>[\"'])(?P<quoted>.*?)(?P=quote)",
    re.I,
)
_BEARER = re.compile(
    rf"(?P<head>\bbearer\s+)(?!{_TEMPLATE}|(?:of|tokens?|auth\w*|schemes?|is|and|or)\b)(?P<value>[^\s\"',;\\]+)", re.I
)
_BASIC = re.compile(r"(?P<head>\bbasic\s+)(?P<value>[A-Za-z0-9+/_-]{6,}={0,2})", re.I)
_PEM = re.compile(
    r"(?P<head>-----BEGIN [A-Z ]*PRIVATE KEY-----)(?P<value>[^-]{1,20000})(?=-----END|\Z)",
)
_SHAPES = re.compile(
    r"(?<![\w.-])(?P<value>"
    r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"  # JWT
    r"|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|sk-[\w-]{16,}|[sr]k_(?:live|test)_\w{10,}|whsec_\w{16,}"
    r"|xox[abeoprs]-[\w-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{35}|ya29\.[\w-]{16,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|npm_\w{36}|pypi-[\w-]{32,}|hf_\w{20,}|shpat_\w{20,}"
    r")(?![\w-])"
)
_QUOTED = r"(?P<quote>\\?[\"'])(?P<quoted>(?:(?!(?P=quote))(?:\\.|[^\\\r\n])){1,4096}?)(?P=quote)"
# name=value, "name": "value", name => value, name%3Dvalue; the name is judged by `sounds_secret`.
_HEAD = (
    r"(?P<head>(?<![\w.-])(?P<name>[\w.-]{2,64}+)(?:\\?[\"'])?(?P<separator>\s{0,3}(?:=>|[:=])\s{0,3}|%3[Dd])"
    r"(?:b(?=[\"']))?)"
)
_NAME = re.compile(_HEAD)
_NAMED = re.compile(
    rf"{_HEAD}(?:{_QUOTED}|(?P<value>(?:{_TEMPLATE}|[^\s\"'&,;)\]}}<>|\\])+))(?P<after>(?:[ \t]+[a-z]+\b)?)"
)
_FLAG = re.compile(rf"(?P<head>--(?P<name>\w[\w-]{{1,40}}+)(?:[\"'],)?\s+)(?:{_QUOTED}|(?P<value>[^\s\"'-][^\s\"']*))")
_ELEMENT = re.compile(r"(?P<head><(?P<name>\w[\w.:-]{1,40}+)>)(?P<value>[^<>\s][^<>]{0,4096})(?=</)")
_SQL = re.compile(r"(?P<head>\b(?:password|identified\s+by)\s+)(?P<quote>')(?P<quoted>[^'\r\n]+)'", re.I)
# What code does with a secret is not the secret: `token=self.token`, `password=os.environ["X"]`, `$.token`.
_CODE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*[(\[].*|[$@.(].*|<.*", re.S)


def is_template(value: str) -> bool:
    """Tell whether a value is made of ``{placeholders}``, ``${VARIABLES}`` and scheme names alone."""
    return _PURE.fullmatch(value) is not None


def worth_masking(value: str, *, named_secret: bool) -> bool:
    """Tell whether a value should be masked wherever it appears.

    Not what says nothing (``true``, ``1``, ``localhost``; ``COOKIE_SECURE=1`` is a switch) nor, unless it is named a
    secret, what is shorter than 4 characters, a small number (a port) or an everyday setting (``production``): masking
    those would leave no log readable.
    """
    return bool(value) and not says_nothing(value, named_secret=named_secret) and (named_secret or len(value) >= 4)


def secrets_in(text: str) -> set[str]:
    """Return the secrets that a text gives away by names and shapes: in a command, a path, a URL."""
    found: set[str] = set()

    def note(match: re.Match[str], value: str) -> str:
        found.add(value)
        found.add(unquote(value))
        return match.group(0)

    _by_looks(text, note)
    return {value for value in found if worth_masking(value, named_secret=True)}


class Redactor:
    """Replaces secrets in text by ``***``.

    Masked are the given ``secrets`` (also URL-quoted, JSON-escaped, and as base64 from 6 characters on, even within a
    longer base64 text such as Basic credentials), those learned later, and whatever a name or its looks give away.
    Every non-empty secret is masked: which short values deserve it is decided where their names are known
    (``worth_masking``); short ones and everyday words only where they stand alone.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in set(secrets) if secret for form in _forms(secret)}
        # Longest first, in one pass: else the tail of a longer secret would survive the masking of a shorter one.
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._secrets = re.compile("|".join(map(_pattern, ordered))) if ordered else None
        self._learned: dict[str, None] = {}
        self._starts: dict[str, dict[int, set[str]]] = {}

    def __call__(self, text: str) -> str:
        """Return ``text`` with secrets masked."""
        return _by_looks(self._known(text), _replaced)

    def but_names(self, text: str) -> str:
        """Return ``text`` with secrets masked, but none for the name beside it: those were judged by who knows more."""
        return _by_looks(self._known(text), _replaced, names=False)

    def _known(self, text: str) -> str:
        if self._secrets is not None:
            text = self._secrets.sub(MASK, text)
        return self._without_learned(text) if self._learned else text

    def learn(self, values: Iterable[str]) -> None:
        """Take in values that turned out to be secret while load ran; shorter ones than 8 characters are left."""
        new = dict.fromkeys(value for value in values if len(value) >= _GRAM and value not in self._learned)
        self._learned |= new
        for value in new:
            for form in {value, quote(value, safe=""), json.dumps(value)[1:-1]}:
                self._starts.setdefault(form[:_GRAM], {}).setdefault(len(form), set()).add(form)
        if len(self._learned) > MOST_LEARNED:
            kept = list(self._learned)[-MOST_LEARNED // 2 :]
            self._learned, self._starts = {}, {}
            self.learn(kept)

    def _without_learned(self, text: str) -> str:
        pieces, position, at, end = [], 0, 0, len(text) - _GRAM
        while at <= end:
            # Tokens of one kind often begin alike, so their lengths tell which of them may stand here.
            lengths = self._starts.get(text[at : at + _GRAM], {})
            found = max((length for length, forms in lengths.items() if text[at : at + length] in forms), default=0)
            if not found:
                at += 1
                continue
            pieces += [text[position:at], MASK]
            position = at = at + found
        return "".join([*pieces, text[position:]]) if pieces else text


class MaskingStream:
    """A text stream that masks secrets in what passes, one write at a time (tracebacks come line by line)."""

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self._stream = stream
        self._redactor = redactor

    def write(self, text: str) -> int:
        """Write the masked text; return the length of what was given."""
        self._stream.write(self._redactor(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream behind."""
        self._stream.flush()


def _by_looks(text: str, put: Handler, *, names: bool = True) -> str:
    """Return ``text`` with ``put`` in place of every match whose name or looks tell that its value is secret."""

    def judged(match: re.Match[str]) -> str:
        value = _value(match)
        if is_template(value) or not value.strip(" ."):
            return match.group(0)
        return put(match, value)

    def named(match: re.Match[str]) -> str:
        value = _value(match)
        return (
            judged(match) if sounds_secret(match.group("name")) and not _is_harmless(match, value) else match.group(0)
        )

    def basic(match: re.Match[str]) -> str:
        return judged(match) if _is_credentials(match.group("value")) else match.group(0)

    for pattern in (_PEM, _USERINFO, _USER_KEY, _HEADER, _HEADER_PAIR, _BEARER, _SHAPES):
        text = pattern.sub(judged, text)
    text = _BASIC.sub(basic, text)
    if names:
        text = _SQL.sub(judged, text)
        for pattern in (_FLAG, _ELEMENT):
            text = pattern.sub(named, text)
        text = _with_named(text, named)
    return text


def _with_named(text: str, named: Callable[[re.Match[str]], str]) -> str:
    """Return ``text`` with ``named`` in place of what stands after a secret's name.

    Names that are none take nothing with them: in ``url=/?token=abc`` the value of one holds the other.
    """
    pieces, position = [], 0
    for head in _NAME.finditer(text):
        if head.start() < position or not sounds_secret(head.group("name")):
            continue
        match = _NAMED.match(text, head.start())
        if match is not None:
            pieces += [text[position : match.start()], named(match)]
            position = match.end()
    return "".join([*pieces, text[position:]])


def _value(match: re.Match[str]) -> str:
    groups = match.groupdict()
    return groups.get("value") or groups.get("quoted") or ""


def _replaced(match: re.Match[str], value: str) -> str:
    del value
    groups = match.groupdict()
    mark = groups.get("quote") or ""
    return f"{groups.get('head') or ''}{mark}{MASK}{mark}{groups.get('after') or ''}"


def _is_harmless(match: re.Match[str], value: str) -> bool:
    """Tell whether what stands after a secret's name is no value of it: prose, a switch, a type, an expression."""
    groups = match.groupdict()
    if says_nothing(value, named_secret=True) or not any(map(str.isalnum, value)):
        return True
    if groups.get("quote"):
        return False
    if value.startswith("-") and groups.get("separator") == ":":
        return True  # ${NAME:-default}
    if value.isdigit() and groups["name"].lower().endswith("tokens"):
        return True
    plain = value.isalpha() and value.islower()
    if plain and (groups.get("after") or "") and ":" in groups.get("separator", ""):
        return True  # "password: too short"
    if "." not in value and not _CODE.fullmatch(value):
        return value == groups["name"]  # password=password
    return bool(_CODE.fullmatch(value)) or sounds_secret(value.rpartition(".")[2])


def _is_credentials(coded: str) -> bool:
    """Tell whether a text is ``user:password`` in base64."""
    try:
        plain = base64.b64decode(coded + "=" * (-len(coded) % 4), altchars=b"-_").decode()
    except (binascii.Error, ValueError):
        return False
    return ":" in plain and plain.isprintable()


def _pattern(form: str) -> str:
    """Return what finds a form of a secret; a short or everyday one is not found within words, nor as a name."""
    if len(form) >= _SHORT and not (form.isalpha() and (sounds_secret(form) or says_nothing(form, named_secret=False))):
        return re.escape(form)
    before = r"(?<![\w/-])(?<!\w\.)" if form[:1].isalnum() else ""
    after = r"(?![\w/-]|\.\w)(?![\"']?\s*[:=])" if form[-1:].isalnum() else ""
    return before + re.escape(form) + after


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
