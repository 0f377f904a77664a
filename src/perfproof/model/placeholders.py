"""How ``{name}`` is written: what scenario files are checked for and the load process fills must be the same.

A placeholder is a name, a column of a feed (``{users.email}``) or a built-in; ``{{name}}`` stands for the literal
``{name}``. Every other brace is itself, so raw JSON bodies need no escaping.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

IDENTIFIER = r"[A-Za-z_]\w*"
BUILT_INS = ("uuid", "sequence", "now")
"""Names that are filled for each request anew, unless the scenario gives them a meaning of its own."""

_WHAT = rf"{IDENTIFIER}(?:\.{IDENTIFIER})?|random_int\(\s*-?\d{{1,18}}\s*,\s*-?\d{{1,18}}\s*\)"
PLACEHOLDER = re.compile(rf"\{{\{{({_WHAT})\}}\}}|\{{({_WHAT})\}}")
"""Group 1 is the content of a literal (double braces), group 2 that of a placeholder."""

_RANDOM_INT = re.compile(r"random_int\(\s*(-?\d+)\s*,\s*(-?\d+)\s*\)")


def placeholders(text: str) -> Iterator[str]:
    """Yield what stands in the placeholders of a text, in order."""
    return (match.group(2) for match in PLACEHOLDER.finditer(text) if match.group(2) is not None)


def literal(text: str) -> str:
    """Return a template that is filled to exactly ``text``, whatever braces it holds."""
    return PLACEHOLDER.sub(lambda match: "{" + match.group(0) + "}" if match.group(2) else match.group(0), text)


def random_range(name: str) -> tuple[int, int] | None:
    """Return the bounds of ``random_int(1,100)``, both included; None if the placeholder is something else."""
    match = _RANDOM_INT.fullmatch(name)
    return (int(match.group(1)), int(match.group(2))) if match else None
