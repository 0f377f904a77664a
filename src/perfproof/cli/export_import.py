"""``perfproof export`` and ``perfproof import``: recorded runs as one file, e.g. for a CI cache."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perfproof.cli.common import options, outputs
from perfproof.cli.common.console import tell
from perfproof.errors import UsageError

if TYPE_CHECKING:
    from perfproof.evidence.archive import Manifest
    from perfproof.store.repository import Store


def export(
    *,
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs: id, label, baseline, 'last' or a folder.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write.", metavar="FILE", callback=outputs.writable())
    ],
    storage: options.Storage,
    quiet: options.Quiet = False,
) -> None:
    """Write runs, and the baseline names they have, into one file."""
    from perfproof.evidence.archive import pack

    session = storage.session()
    folders = list(dict.fromkeys(session.locate(run).resolve() for run in runs))
    names: dict[str, list[str]] = {}
    with session.store() as opened:
        for each in opened.baselines():
            names.setdefault(each.run.id, []).append(each.name)
    manifest = pack(folders, output, names)
    if not quiet:
        size = output.stat().st_size / 2**20
        tell(f"{output}: {_count(len(manifest.runs))}, {size:.1f} MiB")


def import_(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `perfproof export` wrote.")],
    storage: options.Storage,
    quiet: options.Quiet = False,
) -> None:
    """Take over the runs of an exported file. Runs and names that are here already are kept as they are."""
    from perfproof.evidence.archive import unpack

    if not file.is_file():
        raise UsageError("there is no such file", where=str(file), hint="`perfproof export RUN -o FILE` writes one")
    with storage.session().store(make=True) as opened:  # first: without it, nothing is to be unpacked
        imported = unpack(file, storage.results, _check_names)
        opened.sync(storage.results)
        named, kept = _name(opened, imported.manifest)
    if not quiet:
        here = f", {len(imported.present)} were here already" if imported.present else ""
        tell(f"{_count(len(imported.added))} imported{here}")
        for name in named:
            tell(f"baseline {name} is set")
        for name in kept:
            tell(f"baseline {name} stays with the run that has it here")


def _check_names(manifest: Manifest) -> None:
    """Raise StoreError for a baseline name that could not be given."""
    from perfproof.store.repository import check_name

    for run in manifest.runs:
        for name in run.names:
            check_name(name)


def _name(store: Store, manifest: Manifest) -> tuple[list[str], list[str]]:
    """Give the imported runs their baseline names where those are free; return names set, and names kept."""
    named, kept = [], []
    for run in manifest.runs:
        for name in run.names:
            scenario = store.find(run.id).scenario
            there = store.baselines(name=name, scenario=scenario)
            if not there:
                store.set_baseline(name, run.id)
                named.append(name)
            elif there[0].run.id != run.id:
                kept.append(name)
    return named, kept


def _count(number: int) -> str:
    return f"{number} run" if number == 1 else f"{number} runs"
