"""Chains whose length is that of a list: ``a = ? or a = ?``, ``when ? then ? when ? then ?``, ``… union all …``.

Like ``in (?)``, they are one shape however long the list is; else each length would be another statement, and a
statement that takes a whole list at once would look like one that is new at each size.
"""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_LINK = 400
"""Words of one link; longer ones are left as they are."""
_BEFORE_OR = frozenset(("where", "(", "on", "having", "or", "when", "not"))
_AFTER_OR = frozenset(("or", ")", "order", "group", "limit", "having", "returning", "for", "union", "then", "end", ""))
_AFTER_UNION = frozenset(("union", ")", "order", "limit", ""))
_AFTER_WHEN = frozenset(("when", "else", "end", ""))


def folded(words: Sequence[str]) -> list[str]:
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
