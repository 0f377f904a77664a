"""``perfproof`` alone: where one is, what was measured last, and the next command."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from perfproof import __version__
from perfproof.cli.common.console import console
from perfproof.cli.common.selection import found_here
from perfproof.errors import PerfproofError

if TYPE_CHECKING:
    from rich.text import Text

    from perfproof.store.summary import RunSummary

_NAMED = 5


def overview(results: Path, store: str | None, *, beginning: str) -> None:
    """Print a few lines on this folder; ``beginning`` is the command for one that holds no scenario."""
    from rich.text import Text

    from perfproof.model.formatting import plain

    scenarios, out = found_here(), console()
    last, problem = _last(results, store)
    lines = [Text(f"perfproof {__version__}", style="bold").append(": is the change faster, leaner, gentler?", "none")]
    lines.append(Text(_scenarios(scenarios)))
    if problem:
        lines.append(Text(f"runs: {plain(problem, 300)}"))
    elif last is None:
        lines.append(Text(f"no runs yet in {results}"))
    else:
        lines.append(_run(last))
        if last.sentence:
            lines.append(Text(f"  {plain(last.sentence, 400)}"))
    lines.append(Text("next: ", style="dim").append(_next(scenarios, last, beginning), "none"))
    lines.append(Text("all commands: perfproof --help", style="dim"))
    for line in lines:
        out.print(line, soft_wrap=not out.is_terminal)


def _last(results: Path, store: str | None) -> tuple[RunSummary | None, str]:
    """Return the newest run, and why there is none to be found if something is in the way."""
    from perfproof.cli.common.session import Session

    if store is None and not results.is_dir():
        return None, ""
    try:
        with Session(results, store, quiet=True).store() as opened:
            opened.sync(results)
            found = opened.runs(limit=1)
    except PerfproofError as error:
        return None, error.what
    return (found[0] if found else None), ""


def _scenarios(found: list[Path]) -> str:
    if not found:
        return "no scenario in this folder"
    names = ", ".join(map(str, found[:_NAMED])) + (", ..." if len(found) > _NAMED else "")
    return f"scenario: {names}" if len(found) == 1 else f"{len(found)} scenarios: {names}"


def _run(run: RunSummary) -> Text:
    from rich.text import Text

    from perfproof.model.formatting import plain
    from perfproof.model.result import Verdict
    from perfproof.verdict.display_rows import SYMBOLS

    label = f", label {plain(run.label, 40)}" if run.label else ""
    word = str(run.verdict) if run.verdict else run.status
    sign = f"{SYMBOLS[Verdict(run.verdict)]} " if run.verdict in set(Verdict) else ""
    return Text(f"last run: {plain(run.kind)} of {plain(run.scenario, 60)}{label}, {_ago(run.started_at)}: ").append(
        f"{sign}{word}", "bold"
    )


def _ago(started: str | datetime) -> str:
    """Return how long ago a run was started, roughly."""
    try:
        begun = datetime.fromisoformat(started) if isinstance(started, str) else started
        begun = begun if begun.tzinfo else begun.replace(tzinfo=UTC)
    except ValueError:
        return "at an unknown time"
    seconds = max(0.0, (datetime.now(UTC) - begun).total_seconds())
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {name}{'' if number == 1 else 's'} ago"
    return "just now"


def _next(scenarios: list[Path], last: RunSummary | None, beginning: str) -> str:
    """Return the command that helps most here."""
    named = "" if len(scenarios) == 1 else f" {scenarios[0]}" if scenarios else ""
    if last is None:
        return f"perfproof ab{named}" if scenarios else beginning
    if last.status == "running":
        return "perfproof list"
    if last.status == "interrupted" and last.kind in ("run", "ab", "noise"):
        return "perfproof resume"
    if last.status in ("interrupted", "failed") or last.verdict in (None, "invalid"):
        return "perfproof show last --findings" if last.verdict else f"perfproof ab{named}" if scenarios else beginning
    return "perfproof last"
