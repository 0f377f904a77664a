"""SQL without its literals: one pass over the characters, so that no value ever leaves the service's process.

It is careful rather than clever: whatever could be a literal becomes `` ? ``, comments become a space, and what is not
understood (a string that never ends) is dropped to the end. Stripping a stripped text again changes nothing.

Not readable from the text alone, hence assumed: PostgreSQL's ``standard_conforming_strings`` is on and MySQL's
``sql_mode`` lacks NO_BACKSLASH_ESCAPES (both the defaults).
"""

from __future__ import annotations

import re

POSTGRESQL, MYSQL, SQLITE = "postgresql", "mysql", "sqlite"
MARK = " ? "

_WORD = re.compile(r"[^\W\d][\w$]*")
_NUMBER = re.compile(r"(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?\w*")  # \w*: `0x1F`, `1st`, `5and`
_SPACE = re.compile(r"\s+")
_LINE = re.compile(r"[^\r\n]*")
_DOLLAR = re.compile(r"\$(?:[^\W\d]\w*)?\$")
_PLACEHOLDER = re.compile(r"\$\d+|%s|%\(\w*\)s|@[^\W\d]\w*")
_QUESTION = re.compile(r"\?\d*")
_NAMED = re.compile(r"[:$]\w+")
_SIMPLE_NAME = re.compile(r"[^\W\d][\w$]*\Z")
_STRING = re.compile(r"'(?:[^']+|'')*'?")
_ESCAPED_STRING = re.compile(r"'(?:[^'\\]+|\\.|'')*'?", re.DOTALL)
_ESCAPED_DOUBLE = re.compile(r'"(?:[^"\\]+|\\.|"")*"?', re.DOTALL)
_QUOTED = {'"': re.compile(r'"(?:[^"]|"")*"?'), "`": re.compile(r"`(?:[^`]|``)*`?"), "[": re.compile(r"\[[^\]]*\]?")}
_CLOSING = {'"': '"', "`": "`", "[": "]"}
_BEFORE_NAMES = frozenset(("add", "alter", "as", "column", "exists", "from", "index", "into"))
_BEFORE_NAMES |= frozenset(
    ("join", "recursive", "rename", "savepoint", "set", "table", "to", "trigger", "update", "view")
)


def strip(sql: str, dialect: str) -> str:
    """Return ``sql`` with every literal and placeholder as `` ? `` and without comments."""
    return _Scanner(sql, dialect).run()


class _Scanner:
    """The state of one pass: what was written, where we are, and what came before."""

    def __init__(self, sql: str, dialect: str) -> None:
        self.sql = sql
        self.dialect = dialect
        self.out: list[str] = []
        self.at = 0
        self.before = ""  # the last word (lower case), symbol, "?", "e?" (a string with escapes) or "name" (quoted)
        self.brackets = 0
        self.columns = 0  # 1 after `INTO name`, 2 inside the list of columns that may follow
        self.updating = False

    def run(self) -> str:
        """Walk over the whole text."""
        takers = (self._comment, self._quoted, self._placeholder, self._number, self._word)
        while self.at < len(self.sql):
            character = self.sql[self.at]
            if character.isspace():
                self._space(_SPACE)
            elif not any(take(character) for take in takers):
                self._symbol(character)
        return "".join(self.out)

    def _next(self, width: int = 1) -> str:
        return self.sql[self.at : self.at + width]

    def _emit(self, text: str, before: str) -> None:
        self.out.append(text)
        self.before = before

    def _space(self, pattern: re.Pattern[str]) -> bool:
        match = pattern.match(self.sql, self.at)
        self.at = match.end() if match else self.at + 1
        self.out.append(" ")
        return True

    def _mark(self, pattern: re.Pattern[str], before: str = "?") -> bool:
        match = pattern.match(self.sql, self.at)
        if match is None:
            return False
        self.at = match.end()
        self._emit(MARK, before)
        return True

    def _comment(self, character: str) -> bool:
        two = self._next(2)
        if two == "--" and (self.dialect != MYSQL or not self.sql[self.at + 2 : self.at + 3].strip()):
            return self._space(_LINE)
        if character == "#" and self.dialect == MYSQL:
            return self._space(_LINE)
        if two != "/*":
            return False
        depth = 0
        while self.at < len(self.sql):
            two = self._next(2)
            if two == "/*" and (depth == 0 or self.dialect == POSTGRESQL):  # comments nest in PostgreSQL alone
                depth, self.at = depth + 1, self.at + 2
            elif two == "*/":
                depth, self.at = depth - 1, self.at + 2
                if depth == 0:
                    break
            else:
                self.at += 1
        self.out.append(" ")
        return True

    def _quoted(self, character: str) -> bool:
        if character == "'":
            if self.before == "e?":  # PostgreSQL reads what follows an E'...' on the next line as part of it
                return self._mark(_ESCAPED_STRING, "e?")
            return self._mark(_ESCAPED_STRING if self.dialect == MYSQL else _STRING)
        if character == '"' and self.dialect == MYSQL:
            return self._mark(_ESCAPED_DOUBLE)
        if character == "$" and self.dialect == POSTGRESQL:
            return self._dollar_quoted()
        if character in '"`' or (character == "[" and self.dialect == SQLITE):
            return self._identifier(character)
        return False

    def _dollar_quoted(self) -> bool:
        tag = _DOLLAR.match(self.sql, self.at)
        if tag is None:
            return False
        close = self.sql.find(tag.group(), tag.end())
        self.at = close + len(tag.group()) if close >= 0 else len(self.sql)
        self._emit(MARK, "?")
        return True

    def _identifier(self, quote: str) -> bool:
        match = _QUOTED[quote].match(self.sql, self.at)
        text = match.group() if match else self.sql[self.at :]
        self.at += len(text)
        closed = len(text) > 1 and text[-1] == _CLOSING[quote]
        doubtful = quote == '"' and self.dialect == SQLITE  # SQLite reads an unknown "name" as the string 'name'
        if closed and (not doubtful or self._is_name(text[1:-1])):
            self._emit(text, "name")
        else:
            self._emit(MARK, "?")
        return True

    def _is_name(self, inner: str) -> bool:
        following = self.sql[self.at :].lstrip()[:2]
        if self.before == "." or following[:1] == ".":
            return True
        if not _SIMPLE_NAME.match(inner):
            return False
        if self.before in _BEFORE_NAMES or self.columns:
            return True
        return self.updating and self.before == "," and following[:1] == "=" and following != "=="

    def _placeholder(self, character: str) -> bool:
        if character == "?":
            return self._operator() or self._mark(_QUESTION)
        if character in "$%@" and self._mark(_PLACEHOLDER):
            return True
        named = character == ":" or (character == "$" and self.dialect != POSTGRESQL)
        return named and not self.brackets and self.before != ":" and self._mark(_NAMED)

    def _operator(self) -> bool:
        """Take PostgreSQL's JSON operators ``?|``, ``?&`` and ``@?``; a lone ``?`` looks like a placeholder."""
        if self.dialect != POSTGRESQL:
            return False
        wide = self._next(2) in ("?|", "?&") and self._next(3) != "?||"
        if not wide and not (self.before == "@" and self.out[-1] == "@"):
            return False
        text = self._next(2) if wide else "?"
        self.at += len(text)
        self._emit(text, text + "operator")
        return True

    def _number(self, character: str) -> bool:
        if character == "." and (self.before == "name" or self.before == ")" or self.before[-1:].isalnum()):
            return False
        return self._mark(_NUMBER) if character.isdigit() or character == "." else False

    def _word(self, _character: str) -> bool:
        match = _WORD.match(self.sql, self.at)
        if match is None:
            return False
        word, lower = match.group(), match.group().lower()
        self.at = match.end()
        if self._next() == "'" and (lower in ("e", "b", "x", "n") or (lower[0] == "_" and self.dialect == MYSQL)):
            return self._mark(_ESCAPED_STRING, "e?") if lower == "e" or self.dialect == MYSQL else self._mark(_STRING)
        if lower == "u" and self._next(2) == "&'":
            self.at += 1
            return self._mark(_STRING)
        self._emit(word, lower)
        self.updating = self.updating or lower == "update"
        if self.columns < 2:
            self.columns = int(lower == "into" or (self.columns == 1 and lower not in ("values", "select", "default")))
        return True

    def _symbol(self, character: str) -> None:
        if character == "(" and self.columns == 1:
            self.columns = 2
        elif character in ");":
            self.columns = 0
            self.updating = self.updating and character != ";"
        self.brackets = max(0, self.brackets + (character == "[") - (character == "]"))
        text = self._next(2) if self._next(2) in ("::", ":=", "%%", "@@") else character
        self.at += len(text)
        self._emit("%" if text == "%%" else text, text)
