"""Writing a run directory: create it, begin and seal rounds, finish. The layout is told in docs/architecture.md."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from perfproof.core.files import flush, write_whole, writing
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
    write_compressed,
    write_document,
)
from perfproof.evidence.reader import read_info, sealed_rounds
from perfproof.evidence.tables import check_table, empty_table, write_table
from perfproof.model.checks import Checked
from perfproof.model.instructions import Instructions
from perfproof.model.levers import Causes
from perfproof.model.probe import Probing
from perfproof.model.recording import HISTOGRAM_COLUMNS, PROCESS_COLUMNS, SAMPLE_COLUMNS, Round, RunInfo

Redactor = Callable[[str], str]
STARTING, IMPORTING = ".starting", ".importing"
"""Endings of the hidden folders of runs that are not whole yet."""


def new_id(scenario_name: str, now: datetime) -> str:
    """Return a fresh run id, ``<UTC time>-<scenario>-<4 hex digits>``; ids sort by time. ``now`` must know its zone."""
    name = re.sub(r"[^a-z0-9]+", "-", scenario_name.lower())[:40].strip("-") or "run"
    return f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{name}-{secrets.token_hex(2)}"


@dataclass(frozen=True)
class PartialRound:
    """A round that is being measured."""

    number: int
    path: Path

    @property
    def samples_path(self) -> Path:
        """Where the load process writes the samples (SAMPLE_COLUMNS, Parquet)."""
        return self.path / SAMPLES_FILE

    @property
    def histograms_path(self) -> Path:
        """Where it writes histograms instead (HISTOGRAM_COLUMNS, Parquet), if the scenario says so."""
        return self.path / HISTOGRAMS_FILE


@dataclass(frozen=True)
class RunDirectory:
    """A run directory that is being written. Every method raises ``EvidenceError`` when the disk refuses."""

    path: Path

    @classmethod
    def create(cls, results: Path, info: RunInfo, scenario_text: str) -> RunDirectory:
        """Make ``results/<id>`` with ``run.json`` and ``scenario.yaml``; the text must have its secrets masked."""
        path = results / info.id
        new = hidden(path, STARTING)
        with writing(path):
            results.mkdir(parents=True, exist_ok=True)
            if path.exists():
                raise EvidenceError("there is a run of this id already", where=str(path), hint="start again")
            (new / "rounds").mkdir(parents=True)
            try:
                write_whole(new / "scenario.yaml", scenario_text.encode())
                write_whole(new / "run.json", write_document(info))
                new.rename(path)
            except OSError:
                shutil.rmtree(new, ignore_errors=True)
                raise
            flush(results)
        return cls(path)

    def begin_round(self, number: int) -> PartialRound:
        """Make the folder of round ``number`` (from 1); what an abandoned attempt at it left is removed."""
        partial = PartialRound(number, self.path / "rounds" / f".{number:03d}.partial")
        with writing(partial.path):
            if partial.path.exists():
                shutil.rmtree(partial.path)
            partial.path.mkdir()
        return partial

    def seal(self, partial: PartialRound, round: Round, logs: Mapping[str, Path], redactor: Redactor) -> None:  # noqa: A002 - the glossary's word
        """Complete the round's files and rename its folder, after which readers see it.

        The samples are those the load process wrote to ``partial.samples_path``; when it wrote none (it died, or the
        round never got there), ``round.samples`` are written. ``logs`` maps a name to the file that was printed to;
        the round keeps a masked copy as ``<name>.log``. When sealing fails, the partial round is removed (on a full
        disk the run's status needs its room) and the rounds before it stay readable.
        """
        if round.number != partial.number:
            raise ValueError(f"round {round.number} cannot be sealed as {partial.number}")
        try:
            with writing(partial.path):
                self._seal(partial, round, logs, redactor)
        except EvidenceError:
            shutil.rmtree(partial.path, ignore_errors=True)
            raise

    def _seal(self, partial: PartialRound, round: Round, logs: Mapping[str, Path], redactor: Redactor) -> None:  # noqa: A002
        if partial.histograms_path.exists():
            check_table(partial.histograms_path, HISTOGRAM_COLUMNS)
            flush(partial.histograms_path)
        elif partial.samples_path.exists():
            check_table(partial.samples_path, SAMPLE_COLUMNS)
            flush(partial.samples_path)
        else:
            _refuse_lost_samples(partial, round)
            write_table(partial.samples_path, round.samples.columns, SAMPLE_COLUMNS)
        processes = round.processes or empty_table(PROCESS_COLUMNS)
        write_table(partial.path / "processes.parquet", processes, PROCESS_COLUMNS)
        for name, source in logs.items():
            _copy_log(source, partial.path / f"{name}.log", redactor)
        facts = RoundFacts(
            round.number, round.arms, round.blocks, round.complete, round.problem, round.troubles, round.collected
        )
        write_whole(partial.path / "round.json", write_document(facts))
        partial.path.rename(round_folder(self.path, partial.number))
        flush(self.path / "rounds")

    def discard(self, partial: PartialRound) -> None:
        """Remove a round that will not be sealed."""
        with writing(partial.path):
            shutil.rmtree(partial.path)

    def sealed_rounds(self) -> tuple[int, ...]:
        """Return the numbers of the rounds that can be read, in order."""
        return sealed_rounds(self.path)

    def keep_log(self, source: Path, redactor: Redactor) -> None:
        """Keep a masked copy of ``source`` beside ``run.json``, under its name; nothing if there is no such file."""
        with writing(self.path / source.name):
            _copy_log(source, self.path / source.name, redactor)

    def save_probing(self, probing: Probing) -> None:
        """Write ``probe.json``: what the probe phase observed."""
        self._put(PROBE_FILE, write_document(probing))

    def save_causes(self, causes: Causes) -> None:
        """Write ``causes.json.gz``: what was observed to say why."""
        self._put(CAUSES_FILE, write_compressed(causes))

    def save_instructions(self, instructions: Instructions) -> None:
        """Write ``instructions.json.gz``: what the count pass counted."""
        self._put(INSTRUCTIONS_FILE, write_compressed(instructions))

    def save_checked(self, checked: Checked) -> None:
        """Write ``checks.json.gz``: what the checks observed."""
        self._put(CHECKS_FILE, write_compressed(checked))

    def save_result(self, result_json: str) -> None:
        """Write ``result.json``, replacing an earlier one."""
        self._put("result.json", result_json.encode())

    def note(self, info: RunInfo) -> None:
        """Rewrite ``run.json`` in the middle of the run; rounds being written stay as they are."""
        self._put("run.json", write_document(info))

    def finish(self, info: RunInfo) -> None:
        """Rewrite ``run.json`` with the final status, after removing rounds that were left partial.

        They go because nobody reads them, and on a full disk the status needs their room.
        """
        with writing(self.path / "run.json"):
            for leftover in (self.path / "rounds").glob(".*.partial"):
                shutil.rmtree(leftover)
            for leftover in [*self.path.glob(".samples-*"), *self.path.glob(".*.writing")]:
                leftover.unlink(missing_ok=True)  # of a killed process: living ones keep nothing here by then
            write_whole(self.path / "run.json", write_document(info))

    def _put(self, name: str, content: bytes) -> None:
        with writing(self.path / name):
            write_whole(self.path / name, content)


def hidden(path: Path, ending: str) -> Path:
    """Return the name under which the run directory ``path`` is made by this process, until it is whole."""
    return path.with_name(f".{path.name}.{Owner.mine()}{ending}")


def tidy(results: Path) -> None:
    """Remove what killed processes have begun below ``results`` and not made whole."""
    for ending in (STARTING, IMPORTING):
        for path in results.glob(f".*{ending}"):
            owner = Owner.parse(path.stem.rpartition(".")[2])
            if owner is not None and owner.gone and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)


def end_killed(path: Path) -> RunInfo:
    """Return the identity of the run in the folder ``path``; of a killed one, write down that it has ended.

    What its process was writing is removed; its sealed rounds stay. Raises ``EvidenceError``.
    """
    info = read_info(path)
    if info.status == "interrupted" and read_document(path / "run.json", RunInfo).status == "running":
        RunDirectory(path).finish(info)
    return info


def _copy_log(source: Path, target: Path, redactor: Redactor) -> None:
    if source.exists():  # a service that never started printed nothing
        write_whole(target, masked_extract(source, redactor).encode())


def _refuse_lost_samples(partial: PartialRound, measured: Round) -> None:
    if measured.complete and not len(measured.samples) and any(block.sent for block in measured.blocks):
        raise EvidenceError(
            f"the samples of round {partial.number} are missing",
            where=str(partial.samples_path),
            why="the load process sent requests and recorded none",
            hint="see load.log beside it",
        )


HEAD_BYTES = 256 * 1024
TAIL_BYTES = 1024 * 1024
MARGIN = 16 * 1024
"""Longest secret (in characters) that a cut cannot split: this much more is read and masked, then dropped."""


def masked_extract(source: Path, redactor: Callable[[str], str]) -> str:
    """Return the log at ``source`` with secrets masked; of a long one the beginning, a note and the end.

    Memory stays below some MB whatever the log's size. Masking line by line was rejected: a secret may span lines (a
    private key), and a cut through its middle would leave a half that no redactor knows. Raises ``OSError``.
    """
    size = source.stat().st_size
    with source.open("rb") as file:
        if size <= HEAD_BYTES + TAIL_BYTES + 2 * MARGIN:
            return redactor(_text(file.read(size)))
        head = redactor(_text(file.read(HEAD_BYTES + MARGIN)))[:-MARGIN]
        file.seek(size - TAIL_BYTES - MARGIN)
        tail = redactor(_text(file.read(TAIL_BYTES + MARGIN)))[MARGIN:]
    left_out = size - HEAD_BYTES - TAIL_BYTES
    return f"{head}\n[perfproof left out about {left_out:,} of {size:,} bytes here]\n{tail}"


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")
