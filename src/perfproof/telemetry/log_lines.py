"""Reads what a service printed: which lines are records of a structured log, of what level, and whom they name."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Grade = Literal["debug", "info", "warning", "error", ""]

MOST_BYTES = 8 * 1024 * 1024
"""More of a log than this is not read: what is needed of it are some lines per request."""
_LEVELS = (
    "level",
    "severity",
    "lvl",
    "levelname",
    "log.level",
    "severity_text",
    "severitytext",
    "loglevel",
    "log_level",
)
_NUMBERS: tuple[tuple[int, Grade], ...] = ((50, "error"), (40, "warning"), (30, "info"))
_SYSLOG: tuple[Grade, ...] = ("error", "error", "error", "error", "warning", "info", "info", "debug")
"""Severities of RFC 5424 by their number, as GELF and Mozilla's format have them: the small ones are the bad ones."""
_STATUS = ("status", "status_code", "statuscode", "http.status_code", "http.response.status_code", "code", "res")
_PATH = ("path", "url", "route", "uri", "target", "http.target", "url.path", "request", "req", "http.route", "endpoint")


@dataclass(frozen=True)
class Line:
    """One line, without its text. ``structured`` says that it is a JSON object, ``level`` which of four it has.

    ``names`` are the ids that were looked for and stand in it. ``request`` says that it is the record of a whole
    request (it has a path and a status), as an access log has it.
    """

    structured: bool
    level: Grade = ""
    names: frozenset[str] = frozenset()
    request: bool = False


def read(content: bytes, ids: Collection[str]) -> list[Line]:
    """Return the lines of a log that are not empty; ``ids`` are looked for in each, whatever its form."""
    found = []
    for raw in content[:MOST_BYTES].splitlines():
        text = raw.decode("utf-8", "replace").strip()
        if text:
            found.append(_line(text, ids))
    return found


def _line(text: str, ids: Collection[str]) -> Line:
    lowered = text.lower()
    names = frozenset(each for each in ids if each in lowered)
    record = _record(text)
    if record is None:
        return Line(False, "", names)
    flat = {key.lower(): value for key, value in _flat(record)}
    return Line(True, _grade(flat), names, _has(flat, _STATUS) and _has(flat, _PATH))


def _record(text: str) -> Mapping[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _flat(record: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return keys and values, those of inner objects too: ``log.level`` and ``level`` of ``{"log": {"level": 3}}``."""
    found: list[tuple[str, Any]] = []
    for key, value in record.items():
        found.append((str(key), value))
        if isinstance(value, dict):
            for inner, each in value.items():
                found += [(f"{key}.{inner}", each)]
                if str(key).lower() in ("log", "http", "req", "res", "request", "response", "attributes", "fields"):
                    found.append((str(inner), each))
    return found


def _grade(flat: Mapping[str, Any]) -> Grade:
    value = next((flat[key] for key in _LEVELS if key in flat), None)
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int) and 0 <= value < len(_SYSLOG):
        return _SYSLOG[value]
    if isinstance(value, int | float):  # pino's and bunyan's numbers
        return next((word for least, word in _NUMBERS if value >= least), "debug")
    return _graded(str(value).strip().lower())


def _graded(word: str) -> Grade:
    if word in ("error", "err", "critical", "crit", "fatal", "alert", "emergency", "emerg", "panic", "severe", "e"):
        return "error"
    if word in ("warning", "warn", "w"):
        return "warning"
    if word in ("info", "information", "informational", "notice", "i"):
        return "info"
    return "debug" if word in ("debug", "trace", "verbose", "fine", "finer", "finest", "d", "silly") else ""


def _has(flat: Mapping[str, Any], keys: Collection[str]) -> bool:
    return any(key in flat for key in keys)
