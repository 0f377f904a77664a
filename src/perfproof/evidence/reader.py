"""Reading a run directory: the run's identity alone, or with every sealed round."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from perfproof.core.owner import Owner
from perfproof.errors import EvidenceError
from perfproof.evidence.formats import (
    CAUSES_FILE,
    CHECKS_FILE,
    HISTOGRAMS_FILE,
    INSTRUCTIONS_FILE,
    PROBE_FILE,
    SAMPLES_FILE,
    RoundFacts,
    read_document,
    round_folder,
)
from perfproof.evidence.tables import Columns, read_table
from perfproof.evidence.validation import check_checked, check_facts, check_info, check_round
from perfproof.model.checks import Checked
from perfproof.model.instructions import Instructions
from perfproof.model.levers import Causes
from perfproof.model.probe import Probing
from perfproof.model.recording import (
    HISTOGRAM_COLUMNS,
    PROCESS_COLUMNS,
    SAMPLE_COLUMNS,
    Outcome,
    Recording,
    Round,
    RunInfo,
    Samples,
)

T = TypeVar("T")
ABANDONED = 86400.0
"""Seconds after which a run that has been marked running on another machine was killed."""

KILLED = "perfproof was killed while it measured"
"""The problem of a run whose process is gone."""


def read(path: Path) -> Recording:
    """Return the run recorded in the folder ``path`` with its sealed rounds in order; partial ones are ignored.

    Raises ``EvidenceError``, naming the file and what to do, when something is missing, damaged or of a newer format.
    """
    info = read_info(path)
    check_info(info, path / "run.json")
    rounds = tuple(read_round(path, number, info) for number in sealed_rounds(path))
    return Recording(
        info, rounds, read_probing(path), read_causes(path), read_instructions(path), read_checked(path, info)
    )


def read_probing(path: Path) -> Probing | None:
    """Return what the probe phase of the run in the folder ``path`` observed; None if it had none."""
    return _if_there(path / PROBE_FILE, Probing)


def read_causes(path: Path) -> Causes | None:
    """Return what the cause pass of the run in the folder ``path`` observed; None if it had none."""
    return _if_there(path / CAUSES_FILE, Causes)


def read_instructions(path: Path) -> Instructions | None:
    """Return what the count pass of the run in the folder ``path`` counted; None if it had none."""
    return _if_there(path / INSTRUCTIONS_FILE, Instructions)


def read_checked(path: Path, info: RunInfo) -> Checked | None:
    """Return what the checks of the run in the folder ``path`` observed; None if it had none."""
    checked = _if_there(path / CHECKS_FILE, Checked)
    if checked is not None:
        check_checked(info, checked, path / CHECKS_FILE)
    return checked


def _if_there(file: Path, kind: type[T]) -> T | None:
    return read_document(file, kind) if file.exists() else None


def read_info(path: Path) -> RunInfo:
    """Return the identity of the run in the folder ``path``, reading one small file; errors as ``read``."""
    if not path.is_dir():
        raise EvidenceError(
            "there is no such run directory", where=str(path), hint="`perfproof list` shows what there is"
        )
    info = read_document(path / "run.json", RunInfo)
    if info.status == "running" and _was_killed(path, info):
        return replace(info, status="interrupted", problem=KILLED)
    return info


def _was_killed(path: Path, info: RunInfo) -> bool:
    """Tell whether nobody measures this run any more; of a process elsewhere that is supposed after a day."""
    owner = Owner.parse(info.owner)
    if owner is not None and owner.here:
        return owner.gone
    try:
        return time.time() - (path / "run.json").stat().st_mtime > ABANDONED
    except OSError:
        return False


def sealed_rounds(path: Path) -> tuple[int, ...]:
    """Return the numbers of the rounds in the run directory ``path`` that were finished, in order."""
    folders = (path / "rounds").glob("[0-9]*")
    return tuple(sorted(int(folder.name) for folder in folders if re.fullmatch(r"[0-9]{3,}", folder.name)))


def read_round(path: Path, number: int, info: RunInfo | None = None) -> Round:
    """Return one sealed round of the run directory ``path``, held against ``info`` if given; errors as ``read``."""
    folder = round_folder(path, number)
    facts = read_document(folder / "round.json", RoundFacts)
    if info is not None:
        check_facts(info, number, facts, folder / "round.json")
    samples, service = _samples(folder)
    samples, messages = _apart(samples)
    measured = Round(
        number=facts.number,
        arms=facts.arms,
        blocks=facts.blocks,
        samples=samples,
        service=service,
        messages=messages,
        processes=read_table(folder / "processes.parquet", PROCESS_COLUMNS),
        complete=facts.complete,
        problem=facts.problem,
        troubles=facts.troubles,
        collected=facts.collected,
    )
    if info is not None:
        check_round(info, measured, folder)
    return measured


def _apart(samples: Samples) -> tuple[Samples, Samples | None]:
    """Return the samples of requests, and the messages of streams among them."""
    message = samples["outcome"] == int(Outcome.MESSAGE)
    return (samples.select(~message), samples.select(message)) if message.any() else (samples, None)


def _samples(folder: Path) -> tuple[Samples, Samples | None]:
    """Return the samples of a round; those made of histograms have their service times apart."""
    if not (folder / HISTOGRAMS_FILE).exists():
        return Samples(read_table(folder / SAMPLES_FILE, SAMPLE_COLUMNS)), None
    rows = read_table(folder / HISTOGRAMS_FILE, HISTOGRAM_COLUMNS)
    return samples_of(rows, since=0), samples_of(rows, since=1)


def samples_of(rows: Columns, since: int) -> Samples:
    """Return the buckets of a histogram as samples that stand for many: latencies, or service times (``since`` 1).

    Each takes the mean of its bucket, which the exact sum gives: nearer than the middle, and exact for means.
    """
    mine = rows["since"] == since
    kept = {name: column[mine] for name, column in rows.items()}
    count = np.maximum(1, kept["count"])
    columns = {
        name: kept[name] if name in kept else np.zeros(len(count), dtype=kind) for name, kind in SAMPLE_COLUMNS.items()
    }
    extra = {name: kept[name] for name in ("count", "settled", "late")}
    return Samples(columns | extra | {"done_ns": kept["total_ns"] // count})
