"""What to type next, from what was concluded. Pure."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perfproof.model.result import Result


def next_step(result: Result, run: str = "last", scenario: str | None = None) -> tuple[str, str]:
    """Return the one command that helps most now, and in a few words what for.

    ``run`` is how the run may be called on a command line (or two runs), ``scenario`` its file.
    """
    from perfproof.errors import ExitCode
    from perfproof.model.result import Verdict

    file = shlex.quote(scenario) if scenario else "SCENARIO"
    details = details_of(run)
    if result.verdict is Verdict.INVALID:
        return details, "what to mend"
    if result.kind == "run" and result.exit_code == ExitCode.PASSED:
        return f"perfproof run {file} --label after", "once something changed"
    if result.exit_code == ExitCode.INCONCLUSIVE:
        more = _more_rounds(result)
        if result.kind == "ab" and more:
            command = "prove" if result.proofs else "ab"
            return f"perfproof {command} {file} --rounds {result.rounds + more}", "as many would settle it"
        return details, "what is open, and what would settle it"
    if result.kind == "noise":
        return f"perfproof ab {file}", ""
    if result.exit_code == ExitCode.PASSED:
        page = "report.html" if result.candidates else "report.pdf"  # a slide has room for one candidate
        return f"perfproof report {run} -o {page}", "to hand on"
    return details, "what got in the way"


def details_of(run: str) -> str:
    """Return the command that shows everything that was found in a run, or in two that are compared."""
    two = " " in run and " --arm " not in run
    return f"perfproof {'compare' if two else 'show'} {run} --findings"


def _more_rounds(result: Result) -> int:
    """Return how many more rounds would settle what decides; 0 where that is not known."""
    from perfproof.verdict.guards import primary_rows
    from perfproof.verdict.rows import more_rounds

    decisive = primary_rows(result.comparisons)
    return max((more_rounds(note) or 0 for row in decisive for note in row.notes), default=0)
