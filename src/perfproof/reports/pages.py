"""What every HTML page shares: the templates' environment, which escapes all text, and how texts are cut."""

from __future__ import annotations

from jinja2 import BaseLoader, ChoiceLoader, Environment, PackageLoader, StrictUndefined

from perfproof.model.metrics import ALL
from perfproof.reports import figures

LONG = 600


def environment(*more: BaseLoader) -> Environment:
    """Return an environment for the templates of this room and those of ``more`` loaders (which come first)."""
    made = Environment(
        loader=ChoiceLoader([*more, PackageLoader("perfproof.reports")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"plain": figures.plain, "long": long, "count": figures.count, "request": request, "moment": moment}
    return made


def long(text: str, limit: int = LONG) -> str:
    """Return a text made safe to show, at most ``limit`` long, whose numbers keep their units at a line's end."""
    return figures.unbroken(figures.plain(text, limit))


def request(name: str) -> str:
    """Return a request name as pages show it."""
    return "all requests" if name == ALL else figures.plain(name, 80)


def moment(text: str) -> str:
    """Return a UTC time without what nobody reads; other texts as they are."""
    for ending in ("+00:00", "Z"):
        if text.endswith(ending) and text[10:11] == "T":
            return f"{text[:10]} {text[11:16]} UTC"
    return figures.plain(text, 40)
