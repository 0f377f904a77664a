"""Where code stood in version control."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Revision:
    """Where the measured code stood in git: ``branch`` (None when it could not be told), full commit hash, changes.

    ``dirty`` says that tracked files differed from the commit, so that the commit alone does not name the code.
    """

    commit: str
    branch: str | None = None
    dirty: bool = False
