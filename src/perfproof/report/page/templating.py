"""What every HTML page shares: the templates' environment, which escapes all text, and how texts are cut."""

from __future__ import annotations

import re
from functools import cache

from jinja2 import BaseLoader, ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from perfproof.model import formatting
from perfproof.why.report import request_name

LONG = 600
MOST_UNBROKEN = 18
"""Letters in a row that a line never breaks within; English words are hardly longer."""
_LONG_WORD = re.compile(rf"\S{{{MOST_UNBROKEN + 1},}}")
_TYPED = re.compile(r"(?<![\w`])`([^`]{1,120})`(?![\w`])")
_JOINTS = re.compile(r"(?<=[/_.:?&=,;{}()-])(?=[^/_.:?&=,;{}()-])")


@cache
def environment(*more: BaseLoader) -> Environment:
    """Return an environment for the templates of this room and those of ``more`` loaders (which come first).

    It is kept, and keeps its templates: compiling one costs more than filling it.
    """
    made = Environment(
        loader=ChoiceLoader([*more, PackageLoader("perfproof.report"), PackageLoader("perfproof.why")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "plain": formatting.plain,
        "long": long,
        "count": formatting.count,
        "request": request_name,
        "moment": moment,
    }
    made.filters |= {"soft": soft, "place": place}
    return made


def long(text: str, limit: int = LONG) -> Markup:
    """Return a text made safe to show, at most ``limit`` long, whose numbers keep their units at a line's end.

    What stands between backticks, as a terminal shows what is typed, is set as code.
    """
    whole = formatting.unbroken(formatting.plain(text, limit))
    pieces = _TYPED.split(whole)  # every second one was between backticks
    return Markup("").join(Markup("<code>{}</code>").format(each) if at % 2 else each for at, each in enumerate(pieces))


def soft(text: str) -> Markup:
    """Return a text that may break at the joints of its long words, and else only between words.

    For table cells, which shrink to their longest word: letting them break anywhere tore words ("connec-tions"), and
    forbidding it made the table as wide as an address.
    """
    parts, last = [], 0
    for found in _LONG_WORD.finditer(text):
        parts.append(escape(text[last : found.start()]))
        pieces = [
            escape(joint[at : at + MOST_UNBROKEN])
            for joint in _JOINTS.split(found.group())
            for at in range(0, len(joint), MOST_UNBROKEN)
        ]
        parts.append(Markup("<wbr>").join(pieces))
        last = found.end()
    return Markup("").join([*parts, escape(text[last:])])


def place(fraction: float) -> str:
    """Return a fraction as a length of a style: ``12.5%``."""
    return f"{100 * fraction:.4g}%"


def moment(text: str) -> str:
    """Return a UTC time without what nobody reads; other texts as they are."""
    for ending in ("+00:00", "Z"):
        if text.endswith(ending) and text[10:11] == "T":
            return f"{text[:10]} {text[11:16]} UTC"
    return formatting.plain(text, 40)
