"""Reading the server log in its three forms and with any prefix."""

import csv
import io
import json

import pytest

from perfproof.databases.postgres_log_lines import count, entries, prefix_pattern

STDERR = """\
2024-01-01 10:00:00.000 UTC [7] me@db LOG:  statement: BEGIN
2024-01-01 10:00:00.000 UTC [7] me@db LOG:  duration: 0.250 ms
2024-01-01 10:00:00.000 UTC [7] me@db LOG:  duration: 0.100 ms  parse <unnamed>: SELECT a
\tFROM t WHERE id = $1
2024-01-01 10:00:00.000 UTC [7] me@db LOG:  execute <unnamed>: SELECT a
\tFROM t WHERE id = $1
2024-01-01 10:00:00.000 UTC [7] me@db DETAIL:  parameters: $1 = '1'
2024-01-01 10:00:00.000 UTC [8] other@else LOG:  statement: SELECT 'elsewhere'
2024-01-01 10:00:00.000 UTC [7] me@db LOG:  duration: 1.500 ms
2024-01-01 10:00:00.000 UTC [7] me@db LOG:  duration: 0.750 ms  execute s_1: SELECT a FROM t WHERE id = $1
2024-01-01 10:00:00.000 UTC [7] me@db DETAIL:  parameters: $1 = '1'
2024-01-01 10:00:00.000 UTC [7] me@db LOG:  execute fetch from s_1/c: SELECT a FROM t WHERE id = $1
2024-01-01 10:00:00.000 UTC [7] me@db ERROR:  division by zero
2024-01-01 10:00:00.000 UTC [7] me@db STATEMENT:  SELECT 1 / $1
2024-01-01 10:00:00.000 UTC [1] LOG:  checkpoint starting: time
2024-01-01 10:00:00.000 UTC [9] me@db LOG:  statement: SELECT 1 AS perfproof_own
"""
PREFIX = "%m [%p] %q%u@%d "


def counted(text, form="stderr"):
    found = count(entries(text, form, PREFIX), lambda entry: entry.database == "db", "perfproof_own")
    return found, {each.statement.text: each for each in found.statements}


def check(found, by_text):
    assert list(by_text) == ["begin", "select a from t where id = ?", "select ? / ?"]
    query = by_text["select a from t where id = ?"]
    assert (query.calls, query.time_ns, by_text["begin"].time_ns) == (2, 2_250_000, 250_000)
    assert (found.failed, by_text["select ? / ?"].failed) == (1, 1)


def test_stderr_lines():
    check(*counted(STDERR))


def rows():
    pending = None
    for line in entries(STDERR, "stderr", PREFIX):
        pending = line
        yield pending


def test_csv_lines_say_the_same():
    out = io.StringIO()
    for entry in rows():
        row = [""] * 26
        row[1], row[2], row[3], row[11] = entry.user or "", entry.database or "", str(entry.pid), entry.severity
        row[13], row[14], row[19] = entry.message, entry.detail, entry.statement
        csv.writer(out).writerow(row)
    check(*counted(out.getvalue() + "2024,cut off", "csv"))


def test_json_lines_say_the_same():
    lines = [
        json.dumps(
            {"pid": entry.pid, "user": entry.user, "dbname": entry.database, "error_severity": entry.severity}
            | {"message": entry.message, "detail": entry.detail, "statement": entry.statement}
        )
        for entry in rows()
    ]
    check(*counted("\n".join(lines) + '\n{"cut', "json"))


@pytest.mark.parametrize(
    ("prefix", "line"),
    [
        ("%m [%p] ", "2024-01-01 10:00:00.000 UTC [7] "),
        (
            "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
            "2024-01-01 10:00:00 CET [7]: [3-1] user=me,db=db,app=my app,client=::1 ",
        ),
        ("<%n %-6p> ", "<1704103200.123 7     > "),
        ("", ""),
        ("%m %% %p %q%u@%d ", "2024-01-01 10:00:00.000 UTC % 7 "),
    ],
)
def test_any_prefix_is_read(prefix, line):
    match = prefix_pattern(prefix).match(line + "LOG:  statement: SELECT 1")
    assert match is not None
    assert match["message"] == "statement: SELECT 1"
    assert match.groupdict().get("pid") in (None, "7")


def test_the_same_parameters_are_repeated_calls():
    _, by_text = counted(STDERR.replace("execute s_1: SELECT a FROM", "execute s_1: SELECT a\n\tFROM"))
    assert by_text["select a from t where id = ?"].repeated == 1
