"""What is at a path that anyone may have written: also of names that no file can have, which pathlib raises for."""

from __future__ import annotations

import os
from pathlib import Path


def is_file(path: Path) -> bool:
    """Tell whether a file is there; False also where the name is too long for one."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises OSError for ENAMETOOLONG


def is_folder(path: Path) -> bool:
    """Tell whether a folder is there; False also where the name is too long for one."""
    return os.path.isdir(path)  # noqa: PTH112 - as above


def exists(path: Path) -> bool:
    """Tell whether anything is there; False also where the name is too long for it."""
    return os.path.exists(path)  # noqa: PTH110 - as above
