"""Reading PostgreSQL's server log, as stderr lines, CSV or JSON: pure text in, statements out.

Message forms: ``statement: SQL`` (simple protocol), ``execute NAME: SQL`` (extended protocol), both also behind
``duration: N ms``; ``execute fetch from NAME`` goes on with a statement that was counted before, ``parse`` and ``bind``
are steps of one. A lone ``duration: N ms`` belongs to the statement before it on the same connection.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from perfproof.databases.fingerprint import fingerprints
from perfproof.model.queries import Statement, StatementCount

LogFormat = Literal["stderr", "csv", "json"]

_MESSAGE = re.compile(
    r"(?:duration: (?P<ms>[\d.]+) ms  )?(?:statement|execute (?!fetch from )(?:<unnamed>|[^:]*)): (?P<sql>.*)",
    re.DOTALL,
)
_DURATION = re.compile(r"duration: ([\d.]+) ms\Z")
_ESCAPE = re.compile(r"%(-?\d*)([a-zA-Z%])")
_TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \S+"
_ESCAPES = {"m": _TIME, "t": _TIME, "s": _TIME, "n": r"[\d.]+", "l": r"\d+", "%": "%"}
_NAMED = {"p": r"(?P<pid>\d+)", "u": r"(?P<user>.*?)", "d": r"(?P<database>.*?)"}
_PARTS = ("DETAIL", "HINT", "CONTEXT", "STATEMENT", "QUERY", "LOCATION", "BACKTRACE")
_SEVERITY = rf"(?P<severity>LOG|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|DEBUG\d?|{'|'.join(_PARTS)})"


@dataclass
class LogEntry:
    """One event of the log."""

    pid: int | None
    user: str | None
    database: str | None
    severity: str
    message: str
    detail: str = ""
    statement: str = ""
    other: str = ""


def entries(text: str, form: LogFormat, prefix: str = "%m [%p] ") -> Iterator[LogEntry]:
    """Return the events in ``text``; ``prefix`` is the server's log_line_prefix, for stderr lines."""
    if form == "csv":
        return _from_csv(text)
    return _from_json(text) if form == "json" else _from_lines(text, prefix)


def _from_csv(text: str) -> Iterator[LogEntry]:
    for row in csv.reader(io.StringIO(text, newline="")):
        if len(row) > 19:
            yield LogEntry(_number(row[3]), row[1], row[2], row[11], row[13], row[14], row[19])


def _from_json(text: str) -> Iterator[LogEntry]:
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        yield LogEntry(
            row.get("pid"),
            row.get("user"),
            row.get("dbname"),
            row.get("error_severity", ""),
            row.get("message", ""),
            row.get("detail", ""),
            row.get("statement", ""),
        )


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def prefix_pattern(prefix: str) -> re.Pattern[str]:
    """Return the pattern of a log line behind a log_line_prefix."""
    parts: list[str] = []
    at, optional = 0, 0
    named: set[str] = set()
    for match in _ESCAPE.finditer(prefix):
        parts.append(re.escape(prefix[at : match.start()]))
        at = match.end()
        letter = match.group(2)
        if letter == "q":
            parts.append("(?:")
            optional += 1
            continue
        pattern = _ESCAPES.get(letter, r".*?") if letter in named or letter not in _NAMED else _NAMED[letter]
        named.add(letter)
        parts.append(rf" *{pattern} *" if match.group(1) else pattern)
    parts.append(re.escape(prefix[at:]))
    return re.compile("".join(parts) + ")?" * optional + _SEVERITY + r":  (?P<message>.*)")


def _from_lines(text: str, prefix: str) -> Iterator[LogEntry]:
    pattern = prefix_pattern(prefix)
    current: LogEntry | None = None
    part = "message"
    for line in text.split("\n"):
        if line.startswith("\t"):
            if current is not None:
                setattr(current, part, getattr(current, part) + "\n" + line[1:])
            continue
        match = pattern.match(line)
        if match is None:
            continue
        found = match.groupdict()
        severity = found["severity"]
        if severity in _PARTS:
            part = {"DETAIL": "detail", "STATEMENT": "statement"}.get(severity, "other")
            if current is not None:
                setattr(current, part, found["message"])
            continue
        if current is not None:
            yield current
        pid = found.get("pid")
        current = LogEntry(
            int(pid) if pid else None, found.get("user"), found.get("database"), severity, found["message"]
        )
        part = "message"
    if current is not None:
        yield current


@dataclass
class _Tally:
    """What is known of one statement's shape so far."""

    calls: int = 0
    ns: int = 0
    timed: int = 0
    failed: int = 0
    values: Counter[bytes] = field(default_factory=Counter)


_Last = dict[int | None, tuple[Statement, bool]]
"""Connection -> its last statement, and whether that one has its duration."""


@dataclass(frozen=True)
class LogCount:
    """What a stretch of the log says: statements, and errors of the service."""

    statements: tuple[StatementCount, ...]
    failed: int


def count(found: Iterable[LogEntry], relevant: Callable[[LogEntry], bool], own: str) -> LogCount:
    """Count the statements of ``relevant`` entries, leaving out those that hold the identifier ``own``.

    Parameters and literals are only hashed, to see which calls repeat an earlier one; they are not kept.
    """
    tallies: dict[Statement, _Tally] = {}
    last: _Last = {}
    failed = 0
    for entry in found:
        if not relevant(entry):
            continue
        if entry.severity in ("ERROR", "FATAL", "PANIC"):
            if own not in entry.statement and entry.statement:
                failed += 1
                _fail(entry, tallies, last)
            continue
        match = _MESSAGE.match(entry.message)
        if match is not None and own not in match["sql"]:
            statements = fingerprints(match["sql"], "postgresql")
            for statement in statements:
                tally = tallies.setdefault(statement, _Tally())
                tally.calls += 1
                tally.values[hashlib.blake2b(f"{match['sql']}\0{entry.detail}".encode(), digest_size=8).digest()] += 1
            if statements:
                last[entry.pid] = (statements[-1], False)
                _time(match["ms"], entry, tallies, last)
        elif match is not None:
            last.pop(entry.pid, None)
        else:
            duration = _DURATION.match(entry.message)
            _time(duration[1] if duration else None, entry, tallies, last)
    return LogCount(tuple(_counted(statement, tally) for statement, tally in tallies.items()), failed)


def _time(ms: str | None, entry: LogEntry, tallies: dict[Statement, _Tally], last: _Last) -> None:
    statement, timed = last.get(entry.pid, (None, True))
    if ms is not None and statement is not None and not timed:
        tallies[statement].ns += round(float(ms) * 1e6)
        tallies[statement].timed += 1
        last[entry.pid] = (statement, True)


def _fail(entry: LogEntry, tallies: dict[Statement, _Tally], last: _Last) -> None:
    """Book a failure on the statement; one that failed in its parse or bind step was sent but never logged."""
    shapes = fingerprints(entry.statement, "postgresql")
    statement, timed = last.get(entry.pid, (None, True))
    if shapes and (statement is None or timed or statement not in shapes):
        statement = shapes[0]
        tallies.setdefault(statement, _Tally()).calls += 1
    if shapes and statement is not None:
        tallies[statement].failed += 1
        last[entry.pid] = (statement, True)


def _counted(statement: Statement, tally: _Tally) -> StatementCount:
    return StatementCount(
        statement,
        tally.calls,
        time_ns=tally.ns if tally.timed else None,
        repeated=sum(times - 1 for times in tally.values.values()),
        failed=tally.failed,
    )
