"""Reading a run directory: the run's identity alone, or with every sealed round."""

from __future__ import annotations

import re
from pathlib import Path

from perfproof.errors import EvidenceError
from perfproof.evidence.formats import CAUSES_FILE, PROBE_FILE, RoundFacts, read_document, round_folder
from perfproof.evidence.tables import read_table
from perfproof.model.levers import Causes
from perfproof.model.probe import Probing
from perfproof.model.recording import PROCESS_COLUMNS, SAMPLE_COLUMNS, Recording, Round, RunInfo, Samples


def read(path: Path) -> Recording:
    """Return the run recorded in the folder ``path`` with its sealed rounds in order; partial ones are ignored.

    Raises ``EvidenceError``, naming the file and what to do, when something is missing, damaged or of a newer format.
    """
    info = read_info(path)
    rounds = tuple(read_round(path, number) for number in sealed_rounds(path))
    return Recording(info, rounds, read_probing(path), read_causes(path))


def read_probing(path: Path) -> Probing | None:
    """Return what the probe phase of the run in the folder ``path`` observed; None if it had none."""
    file = path / PROBE_FILE
    return read_document(file, Probing) if file.exists() else None


def read_causes(path: Path) -> Causes | None:
    """Return what the cause pass of the run in the folder ``path`` observed; None if it had none."""
    file = path / CAUSES_FILE
    return read_document(file, Causes) if file.exists() else None


def read_info(path: Path) -> RunInfo:
    """Return the identity of the run in the folder ``path``, reading one small file; errors as ``read``."""
    if not path.is_dir():
        raise EvidenceError(
            "there is no such run directory", where=str(path), hint="`perfproof list` shows what there is"
        )
    return read_document(path / "run.json", RunInfo)


def sealed_rounds(path: Path) -> tuple[int, ...]:
    """Return the numbers of the rounds in the run directory ``path`` that were finished, in order."""
    folders = (path / "rounds").glob("[0-9]*")
    return tuple(sorted(int(folder.name) for folder in folders if re.fullmatch(r"[0-9]{3,}", folder.name)))


def read_round(path: Path, number: int) -> Round:
    """Return one sealed round of the run directory ``path``; errors as ``read``."""
    folder = round_folder(path, number)
    facts = read_document(folder / "round.json", RoundFacts)
    return Round(
        number=facts.number,
        arms=facts.arms,
        blocks=facts.blocks,
        samples=Samples(read_table(folder / "samples.parquet", SAMPLE_COLUMNS)),
        processes=read_table(folder / "processes.parquet", PROCESS_COLUMNS),
        complete=facts.complete,
        problem=facts.problem,
        troubles=facts.troubles,
    )
