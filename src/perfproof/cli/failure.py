"""How an error looks at the terminal: what, where, why, what to do, and the service's last words."""

from __future__ import annotations

import os
import sys
import traceback

from perfproof.errors import Interrupted, PerfproofError, ScenarioError, ServiceError


def report_failure(error: PerfproofError) -> None:
    """Print ``error`` to stderr. With ``PERFPROOF_DEBUG`` set the traceback follows (never by default)."""
    word = "" if isinstance(error, Interrupted) else "error: "
    if isinstance(error, ScenarioError):
        _print(f"{word}{error.what}")
        for problem in error.problems:
            _print(f"  {problem}")
    else:
        _print(f"{word}{error}")
    if isinstance(error, ServiceError) and error.log_tail:
        _print("  the last lines of its log:")
        for line in error.log_tail:
            _print(f"    | {line}")
    if os.environ.get("PERFPROOF_DEBUG"):
        _print("".join(traceback.format_exception(error)))


def _print(text: str) -> None:
    sys.stderr.write(text + "\n")
