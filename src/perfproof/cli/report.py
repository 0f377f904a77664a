"""``perfproof report X -o FILE``: the report of a recorded run, or of two compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perfproof.cli.common import options, outputs
from perfproof.cli.common.console import open_page, say
from perfproof.cli.common.selection import only_candidate
from perfproof.errors import UsageError


def report(
    *,
    run: options.Run = "last",
    against: Annotated[
        str | None, typer.Argument(metavar="AFTER", help="With two runs: the one after.", show_default=False)
    ] = None,
    output: Annotated[
        list[Path],
        typer.Option(
            "--output",
            "-o",
            help="File to write: .html .pdf .png .md .json .csv .parquet .xml .prom .hlog _stats.csv, "
            "or the profile: .speedscope.json .pyinstrument.html .folded. May be repeated.",
            metavar="FILE",
            callback=outputs.writable(outputs.recordings),
        ),
    ] = [Path("report.html")],  # noqa: B006 - typer reads the default, nothing mutates it
    arm: options.Candidate = None,
    storage: options.Storage,
    open_: options.Open = False,
) -> None:
    """Write the report of a run (or of two, compared) in any format; the ending of the file decides."""
    from perfproof.report import write
    from perfproof.report.exports import writer_of

    session = storage.session()
    raw = [file for file in output if writer_of(file) is not None]
    if raw and against is not None:
        raise UsageError(f"{raw[0].name} holds what one run recorded", hint="name one run")
    if len(raw) < len(output):
        result = session.judge(run) if against is None else session.compare(run, against)
        result = only_candidate(result, arm)
    for file in output:
        if file in raw:
            session.export(run, file)
        else:
            write(result, file)
        say(str(file))
    page = next((file for file in output if file.suffix == ".html"), None)
    if open_ and page is not None:
        open_page(page)
