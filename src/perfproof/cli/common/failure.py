"""How an error looks at the terminal: what, where, why, what to do, and the service's last words."""

from __future__ import annotations

import difflib
import errno
import os
import re
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from perfproof.cli.common.console import tell
from perfproof.errors import Interrupted, PerfproofError, ScenarioError, ServiceError, UsageError

_NONE = SimpleNamespace(params=[])


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


def misuse(error: Any, commands: Sequence[str]) -> UsageError:
    """Return what the command line's parser refused, with what may have been meant. ``error`` is one of Click's."""
    said = str(error.format_message()).strip()
    context = getattr(error, "ctx", None)
    path = str(context.command_path) if context is not None else "perfproof"
    hint = f"{path} -h tells what it takes"
    if wrong := re.search(r"No such command '([^']+)'", said):
        near = difflib.get_close_matches(wrong[1], commands, n=1, cutoff=0.6)
        hint = f"did you mean `perfproof {near[0]}`?" if near else f"{path} -h lists them; most begin with perfproof ab"
    elif wrong := re.search(r"No such option: (\S+)", said):
        known = [name for each in getattr(context, "command", _NONE).params for name in each.opts]
        near = difflib.get_close_matches(wrong[1], known, n=1)
        said, hint = f"no such option: {wrong[1]}", f"did you mean {near[0]}?" if near else hint
    said = said.replace("Input should be", "it must be").rstrip(".")
    return UsageError(said[:1].lower() + said[1:], hint=hint)


def unexpected(error: Exception) -> PerfproofError:
    """Return what is said of an error that nobody caught: a path longer than any file's name, or a defect.

    Paths come from everywhere, and pathlib raises for these even where it is only asked whether there is a file.
    """
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        name = str(error.filename or "")
        return UsageError(
            f"{name[:60]}... is longer than a file's name can be",
            why=f"it has {len(name):,} characters",
            hint="correct the name on the command line, or the path in the scenario",
        )
    return _defect(error)


def _defect(error: Exception) -> PerfproofError:
    """Return what is said of an error that nobody expected: its kind and place, not its message, which may quote."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    return PerfproofError(
        f"perfproof itself failed: {type(error).__name__} in {place}",
        hint="a defect: please report it with the traceback that PERFPROOF_DEBUG=1 shows (read it first)",
    )
