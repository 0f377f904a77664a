"""The one place where text reaches a terminal: whatever a service, a stored run or a file said is cleaned here.

An escape sequence could recolour, retitle or overwrite a terminal, and a direction mark turn a line round. Rich's own
sequences are added after its text was cleaned, so they pass.
"""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perfproof.model.formatting import printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment


def open_page(page: Path) -> None:
    """Open an HTML page; where no browser can be started, say where the page lies."""
    try:
        done = (
            page.is_file() and (has_display() or "BROWSER" in os.environ) and webbrowser.open(page.absolute().as_uri())
        )
    except webbrowser.Error:
        done = False
    if not done:
        tell(f"no browser could be opened: the report is {page}")


def has_display() -> bool:
    """Tell whether a browser would have a place to show itself."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def say(text: str) -> None:
    """Print text (lines, ended by us) to stdout."""
    sys.stdout.write(printable(text) + "\n")


def tell(text: str) -> None:
    """Print text (lines, ended by us) to stderr."""
    sys.stderr.write(printable(text) + "\n")


def console(*, stderr: bool = False) -> Console:
    """Return a console for stdout or stderr: 80 columns when the width is unknown, no colour with ``NO_COLOR``."""
    from rich.console import Console

    class Cleaned(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                text, style, control = segment
                yield segment if control or text.isprintable() else type(segment)(printable(text), style)

    stream = sys.stderr if stderr else sys.stdout
    known = stream.isatty() or "COLUMNS" in os.environ
    settings: dict[str, Any] = {"stderr": stderr, "width": None if known else 80, "no_color": "NO_COLOR" in os.environ}
    return Cleaned(**settings, highlight=False)
