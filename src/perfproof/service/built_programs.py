"""Which program each version runs, where it is one of its own: two versions that were built alike are no comparison.

Compilers keep what they built, and a folder that both versions build into (``CARGO_TARGET_DIR``, a cache that goes by
times) hands the one's program to the other without a word.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from pathlib import Path

from perfproof.model.scenario import Arm

_NATIVE = b"\x7fELF"


def built_program(arm: Arm) -> Path | None:
    """Return the native program that the arm's command names and that its own ``build`` or ``prepare`` may have made.

    None for interpreters, for programs of the system, and where nothing is built.
    """
    service = arm.service
    if service.command is None or not (service.build or service.prepare):
        return None
    try:
        words = shlex.split(service.command)
    except ValueError:
        return None
    directory = service.directory.absolute()
    for word in words:
        path = directory / word
        if "/" in word and path.is_file() and _begins(path) == _NATIVE and not path.is_relative_to("/usr"):
            return path
    return None


def _begins(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(_NATIVE))
    except OSError:
        return b""


def digest_of(path: Path) -> str:
    """Return the first digits of the hash of a file; "" where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError:
        return ""


def programs(arms: Sequence[Arm]) -> list[str]:
    """Return for each arm its program's name and hash; "" where it has none of its own, or the file of another arm."""
    found = [built_program(arm) for arm in arms]
    known = [path for path in found if path is not None]
    if len({path.resolve() for path in known}) < len(arms):
        return ["" for _ in arms]
    return [f"{path.name}, sha256 {digest_of(path)}" for path in known]
