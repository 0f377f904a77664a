"""What PyYAML says about broken YAML, in plain words with a place and a fix."""

from __future__ import annotations

import re

import yaml
from yaml.reader import ReaderError

from perfproof.errors import Problem

_UNQUOTED = re.compile(r"""[:\-,\[{]\s+[^"'\s][^"']*\$\{|:\s+\{[^}:]*\}[^,}\]\s]*\s*\S|:\s+\{[A-Za-z_]\w*\}\s*$""")
_PLAIN: tuple[tuple[str, str, str | None], ...] = (
    (r"character '\\t'", "a tab cannot indent", "use spaces"),
    (r"mapping values are not allowed", "a second `: ` in one line", "quote text that holds `: `"),
    (r"could not find expected ':'", "a line without `:`", "write `key: value`, or quote a text over several lines"),
    (r"unexpected end of stream", "a quote is never closed", "close it with \" or '"),
    (r"undefined alias", "the alias names an anchor that is not there", "write &name before *name"),
    (r"duplicate anchor", "an anchor is defined twice", "give each anchor its own name"),
    (r"but found another document", "there are two documents in the file", "remove the line `---` and what follows"),
    (r"unknown escape character", "an unknown escape after \\", "use single quotes, or write \\\\"),
    (r"character '[@`%]'", "text cannot begin with this character", "quote it"),
    (r"but found '-'|sequence entries are not allowed", "a list item where none can stand", "check the indentation"),
    (r"but (found|got) '<stream end>'", "a bracket is never closed", "close it with } or ]"),
    (r"but (found|got)", "this does not fit what stands before it", "check indentation, commas and brackets"),
)


def explain(error: yaml.YAMLError, file: str, text: str) -> Problem:
    """Return the mistake behind a YAML error."""
    if isinstance(error, ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        return Problem(file, line, column, "file", "a control character is not allowed", "remove it")
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem(file, 1, 1, "file", "is not YAML")
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return Problem(file, 1, 1, "file", "is not YAML")
    lines = text.splitlines()
    written = lines[mark.line] if mark.line < len(lines) else ""
    said = f"{error.context or ''} {error.problem or ''}"
    reason, fix = "this cannot be read as YAML", None
    for pattern, plain, advice in _PLAIN:
        if re.search(pattern, said):
            reason, fix = plain, advice
            break
    if "mapping values are not allowed" in said and ": " not in written[: mark.column]:
        reason = "this line is indented deeper than the line above it, which has a value already"
        fix = "begin it in the column of the line above"
    if "but got ':'" in said and written[: mark.column].count(": ") > 1:
        reason, fix = "a second `: ` in one value", "quote text that holds `: `"
    if indent := _uneven(error, lines, mark.line):
        reason, fix = indent
    if _UNQUOTED.search(written):
        fix = 'quote text that begins with { or holds ${...}: key: "${NAME}"'
    return Problem(file, mark.line + 1, mark.column + 1, "file", f"is not valid YAML: {reason}", fix)


def _uneven(error: yaml.MarkedYAMLError, lines: list[str], at: int) -> tuple[str, str] | None:
    """Return what to say of a line that begins neither where its neighbours do nor where something inside them would.

    None where the error lies within a line: what stands before it there is more likely the cause.
    """
    if at >= len(lines) or error.problem_mark is None or error.context_mark is None:
        return None
    indent = len(lines[at]) - len(lines[at].lstrip(" "))
    expected = error.context_mark.column
    before = next((line for line in reversed(lines[:at]) if line.strip() and not line.lstrip().startswith("#")), "")
    own = len(before) - len(before.lstrip(" "))
    in_block = "block mapping" in (error.context or "") or "block collection" in (error.context or "")
    if not in_block or error.problem_mark.column != indent or indent in (expected, own) or before.endswith(":"):
        return None
    return (
        f"this line begins {_spaces(indent)} in, and what it belongs to {_spaces(expected)}",
        f"move it to column {expected + 1}, or indent it below the line that holds it",
    )


def _spaces(number: int) -> str:
    return f"{number} space{'' if number == 1 else 's'}"
