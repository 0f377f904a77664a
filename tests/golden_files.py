"""Output that was agreed on, kept in a folder ``golden`` beside the tests that hold it."""

from __future__ import annotations

import os
from pathlib import Path


def agreed(text: str, file: Path) -> None:
    """Compare to the letter; set PERFPROOF_UPDATE_GOLDEN=1 to accept a change after looking at it."""
    if os.environ.get("PERFPROOF_UPDATE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
