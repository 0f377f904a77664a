"""How ``{name}`` is written: what scenario files are checked for and the load process fills must be the same.

A placeholder is a name, a column of a feed (``{users.email}``, ``{users.user-email}``) or a built-in; ``{{name}}``
stands for the literal ``{name}``. Every other brace is itself, so raw JSON bodies need no escaping.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

IDENTIFIER = r"[A-Za-z_]\w*"
BUILT_INS = ("uuid", "sequence", "now")
"""Names that are filled for each request anew, unless the scenario gives them a meaning of its own."""

WEBHOOK = "webhook"
"""The placeholder of the address that webhooks are to be delivered to."""
NOWHERE = "http://127.0.0.1:9/perfproof-webhook"
"""What it is filled with where nothing listens for them: connections are refused at once."""

COLUMN = r"\w(?:[\w -]*\w)?"
"""How a column is written: header lines are made by other programs, so more is allowed than in names of our own."""

_WHAT = rf"{IDENTIFIER}(?:\.{COLUMN})?|random_int\(\s*-?\d{{1,18}}\s*,\s*-?\d{{1,18}}\s*\)"
PLACEHOLDER = re.compile(rf"\{{\{{({_WHAT})\}}\}}|\{{({_WHAT})\}}")
"""Group 1 is the content of a literal (double braces), group 2 that of a placeholder."""

_RANDOM_INT = re.compile(r"random_int\(\s*(-?\d+)\s*,\s*(-?\d+)\s*\)")


def placeholders(text: str) -> Iterator[str]:
    """Yield what stands in the placeholders of a text, in order."""
    return (match.group(2) for match in PLACEHOLDER.finditer(text) if match.group(2) is not None)


def unnamed_columns(text: str, known: Collection[str]) -> Iterator[str]:
    """Yield what stands in braces as if it were a column of a feed, and is written in a way that no placeholder is.

    ``known`` names the columns there are, with their feed.
    """
    feeds = sorted({name.partition(".")[0] for name in known if "." in name})
    for feed in feeds:
        for match in re.finditer(rf"(?<!\{{)\{{({re.escape(feed)}\.[^{{}}\n]*)\}}", text):
            if not PLACEHOLDER.fullmatch(match.group(0)):
                yield match.group(1)


def literal(text: str) -> str:
    """Return a template that is filled to exactly ``text``, whatever braces it holds."""
    return PLACEHOLDER.sub(lambda match: "{" + match.group(0) + "}" if match.group(2) else match.group(0), text)


def random_range(name: str) -> tuple[int, int] | None:
    """Return the bounds of ``random_int(1,100)``, both included; None if the placeholder is something else."""
    match = _RANDOM_INT.fullmatch(name)
    return (int(match.group(1)), int(match.group(2))) if match else None
