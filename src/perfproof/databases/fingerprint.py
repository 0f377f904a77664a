"""From the text of a statement to its shape: the same key from every source, driver and server version.

Three steps: the agent's scanner takes every literal out (one scanner for all sources, so that none can leak here and
not there), sqlglot's tokenizer cuts what is left into words and symbols, and the rules below fold what differs between
sources and drivers without meaning anything: case, quotes around plain names, the length of lists and chains, casts of
values, and the parts of names that are made up at random.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from sqlglot.dialects.dialect import Dialect as SqlglotDialect
from sqlglot.errors import SqlglotError

from perfproof.agent.inject.perfproof_agent.scanner import strip
from perfproof.model.queries import Statement, StatementKind


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


Dialect = Literal["postgresql", "mysql", "sqlite"]

CACHED_TEXTS = 4096
LONGEST_TEXT = 100_000
KEY_DIGITS = 12
_TOKENIZERS = {"postgresql": "postgres", "mysql": "mysql", "sqlite": "sqlite"}
_TRANSACTION = _words("begin start commit rollback savepoint release end abort xa")
_OTHER = _words("set show discard deallocate reset listen unlisten use pragma prepare close attach detach ping")
_HOUSEKEEPING = frozenset(("select pg_advisory_unlock_all()",))  # asyncpg's pool, each time a connection comes back
_QUOTING = re.compile(r"select quote\(\?\)(?:, quote\(\?\))*\Z")
"""How Django, in debug mode, asks SQLite for the text of each statement that it remembers."""
_VARIABLES = re.compile(r"select @@ ?[\w.]+(?: as \w+)?(?:, @@ ?[\w.]+(?: as \w+)?)*(?: limit \?)?\Z")
"""How drivers of MySQL ask for the server's variables when they connect: SHOW in another form."""
_SETTING = re.compile(r"select (?:(?:pg_catalog\.)?set_config\([^()]*\)(?: as \w+)?(?:, )?)+\Z")
"""SET as a function: how Django and others set up each new connection to PostgreSQL."""
_PIECE = re.compile(r'"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[^\W\d][\w$]*|\?|[(),;.\[\]]|[^\w\s(),;.\[\]?"`]+|\S')
_STATEMENT = re.compile(r'(?:"(?:[^"]|"")*"|`(?:[^`]|``)*`|[^;])+')
_ALONE = frozenset("(),;.[]?")
_CONSTANTS = frozenset(("null", "true", "false"))
_UNARY_AFTER = _words(
    "select where and or not in between like ilike limit offset then else when case on by having values set "
    "return returning distinct all any div mod interval is from"
)


def fingerprints(sql: str, dialect: Dialect) -> tuple[Statement, ...]:
    """Return the statements in ``sql``, in order: one, or several where the text holds several separated by ``;``."""
    if len(sql) <= LONGEST_TEXT:
        return _cached(sql, dialect)
    return _fingerprints(sql[:LONGEST_TEXT], dialect)  # the shape is known by then; the rest is a list of values


def fingerprint(sql: str, dialect: Dialect) -> Statement:
    """Return the one statement in ``sql`` (several are joined to one); empty text is an empty statement."""
    found = fingerprints(sql, dialect)
    return found[0] if len(found) == 1 else make_statement("; ".join(each.text for each in found))


def make_statement(text: str) -> Statement:
    """Return the statement whose normalised text is ``text``."""
    return Statement(hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:KEY_DIGITS], text, kind_of(text))


def kind_of(text: str) -> StatementKind:
    """Tell what a normalised statement is for, by its first words."""
    first = text.partition(" ")[0]
    if first in _TRANSACTION or text.startswith(("set transaction", "prepare transaction")):
        return "transaction"
    known = first in _OTHER or text in _HOUSEKEEPING
    asked = any(form.match(text) for form in (_QUOTING, _VARIABLES, _SETTING))
    return "other" if known or asked else "query"


@lru_cache(maxsize=CACHED_TEXTS)
def _cached(sql: str, dialect: Dialect) -> tuple[Statement, ...]:
    return _fingerprints(sql, dialect)


def _fingerprints(sql: str, dialect: Dialect) -> tuple[Statement, ...]:
    statements = (_pieces(part, dialect) for part in _STATEMENT.findall(strip(sql, dialect)))
    folded = (_fold([_folded(piece, dialect) for piece in pieces]) for pieces in statements if pieces)
    return tuple(make_statement(_written(_anonymous(fold_chains(words)))) for words in folded)


def _pieces(stripped: str, dialect: Dialect) -> list[str]:
    """Cut a statement without literals into words and symbols; what sqlglot refuses is cut by a plain pattern.

    The bracket in front keeps sqlglot from taking the rest of FETCH, DECLARE and others as one string.
    """
    text = f"({stripped}"
    try:
        tokens = SqlglotDialect.get_or_raise(_TOKENIZERS[dialect]).tokenize(text)[1:]
    except SqlglotError:
        return _PIECE.findall(stripped)
    pieces: list[str] = []
    end = -1
    for token in tokens:
        piece = text[token.start : token.end + 1]
        # The known multi-word keywords and operators change with sqlglot's version; the key must not.
        if pieces and token.start == end + 1 and _is_operator(piece) and _is_operator(pieces[-1]):
            pieces[-1] += piece
        else:
            pieces.extend(piece.split() if piece[:1] not in '"`[' else [piece])
        end = token.end
    return pieces


def _anonymous(words: list[str]) -> list[str]:
    """Replace the name of a savepoint, cursor or prepared statement, which drivers make up anew each time."""
    name = {"savepoint": 1, "declare": 1, "prepare": 1, "deallocate": 1, "close": 1}.get(words[0])
    if words[0] in ("release", "rollback", "fetch", "move"):
        name = len(words) - 1 if len(words) > 2 or words[0] == "release" else None
    if name is not None and name < len(words) and words[1:2] != ["transaction"]:
        words[name] = "?"
    return words


def _is_operator(text: str) -> bool:
    return not (text in _ALONE or text[0].isalnum() or text[0] in '_"`[' or text[0].isspace())


def _folded(piece: str, dialect: Dialect) -> str:
    """Fold case, and the quotes around names that need none (MySQL's digests quote every name)."""
    if piece[0] == "`" or (piece[0] == "[" and len(piece) > 1):
        piece = f'"{piece[1:-1].lower()}"'
    elif dialect == "sqlite" and piece[0] == '"':
        piece = piece.lower()
    if piece[0] == '"':
        inner = piece[1:-1]
        return piece if needs_quotes(inner, dialect) else settled(inner)
    return "<>" if piece == "!=" else settled(piece.lower())


def _fold(words: list[str]) -> list[str]:
    out: list[str] = []
    opened: list[int] = []
    for word in _values(words):
        if word in (")", "]") and opened:
            _close(out, opened.pop(), word)
            continue
        if word in ("(", "["):
            opened.append(len(out))
        out.append(word)
        _fold_tail(out)
    while opened:  # a text that was cut off within a list
        start = opened.pop()
        out[start + 1 :] = _distinct(out[start + 1 :])
    return out


def _values(words: list[str]) -> Iterator[str]:
    """Yield the words with constants, casts and signs of values folded into the ``?``."""
    at, before = 0, ""
    while at < len(words):
        word = words[at]
        following = words[at + 1] if at + 1 < len(words) else ""
        if word in _CONSTANTS and before not in ("is", "not", "set", ".") and following != ".":
            word = "?"
        if word in ("-", "+") and following == "?" and _expects_value(before):
            at += 1
            continue
        if word == "::" and before == "?":
            at = _after_type(words, at + 1)
            continue
        if word == "..." or (word == "." and words[at : at + 3] == [".", ".", "."]):  # MySQL's digests: `IN (...)`
            at += 1 if word == "..." else 3
            word = "?"
            yield word
            before = word
            continue
        if not (word == "?" and before == "?"):
            yield word
        before = word
        at += 1


def _expects_value(before: str) -> bool:
    if before in ("", "?"):
        return before == ""
    return before in _UNARY_AFTER or (_is_operator(before) or before in "([,")


def _after_type(words: list[str], at: int) -> int:
    """Return the index behind the type name that starts at ``at``: ``schema.name(10, 2)[]``, ``double precision``."""
    count = 0
    while at < len(words):
        word = words[at]
        if count and word == ".":
            at, count = at + 1, 0
        elif word == "(" and count:
            while at < len(words) and words[at] != ")":
                at += 1
            at += 1
        elif word == "[" and count:
            at += 2 if words[at + 1 : at + 2] == ["]"] else 3
        elif count == 0 or (
            word in ("precision", "varying", "with", "without", "time", "zone") and _continues(words, at)
        ):
            at, count = at + 1, count + 1
        else:
            break
    return at


def _continues(words: list[str], at: int) -> bool:
    """Tell whether the word at ``at`` belongs to a type name such as ``timestamp with time zone``."""
    two = words[at - 1 : at + 1]
    return (
        two in (["double", "precision"], ["character", "varying"], ["bit", "varying"], ["time", "zone"])
        or (two[-1] in ("with", "without") and words[at + 1 : at + 3] == ["time", "zone"])
        or (two[-1] == "time" and two[0] in ("with", "without"))
    )


def _close(out: list[str], start: int, bracket: str) -> None:
    """Fold the list that ``bracket`` ends: ``(?, ?)`` to ``(?)``, and within IN and VALUES every item once."""
    inside = out[start + 1 :]
    before = out[start - 1] if start else ""
    if bracket == "]" and before == "array" and set(inside) <= {"?", ","}:
        out[start - 1 :] = ["?"]  # ARRAY[1, 2] is what psycopg2 makes of a parameter
        return
    if set(inside) <= {"?", ",", "(", ")"} or before == "in":
        inside = _distinct(inside)
    out[start + 1 :] = [*inside, bracket]
    _fold_tail(out)


def _fold_tail(out: list[str]) -> None:
    """Fold what only shows once its end is written: ``VALUES (..), (..)`` and ``IN ?``."""
    if out[-1] == ")":
        start = _opening(out, len(out) - 1)
        if start >= 3 and out[start - 1] == "," and out[start - 2] == ")":
            previous = _opening(out, start - 2)
            if out[previous : start - 1] == out[start:] and out[start:].count("?") and _in_rows(out, previous):
                del out[start - 1 :]
    elif out[-1] == "?" and len(out) > 1 and out[-2] == "in":
        out[-1:] = ["(", "?", ")"]


def _in_rows(out: list[str], start: int) -> bool:
    """Tell whether the group that opens at ``start`` is a row of a VALUES list (a first row or a later one)."""
    while start > 1 and out[start - 1] == "," and out[start - 2] == ")":
        start = _opening(out, start - 2)
    return start > 0 and out[start - 1] in ("values", "value")


def _opening(out: list[str], close: int) -> int:
    depth = 0
    for at in range(close, -1, -1):
        depth += (out[at] == ")") - (out[at] == "(")
        if depth == 0:
            return at
    return 0


def _distinct(inside: list[str]) -> list[str]:
    """Keep the first of each item of a comma-separated list."""
    items: list[list[str]] = [[]]
    depth = 0
    for word in inside:
        depth += (word in ("(", "[")) - (word in (")", "]"))
        if word == "," and depth == 0:
            items.append([])
        else:
            items[-1].append(word)
    kept: list[list[str]] = []
    for item in items:
        if item and item not in kept:
            kept.append(item)
    return [word for index, item in enumerate(kept) for word in ([",", *item] if index else item)]


def _written(words: list[str]) -> str:
    """Join words to one line that people can read."""
    text = ""
    before = ""
    for word in words:
        tight = not text or word in (",", ")", "]", ".", "[", "::") or before in ("(", "[", ".", "::")
        call = word == "(" and (before not in _SPACED and _is_name(before))
        text += word if tight or call else f" {word}"
        before = word
    return text


_SPACED = _words(
    "in values value and or not where on from select join exists any all some as using over into set by having "
    "when then else between like union except intersect with is limit offset returning filter within"
)


def _is_name(word: str) -> bool:
    return bool(word) and (word[0].isalpha() or word[0] in '_"')


LONGEST_LINK = 400
"""Words of one link; longer ones are left as they are."""
_BEFORE_OR = frozenset(("where", "(", "on", "having", "or", "when", "not"))
_AFTER_OR = frozenset(("or", ")", "order", "group", "limit", "having", "returning", "for", "union", "then", "end", ""))
_AFTER_UNION = frozenset(("union", ")", "order", "limit", ""))
_AFTER_WHEN = frozenset(("when", "else", "end", ""))


def fold_chains(words: Sequence[str]) -> list[str]:
    """Return ``words`` with every chain of equal links as one link."""
    if not {"or", "union", "when"}.intersection(words):
        return list(words)
    out: list[str] = []
    at = 0
    while at < len(words):
        word = words[at]
        skipped = 0
        if word == "or":
            skipped = _link(out, words, at + 1, _AFTER_OR, _BEFORE_OR) + 1
        elif word == "union":
            lead = 2 if words[at + 1 : at + 2] == ["all"] else 1
            skipped = _link(out, words, at + lead, _AFTER_UNION, None) + lead
        elif word == "when":
            skipped = _link(out, words, at, _AFTER_WHEN, None)
        if skipped > (2 if word == "union" else 1):
            at += skipped
        else:
            out.append(word)
            at += 1
    return out


def _link(
    out: list[str], words: Sequence[str], start: int, after: frozenset[str], before: frozenset[str] | None
) -> int:
    """Return how many words from ``start`` on repeat the end of ``out`` as a whole link; 0 if they do not."""
    first = words[start] if start < len(words) else ""
    for length in range(1, min(len(out), LONGEST_LINK, len(words) - start) + 1):
        if out[-length] != first:
            continue
        if before is not None and length < len(out) and out[-length - 1] not in before:
            continue
        following = words[start + length] if start + length < len(words) else ""
        link = out[-length:]
        if following in after and link == list(words[start : start + length]) and _closed(link):
            return length
    return 0


def _closed(link: Sequence[str]) -> bool:
    depth = 0
    for word in link:
        depth += (word == "(") - (word == ")")
        if depth < 0:
            return False
    return depth == 0


MADE_UP = "xxxx"
"""What stands for a part of a name that is another one each time: a plain name, so that a shape stays a statement."""
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*\Z")
_HEX = re.compile(r"[0-9a-f]+\Z")
_LONG_HEX, _SHORT_HEX, _DIGITS, _MIXED = 8, 6, 6, 8
_TURNS = 4
"""Changes between letters and digits from which on a mixed part is no word: `utf8mb4` has three."""


def _naming_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EVERYWHERE = _naming_words(
    "all and as asc between both by case check collate column constraint create cross current_date current_time"
    " current_timestamp default delete desc distinct drop else exists false for foreign from grant group having in"
    " inner insert into is join leading left like limit natural not null on or order outer primary references right"
    " select set table then to trailing true union unique update using values when where with"
)
_POSTGRESQL = _naming_words(
    "all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation"
    " column concurrently constraint create cross current_catalog current_date current_role current_schema current_time"
    " current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze"
    " from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like"
    " limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary"
    " references returning right select session_user similar some symmetric system_user table tablesample then to"
    " trailing true union unique user using variadic verbose when where window with"
)
_MYSQL = _EVERYWHERE | _naming_words(
    "add alter analyze before bigint binary blob call cascade change char character condition continue convert cursor"
    " database databases dec decimal declare describe div double dual each elseif enclosed escaped exit explain float"
    " force fulltext if ignore index infile int integer interval iterate key keys kill leave lines linear load lock"
    " long loop match mod modifies optimize option optionally out outfile precision procedure purge range read reads"
    " real regexp release rename repeat replace require restrict return revoke rlike schema schemas sensitive separator"
    " show smallint spatial specific sql starting straight_join terminated tinyint trigger undo unlock unsigned usage"
    " use varbinary varchar varying while write xor zerofill"
)
_SQLITE = _EVERYWHERE | _naming_words(
    "add alter autoincrement commit deferrable escape except intersect isnull notnull returning transaction"
)
_RESERVED = {"postgresql": _POSTGRESQL, "mysql": _MYSQL, "sqlite": _SQLITE}
"""Words that no source and no program can write as a name without quotes. MySQL's digests quote every name, and what
is reserved in some of its versions only would be one statement in one and another in the other."""


def needs_quotes(name: str, dialect: str) -> bool:
    """Tell whether a folded name means something else without its quotes."""
    return not _PLAIN.match(name) or name in _RESERVED[dialect]


def settled(name: str) -> str:
    """Return a plain name with the parts that were made up at random (``loading_3f2a9c41``) replaced."""
    if not any(character.isdigit() for character in name):
        return name
    return "_".join(MADE_UP if _made_up(part) else part for part in name.split("_"))


def _made_up(part: str) -> bool:
    digits = sum(character.isdigit() for character in part)
    if digits == len(part):
        return digits >= _DIGITS
    if _HEX.match(part):
        return digits > 0 and (len(part) >= _LONG_HEX or (len(part) >= _SHORT_HEX and digits > 1))
    turns = sum(one.isdigit() != two.isdigit() for one, two in pairwise(part))
    return len(part) >= _MIXED and turns >= _TURNS
