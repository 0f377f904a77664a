"""Names in statements: which need their quotes, and which parts of them were made up at random."""

from __future__ import annotations

import re
from itertools import pairwise

MADE_UP = "xxxx"
"""What stands for a part of a name that is another one each time: a plain name, so that a shape stays a statement."""
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*\Z")
_HEX = re.compile(r"[0-9a-f]+\Z")
_LONG_HEX, _SHORT_HEX, _DIGITS, _MIXED = 8, 6, 6, 8
_TURNS = 4
"""Changes between letters and digits from which on a mixed part is no word: `utf8mb4` has three."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EVERYWHERE = _words(
    "all and as asc between both by case check collate column constraint create cross current_date current_time"
    " current_timestamp default delete desc distinct drop else exists false for foreign from grant group having in"
    " inner insert into is join leading left like limit natural not null on or order outer primary references right"
    " select set table then to trailing true union unique update using values when where with"
)
_POSTGRESQL = _words(
    "all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation"
    " column concurrently constraint create cross current_catalog current_date current_role current_schema current_time"
    " current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze"
    " from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like"
    " limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary"
    " references returning right select session_user similar some symmetric system_user table tablesample then to"
    " trailing true union unique user using variadic verbose when where window with"
)
_MYSQL = _EVERYWHERE | _words(
    "add alter analyze before bigint binary blob call cascade change char character condition continue convert cursor"
    " database databases dec decimal declare describe div double dual each elseif enclosed escaped exit explain float"
    " force fulltext if ignore index infile int integer interval iterate key keys kill leave lines linear load lock"
    " long loop match mod modifies optimize option optionally out outfile precision procedure purge range read reads"
    " real regexp release rename repeat replace require restrict return revoke rlike schema schemas sensitive separator"
    " show smallint spatial specific sql starting straight_join terminated tinyint trigger undo unlock unsigned usage"
    " use varbinary varchar varying while write xor zerofill"
)
_SQLITE = _EVERYWHERE | _words(
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
