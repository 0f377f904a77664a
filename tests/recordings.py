"""Made-up recordings on disk, as a measurement leaves them."""

from __future__ import annotations

from pathlib import Path

from perfproof.evidence.directory import RunDirectory
from perfproof.evidence.tables import write_table
from perfproof.model.recording import SAMPLE_COLUMNS, Recording


def keep(recording: Recording, results: Path) -> Path:
    """Write a recording as a run directory; return its folder."""
    directory = RunDirectory.create(results, recording.info, "name: projects\n")
    for each in recording.rounds:
        partial = directory.begin_round(each.number)
        write_table(partial.samples_path, each.samples.columns, SAMPLE_COLUMNS)
        directory.seal(partial, each, {}, str)
    directory.finish(recording.info)
    return directory.path
