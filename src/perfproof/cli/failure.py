"""How an error looks at the terminal: what, where, why, what to do, and the service's last words."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

from perfproof.cli.printing import tell
from perfproof.errors import Interrupted, PerfproofError, ScenarioError, ServiceError


def report_failure(error: PerfproofError) -> None:
    """Print ``error`` to stderr. With ``PERFPROOF_DEBUG`` set the traceback follows (never by default)."""
    tell(told(error))
    if os.environ.get("PERFPROOF_DEBUG"):
        tell("".join(traceback.format_exception(error)))


def told(error: PerfproofError) -> str:
    """Return ``error`` in words, line by line, with the last lines of the service's log if it has them."""
    word = "" if isinstance(error, Interrupted) else "error: "
    if isinstance(error, ScenarioError):
        lines = [f"{word}{error.what}", *(f"  {problem}" for problem in error.problems)]
    else:
        lines = [f"{word}{error}"]
    if isinstance(error, ServiceError) and error.log_tail:
        lines += ["  the last lines of its log:", *(f"    | {line}" for line in error.log_tail)]
    return "\n".join(lines)


def defect(error: Exception) -> PerfproofError:
    """Return what is said of an error that nobody expected: its kind and place, not its message, which may quote."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    return PerfproofError(
        f"perfproof itself failed: {type(error).__name__} in {place}",
        hint="a defect: please report it with the traceback that PERFPROOF_DEBUG=1 shows (read it first)",
    )
