"""What an error answer is like: where its message and code stand, and what a person cannot understand about it.

Only that is kept, never a word of the answer itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from perfproof.checks.page_text import PAGES, visible
from perfproof.http.plain_client import Answer

_MESSAGES = ("detail", "message", "error_description", "description", "msg", "reason", "title", "error", "errorMessage")
"""Where messages stand, those written for people first; of RFC 9457 the detail says more than the title."""
_CODES = ("code", "error_code", "errorCode", "error", "type", "reason", "status_code_text")
_WRAPPERS = ("error", "errors", "fault", "detail", "problem")
_CODE = re.compile(r"[A-Za-z][\w.:/#-]{0,99}")
CORRELATION = (
    "x-request-id", "x-correlation-id", "request-id", "correlation-id", "x-trace-id", "x-amzn-requestid", "traceparent",
)  # fmt: skip
_CORRELATION_FIELDS = ("request_id", "requestId", "trace_id", "traceId", "correlation_id", "correlationId", "error_id")

_STACK = re.compile(
    r"Traceback \(most recent call last\)|File \"[^\"]+\", line \d+|^\s*at .+\(.*:\d+(:\d+)?\)"
    r"|\bat [\w.$<>]+ ?\([^)]*:\d+"
    r"|goroutine \d+ \[|\bpanic: |Exception in thread|\.(?:java|kt|scala|cs|rb|php|go|py|js|ts):\d+|node_modules/",
    re.MULTILINE,
)
_SQL = re.compile(
    r"\bSELECT\b.+\bFROM\b|\bINSERT INTO\b|\bDELETE FROM\b|\bUPDATE\b.+\bSET\b|SQLSTATE|syntax error at or near"
    r"|near \"[^\"]*\": syntax error|no such (?:table|column)|\bORA-\d{5}|constraint failed|violates .+ constraint"
    r"|duplicate key value|psycopg|pymysql|sqlite3?[._]|sqlalchemy|error in your SQL syntax|Sequelize\w*Error"
    r"|ER_[A-Z_]{4,}|relation \"[^\"]+\" does not exist",
    re.DOTALL,
)
_PATH = re.compile(
    r"(?<![\w/.:])/(?:home|usr|var|srv|opt|tmp|root|Users|etc|app|workspace|mnt)/[\w.+-]+|\b[A-Z]:\\{1,2}[\w. -]+\\"
)
_INTERNALS = re.compile(
    r"\b[A-Z][A-Za-z]*(?:Error|Exception)\b(?!s)|NoneType|is not a function|Cannot read propert|\bundefined\b"
    r"|object has no attribute|null pointer|nil pointer|invalid memory address|index out of range|\[object Object\]"
    r"|invalid literal for int\(\)|could not convert string to float|strconv\.\w+|json: cannot unmarshal"
    r"|Unexpected token|unexpected end of JSON input|<built-in|<class '|0x[0-9a-f]{8,}",
)
_NO_JSON = "a body that is called JSON and is none"
LACKS = ("no message", "a code instead of a message", _NO_JSON)
"""Flaws that are something missing; the others are something shown."""
IN_TEXT = "the text"
"""Where the message of a page or of plain text stands."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff]{3,}")
"""Writing that puts no blanks between words."""


def look_at(answer: Answer, target: str, correlation: str) -> dict[str, Any]:
    """Return what an answer is like, as facts. ``target`` is what was asked: a message may repeat it."""
    data = answer.data
    page = answer.media in PAGES
    text = visible(answer.body) if page else answer.body.decode("utf-8", "replace")
    message_at, message = _message(data)
    if not message_at and text.strip() and (page or answer.media == "text/plain"):
        message_at, message = IN_TEXT, text  # without a field for it, a message is what people read there
    code_at, code = _code(data)
    facts: dict[str, Any] = {
        "status": answer.status,
        "media": _family(answer.media),
        "ms": round(answer.took * 1e3, 3),
        "problem": _problem_flaws(answer, data),
        "message_at": message_at,
        "code_at": code_at,
        "code": code,
        "flaws": [_NO_JSON if each == LACKS[0] and _broken(answer) else each for each in flaws(text, message, target)],
        "correlation": _correlation(answer, data, correlation),
    }
    return facts


def _broken(answer: Answer) -> bool:
    """Tell whether an answer says that it is JSON, and is none."""
    return "json" in answer.media and answer.data is None and answer.body.strip() not in (b"", b"null")


def _family(media: str) -> str:
    if media == "application/problem+json":
        return "problem+json"
    if "json" in media:
        return "json"
    return {"text/html": "HTML", "text/plain": "plain text", "": "nothing"}.get(media, media)


def _problem_flaws(answer: Answer, data: Any) -> list[str]:
    """Return what keeps an answer from being a problem of RFC 9457, in words."""
    found = []
    if answer.media != "application/problem+json":
        found.append("its media type is not application/problem+json")
    if not isinstance(data, dict):
        return [*found, "its body is no JSON object"]
    if not isinstance(data.get("title", ""), str) or not isinstance(data.get("detail", ""), str):
        found.append("title or detail is no text")
    if not isinstance(data.get("type", "about:blank"), str) or not isinstance(data.get("instance", ""), str):
        found.append("type or instance is no URI")
    if "status" in data and data["status"] != answer.status:
        found.append("its status is not that of the answer")
    if not any(isinstance(data.get(name), str) and data[name] for name in ("title", "detail")):
        found.append("it has neither title nor detail")
    return found


def _message(data: Any) -> tuple[str, str]:
    """Return where the message for people stands (``$.error.message``), and the message."""
    for where, holder in _holders(data):
        for name in _MESSAGES:
            value = holder.get(name)
            if isinstance(value, str) and value.strip():
                return f"{where}.{name}", value
    for where, holder in _holders(data):
        for name in ("message", "detail", *_MESSAGES):
            if isinstance(holder.get(name), str):  # its place is right, and nothing stands there
                return f"{where}.{name}", ""
    return "", data if isinstance(data, str) else ""


def _code(data: Any) -> tuple[str, str]:
    """Return where a code for programs stands, and the code."""
    for where, holder in _holders(data):
        for name in _CODES:
            value = holder.get(name)
            plain = isinstance(value, str) and _CODE.fullmatch(value) and value != "about:blank"
            if plain and (name not in ("error", "reason") or " " not in str(value)):
                return f"{where}.{name}", str(value)
    return "", ""


def _holders(data: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the objects that may hold message and code: the body, what it wraps, the first of a list."""
    if not isinstance(data, dict):
        if isinstance(data, list) and data and isinstance(data[0], dict):
            yield "$[]", data[0]
        return
    inner = [(f"$.{name}", data[name]) for name in _WRAPPERS if isinstance(data.get(name), dict)]
    listed = [
        (f"$.{name}[]", data[name][0])
        for name in _WRAPPERS
        if isinstance(data.get(name), list) and data[name] and isinstance(data[name][0], dict)
    ]
    if any(isinstance(data.get(name), str) for name in _MESSAGES):
        yield "$", data
        yield from inner
    else:
        yield from inner
        yield "$", data
    yield from listed


def flaws(text: str, message: str, target: str) -> list[str]:
    """Return what is wrong with an error for whoever reads it: ``empty``, ``stack``, ``SQL``, ``path`` ..."""
    shown = text
    for part in sorted({target, *target.split("?")[0].split("/")}, key=len, reverse=True):
        if len(part) > 3:
            shown = shown.replace(part, "")
    found = []
    if not message.strip():
        found.append(LACKS[0])
    elif not _of_words(message):
        found.append(LACKS[1])
    for name, pattern in (("stack trace", _STACK), ("SQL", _SQL), ("file path", _PATH), ("internals", _INTERNALS)):
        if pattern.search(shown if name != "internals" else message.replace(target, "")):
            found.append(name)
    return found


def _of_words(message: str) -> bool:
    """Tell whether a message has at least two words, or is one that stands for itself: ``Unauthorized``."""
    words = [each for each in message.split() if _WORD.search(each)]
    alone = re.fullmatch(r"[A-Z][a-z]{3,}[.!]?", message.strip())
    return len(words) > 1 or alone is not None or _UNSPACED.search(message) is not None


def _correlation(answer: Answer, data: Any, wanted: str) -> bool:
    if wanted:
        return bool(answer.headers.get(wanted.lower()))
    if any(answer.headers.get(name) for name in CORRELATION):
        return True
    return any(isinstance(h.get(name), str) and h[name] for _, h in _holders(data) for name in _CORRELATION_FIELDS)


def documented_codes(schemas: Sequence[Any]) -> list[str]:
    """Return the codes that error schemas (plain JSON, references followed) list as an enum or a constant."""
    found: dict[str, None] = {}

    def walk(value: Any, depth: int) -> None:
        if not isinstance(value, dict) or depth > 6:
            return
        for name, each in value.items():
            if name in _CODES and isinstance(each, dict):
                listed = each.get("enum", [each["const"]] if "const" in each else [])
                found.update(dict.fromkeys(str(code) for code in listed if isinstance(code, str)))
            if isinstance(each, dict):
                walk(each, depth + 1)
            elif isinstance(each, list):
                for item in each:
                    walk(item, depth + 1)

    for schema in schemas:
        walk(schema, 0)
    return list(found)[:200]
