"""Are two pages the same, apart from what changes with each answer or each session? Line by line, by their words.

Pages hold a token against forged requests, a nonce, a time: what differs between two answers of one version says
nothing of another version, and is left out of the comparison. (By bytes alone, no page of a framework that puts such a
token into each could be compared at all.) Texts are never quoted: a page may hold anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from perfproof.core.numbers import count_of

_CLOCK = (
    rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?|\d{1,2}:\d\d(?::\d\d)?(?:\.\d+)?(?!\w)"
)
_PIECE = re.compile(_CLOCK + rb"|[\w+/%.~\x80-\xff-]+(?:==?(?!\w))?|\s+|[^\w\s]")
_TIME = re.compile(_CLOCK + rb"|20\d{12}|1[5-9]\d{8}(?:\d{3})?")
"""A time of day, also as seconds or milliseconds since 1970 or as digits alone."""
_MEASURED = re.compile(rb"\d+\.\d+(?:ms|s)?")
_RANDOM = re.compile(rb"(?=.*\d)[0-9a-f]{16,}|(?=.*\d)(?=.*[A-Za-z])[\w+/=%.~-]{20,}", re.IGNORECASE)
_NAMED = re.compile(rb"nonce|csrf|token|session|request.?id|type=.?hidden", re.IGNORECASE)
_SHORT = re.compile(rb"[\w+/=%.~-]{6,}")
"""What a word may be where its line says that it is a token, or a value that nobody sees."""
MOST_LINES = 3
"""Lines that are told, of as many as there are."""


@dataclass(frozen=True)
class TextsCompared:
    """``unlike`` says where two versions answer differently ("" where they do not), ``moving`` what was left out."""

    unlike: str = ""
    moving: str = ""


@dataclass(frozen=True)
class _Line:
    """What moves in a line: the words at ``places``, or all but ``first`` words before and ``last`` words after."""

    places: frozenset[int] = frozenset()
    first: int | None = None
    last: int | None = None


def is_text(body: bytes) -> bool:
    """Tell whether a body is text."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in body


def compare_texts(before: Sequence[bytes], after: Sequence[bytes]) -> TextsCompared | None:
    """Hold the last answer of each version against the other's; the answers before it tell what moves by itself.

    None where the answers of one version have so little in common that nothing can be said.
    """
    if not all(is_text(body) for body in (*before, *after)):
        return None
    sides = [[body.split(b"\n") for body in bodies] for bodies in (before, after)]
    moving: dict[int, list[_Line]] = {}
    for side in sides:
        for other in side[:-1]:
            if len(other) != len(side[-1]):
                return None
            for at, line in _moves(other, side[-1]):
                moving.setdefault(at, []).append(line)
    one, two = sides[0][-1], sides[1][-1]
    if _nothing_left(one, moving) or _nothing_left(two, moving):
        return None
    if len(one) != len(two):
        first = next((at for at, pair in enumerate(zip(one, two, strict=False)) if pair[0] != pair[1]), len(one)) + 1
        told = f"{count_of(len(one), 'line')} → {count_of(len(two), 'line')}, from line {first} on at the latest"
        return TextsCompared(told, _lines(sorted(moving)))
    unlike: list[int] = []
    for at, (left, right) in enumerate(zip(one, two, strict=True)):
        if left == right:
            continue
        alike, drawn = _alike(left, right, moving.get(at, ()))
        if not alike:
            unlike.append(at)
        elif drawn:
            moving.setdefault(at, [])
    return TextsCompared(_lines(unlike) and f"{_lines(unlike)} of {len(one)}", _lines(sorted(moving)))


def _moves(one: Sequence[bytes], two: Sequence[bytes]) -> Iterator[tuple[int, _Line]]:
    """Yield what differs between two answers of one version, with the line."""
    for at, (left, right) in enumerate(zip(one, two, strict=True)):
        if left == right:
            continue
        words, others = _PIECE.findall(left), _PIECE.findall(right)
        if len(words) == len(others):
            yield (
                at,
                _Line(frozenset(n for n, pair in enumerate(zip(words, others, strict=True)) if pair[0] != pair[1])),
            )
        else:
            first = _shared(words, others)
            short = min(len(words), len(others)) - first
            yield at, _Line(first=first, last=min(short, _shared(words[::-1], others[::-1])))


def _shared(one: Sequence[bytes], two: Sequence[bytes]) -> int:
    """Return how many words two lists begin with alike."""
    pairs = zip(one, two, strict=False)
    return next((n for n, pair in enumerate(pairs) if pair[0] != pair[1]), min(len(one), len(two)))


def _nothing_left(lines: Sequence[bytes], moving: dict[int, list[_Line]]) -> bool:
    """Tell whether less than half of a page stays when what moves is left out."""
    whole = sum(map(len, lines))
    gone = 0
    for at, found in moving.items():
        if at >= len(lines):
            continue
        words = _PIECE.findall(lines[at])
        kept = set(range(len(words)))
        for line in found:
            kept -= line.places
            if line.first is not None and line.last is not None:
                kept -= set(range(line.first, len(words) - line.last))
        gone += len(lines[at]) - sum(len(words[n]) for n in kept)
    return gone * 2 > whole


def _alike(left: bytes, right: bytes, moving: Sequence[_Line]) -> tuple[bool, bool]:
    """Tell whether two lines are alike but for what moves, and whether values drawn at random are what differs."""
    words, others = _PIECE.findall(left), _PIECE.findall(right)
    spans = [(line.first, line.last) for line in moving if line.first is not None and line.last is not None]
    places = frozenset[int]().union(*(line.places for line in moving))
    if spans:
        first, last = min(span[0] for span in spans), min(span[1] for span in spans)
        words, others = ([*each[:first], *each[len(each) - last :]] for each in (words, others))
        places = frozenset(n for n in places if n < first)
    if len(words) != len(others):
        return False, False
    drawn = False
    for at, (one, two) in enumerate(zip(words, others, strict=True)):
        if one == two or at in places:
            continue
        # A line that tells how long something took tells so in several places, and not all of them move each time.
        if not (_both_drawn(one, two, left) or (moving and all(map(_MEASURED.fullmatch, (one, two))))):
            return False, False
        drawn = True
    return True, drawn


def _both_drawn(one: bytes, two: bytes, line: bytes) -> bool:
    """Tell whether two words are of their moment or look drawn at random, as what belongs to a session does."""
    if all(map(_TIME.fullmatch, (one, two))):
        return True
    if len(one) == len(two) and sum(a == b for a, b in zip(one, two, strict=True)) * 2 > len(one):
        return False  # what is drawn anew has next to nothing in common with what was drawn before
    if all(map(_RANDOM.fullmatch, (one, two))):
        return True
    both = (one + two).decode(errors="replace")
    mixed = any(map(str.isdigit, both)) and any(map(str.isalpha, both))
    short = _NAMED.search(line) is not None and mixed and len(one) == len(two)
    return short and all(map(_SHORT.fullmatch, (one, two)))


def _lines(places: Sequence[int]) -> str:
    """Return lines in words, the first being line 1."""
    shown = [str(at + 1) for at in places[:MOST_LINES]]
    if not shown:
        return ""
    more = len(places) - len(shown)
    word = "line" if len(places) == 1 else "lines"
    if more:
        return f"{word} {', '.join(shown)} and {more} more"
    return f"{word} {', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else f"{word} {shown[0]}"
