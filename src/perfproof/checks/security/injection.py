"""Whether an input reaches SQL as SQL.

Four things tell it, the last of which nobody sees from outside: an error of the database in the answer; a server error
at one quote that two quotes do not bring up; an expression that is reckoned (``'ab'||'cd'`` answers as ``abcd`` does,
``6-1`` as 5); and a statement at the database that has our operator in it. Literals never are part of a statement's
fingerprint, so an operator there was read as SQL.

Each is held against likes that no database could take for SQL, and asked twice before it is told. Pure but for ``ask``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

_WORD = "pfq"
_NUMBERED = re.compile(r"\border by\b(?:(?!\blimit\b).)*, \?")


@dataclass(frozen=True)
class Reply:
    """An answer as far as it matters: whether it has words of a database, its hash, statements by their keys."""

    status: int = 0
    signature: str = ""
    told_sql: bool = False
    ms: float = 0.0
    statements: frozenset[str] | None = None


@dataclass
class Shown:
    """What an input showed: proofs in words (none: it holds), how much later the comment was answered, in ms.

    ``compared`` tells whether answers could be held against each other: a value was known that changes them.
    """

    proofs: list[str] = field(default_factory=list)
    lately_ms: float = 0.0
    compared: bool = False


@dataclass(frozen=True)
class _Form:
    """An expression that comes to the value where it is reckoned, and likes of it that come to something else.

    ``operator`` is how its fingerprint shows it.
    """

    told: str
    same: str
    others: tuple[str, ...]
    operator: str


Ask = Callable[[str], Reply]


def examine(ask: Ask, value: str, texts: Mapping[str, str], *, number: bool, text: bool, sorts: bool) -> Shown:
    """Return what an input shows. ``value`` is one that it takes ("" if none is known), ``texts`` are of statements."""
    shown = Shown()
    base = ask(value) if value else ask(_WORD)
    if not base.status:
        return shown
    again = ask(value or _WORD)
    plain = ask(_other(value, number=number))
    likes = [base, again, plain]
    _by_quotes(ask, value or ("1" if number else _WORD), likes, shown)
    steady = base.signature == again.signature and 200 <= base.status < 300
    shown.compared = bool(value) and steady and plain.signature != base.signature
    for form in _forms(value, number=number, text=text):
        _by_form(ask, form, likes, texts, shown)
    if text and base.statements is not None and not shown.proofs:
        _by_comment(ask, likes, texts, shown)
    if sorts and value and base.statements is not None and not shown.proofs:
        _by_order(ask, value, likes, texts, shown)
    return shown


def _other(value: str, *, number: bool) -> str:
    """Return a value like ``value`` that is another one."""
    if number and value.lstrip("-").isdigit():
        return str(int(value) + 1)
    return f"{value}{_WORD}"


def _by_quotes(ask: Ask, value: str, likes: list[Reply], shown: Shown) -> None:
    """See whether one quote fails where two and none do not, or brings up words of a database."""
    one = ask(f"{value}'")
    told = one.told_sql and not any(each.told_sql for each in likes)
    failed = _fails(one) and not any(map(_fails, likes))
    if not told and not failed:
        return
    two = ask(f"{value}''")
    again = ask(f"{value}'")
    if told and again.told_sql:
        shown.proofs.append(f"a quote is answered with an error of the database (status {one.status})")
    elif failed and _fails(again) and not _fails(two):
        told_one = f"is answered with status {one.status}" if one.status else "ends the connection without an answer"
        shown.proofs.append(f"a quote {told_one}, and two quotes are answered with {two.status}")


def _fails(reply: Reply) -> bool:
    """Tell whether the service fell over a request: servers without a net answer nothing at all."""
    return not 0 < reply.status < 500


def _forms(value: str, *, number: bool, text: bool) -> Iterator[_Form]:
    if number:
        known = int(value) if value.lstrip("-").isdigit() else 1
        if known >= 0:
            yield _Form(
                f"{known + 1}-1 is answered as {known} is",
                f"{known + 1}-1",
                (f"{known + 1}-2", f"{known + 1}!1"),
                " - ",
            )
    if text:
        word = value or _WORD
        at = len(word) // 2
        head, tail = word[:at], word[at:]
        others = (f"{head}'!!'{tail}", f"{word}'||'{_WORD}")
        yield _Form("text joined by || is answered as if written in one", f"{head}'||'{tail}", others, " || ")
        others = (f"{head}'!!'{tail}", f"{word}' '{_WORD}")  # MySQL joins texts that stand side by side
        yield _Form("texts side by side are answered as if written in one", f"{head}' '{tail}", others, "")


def _by_form(ask: Ask, form: _Form, likes: list[Reply], texts: Mapping[str, str], shown: Shown) -> None:
    """See whether an expression is reckoned: by its answer, or by the statement that it became."""
    if not shown.compared and (not form.operator or likes[0].statements is None):
        return  # neither answers nor statements could tell
    reply = ask(form.same)
    base = likes[0]
    if shown.compared and reply.signature == base.signature:
        others = [ask(each) for each in form.others]
        if all(each.signature != base.signature for each in others) and ask(form.same).signature == base.signature:
            shown.proofs.append(form.told)
    if form.operator and reply.statements is not None:
        most = max((_counted(form.operator, each, texts) for each in likes), default=0)
        for key in _new(ask, form.same, reply, likes):
            if texts.get(key, "").count(form.operator) > most:
                shown.proofs.append(_at_database(texts[key]))
                break


def _counted(operator: str, reply: Reply, texts: Mapping[str, str]) -> int:
    return max((texts.get(key, "").count(operator) for key in reply.statements or ()), default=0)


def _new(ask: Ask, sent: str, reply: Reply, likes: list[Reply]) -> list[str]:
    """Return the statements that only this probe ran, each time it was sent; every like is counted too."""
    usual = {key for each in likes for key in each.statements or ()}
    fresh = (reply.statements or frozenset()) - usual
    if not fresh or any(each.statements is None for each in likes):
        return []
    again = ask(sent)
    return sorted(fresh & (again.statements or frozenset()))


def _by_comment(ask: Ask, likes: list[Reply], texts: Mapping[str, str], shown: Shown) -> None:
    """See whether a comment cuts a statement short; the value before it is nobody's, so that no row is met."""
    sent = f"{_WORD}'-- {_WORD}"
    reply = ask(sent)
    usual = {texts.get(key, "") for each in likes for key in each.statements or ()}
    for key in _new(ask, sent, reply, likes):
        cut = texts.get(key, "")
        if cut and any(each.startswith(cut) and each != cut for each in usual):
            shown.proofs.append(f"the database runs `{cut[:200]}`, cut short by a comment that was sent")
            return
    slow = reply.ms - max(each.ms for each in likes)
    if slow > 0:
        pairs = [(ask(sent).ms, ask(_WORD).ms) for _ in range(2)] if slow > 200 else []
        shown.lately_ms = min([slow, *(late - usual_ms for late, usual_ms in pairs)]) if pairs else 0.0


def _by_order(ask: Ask, value: str, likes: list[Reply], texts: Mapping[str, str], shown: Shown) -> None:
    """See whether what rows are put in order by takes a second, numbered column: only SQL has that."""
    sent = f"{value},1"
    reply = ask(sent)
    usual = [texts.get(key, "") for each in likes for key in each.statements or ()]
    for key in _new(ask, sent, reply, likes):
        text = texts.get(key, "")
        if _NUMBERED.search(text) and not any(map(_NUMBERED.search, usual)):
            shown.proofs.append(_at_database(text))
            return


def _at_database(text: str) -> str:
    return f"the database runs `{text[:300]}`: what was sent became part of the statement"
