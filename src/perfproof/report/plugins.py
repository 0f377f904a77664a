"""Report formats of other installed packages: an entry point of the group ``perfproof.report_formats``.

The name of the entry point is the ending without its dot, its object a function ``(result, path) -> None`` that writes
the file, as our own writers are (``writing.WRITERS``):

    [project.entry-points."perfproof.report_formats"]
    adoc = "perfproof_asciidoc:write"

``perfproof.testing`` has the tests that such a function should pass. Formats of our own cannot be replaced: what
``.json`` or ``.html`` is must not depend on what else is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from perfproof.errors import PerfproofError, UsageError
from perfproof.model.result import Result

GROUP = "perfproof.report_formats"


def endings() -> tuple[str, ...]:
    """Return the endings that installed packages can write, without importing any."""
    return tuple(sorted({_ending(each) for each in entry_points(group=GROUP)}))


def writer(ending: str) -> Callable[[Result, Path], None] | None:
    """Return what writes files of this ending; None if no package does.

    Raises ``UsageError`` when the package cannot be imported, and so does the writer when it fails: a defect of a
    package is to be told as one of that package.
    """
    found = [each for each in entry_points(group=GROUP) if _ending(each) == ending]
    if not found:
        return None
    entry = found[0]
    try:
        write = entry.load()
    except Exception as error:
        raise _broken(entry, f"cannot be loaded: {type(error).__name__}: {error}") from error

    def guarded(result: Result, path: Path) -> None:
        try:
            write(result, path)
        except (PerfproofError, OSError):
            raise
        except Exception as error:
            raise _broken(entry, f"failed: {type(error).__name__}: {error}") from error
        if not path.is_file():
            raise _broken(entry, "wrote no file")

    return guarded


def _ending(entry: EntryPoint) -> str:
    return f".{entry.name.lower().lstrip('.')}"


def _broken(entry: EntryPoint, why: str) -> UsageError:
    package = entry.dist.name if entry.dist is not None else entry.module
    return UsageError(
        f"the report format {_ending(entry)} of the package {package} {why}",
        where=entry.value,
        hint=f"report it to the authors of {package}, or choose another ending",
    )
