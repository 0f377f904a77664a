"""What is said where all versions run one and the same program, although each was built for itself."""

from __future__ import annotations

from collections.abc import Sequence

ONE_PROGRAM = "one program"
"""The setting of a run that keeps the doubt."""


def same_program(programs: Sequence[str]) -> str:
    """Return the doubt; "" where the programs (name and hash of each version's, "" for not known) are not all one."""
    if len(programs) < 2 or not programs[0] or len(set(programs)) > 1:
        return ""
    return (
        f"All versions run the same program, byte for byte ({programs[0]}), although each was built for itself: does"
        " the build keep what it made for another version (CARGO_TARGET_DIR, a cache)?"
    )
