"""Write a result to a file whose ending names the format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from perfproof.core.files import replace_whole
from perfproof.errors import UsageError
from perfproof.model.result import Result
from perfproof.report import plugins

Writer = Callable[[Result, Path], None]


def _html(result: Result, path: Path) -> None:
    from perfproof.report.page.html import to_html

    _text(path, to_html(result))


def _json(result: Result, path: Path) -> None:
    from perfproof.report.json_report import to_json

    _text(path, to_json(result))


def _markdown(result: Result, path: Path) -> None:
    from perfproof.report.markdown import to_markdown

    _text(path, to_markdown(result))


def _csv(result: Result, path: Path) -> None:
    from perfproof.report.tables import write_csv

    write_csv(result, path)


def _parquet(result: Result, path: Path) -> None:
    from perfproof.report.tables import write_parquet

    write_parquet(result, path)


def _junit(result: Result, path: Path) -> None:
    from perfproof.model.policy import Policy
    from perfproof.report.junit import to_junit
    from perfproof.verdict.policy import judge

    _text(path, to_junit(judge(result, Policy())))


def _prometheus(result: Result, path: Path) -> None:
    from perfproof.report.prometheus import to_prometheus

    _text(path, to_prometheus(result))


def _pdf(result: Result, path: Path) -> None:
    from perfproof.report.candidates import one_alone
    from perfproof.report.slide.slide import to_slide

    path.write_bytes(to_slide(one_alone(result, ".pdf"), "pdf"))


def _png(result: Result, path: Path) -> None:
    from perfproof.report.candidates import one_alone
    from perfproof.report.slide.slide import to_slide

    path.write_bytes(to_slide(one_alone(result, ".png"), "png"))


WRITERS: dict[str, Writer] = {
    ".html": _html,
    ".json": _json,
    ".csv": _csv,
    ".parquet": _parquet,
    ".md": _markdown,
    ".xml": _junit,
    ".pdf": _pdf,
    ".png": _png,
    ".prom": _prometheus,
}
"""Known endings. Each writer imports its renderer when called, so that matplotlib and pyarrow load only when used."""


def endings() -> tuple[str, ...]:
    """Return the endings that are known: our own, then those of other installed packages."""
    return (*WRITERS, *(each for each in plugins.endings() if each not in WRITERS))


def write(result: Result, path: Path, ending: str | None = None) -> None:
    """Write ``result`` to ``path`` in the format its ending names (or ``ending`` does), whole or not at all.

    The file is written beside its place, flushed and renamed, so a reader never sees half of it and an earlier report
    survives a full disk. Raises ``UsageError`` for an ending that is not known or a place that cannot be written.
    """
    wanted = (ending or path.suffix).lower()
    writer = WRITERS.get(wanted) or plugins.writer(wanted)
    if writer is None:
        raise UsageError(
            f"no report format is known for the ending {path.suffix or '(none)'!r}",
            where=str(path),
            hint=f"use one of {', '.join(endings())}",
        )
    replace_whole(path, lambda temporary: writer(result, temporary))


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
