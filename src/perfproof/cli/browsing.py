"""``--open``: a report in the browser, where there is one."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path

from perfproof.cli.printing import tell


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
