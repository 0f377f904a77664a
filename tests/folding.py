"""A recording as it would have been with `samples: histogram`: every sample of it counted by the real tally."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from perfproof.evidence.reader import samples_of
from perfproof.evidence.tables import read_table
from perfproof.load.histogram_recorder import HistogramRecorder
from perfproof.model.recording import HISTOGRAM_COLUMNS, SAMPLE_COLUMNS, Recording, Round


def tally_of(a_round: Round, variants: list[int], *, share: tuple[int, int] = (0, 1)) -> HistogramRecorder:
    """Return what worker k of n would have counted of a round."""
    tally = HistogramRecorder(variants)
    samples, (first, step) = a_round.samples, share
    for block in a_round.blocks:
        tally.begin(block.arm, block.pair, block.started_ns, block.ended_ns - block.started_ns)
        mine = samples.select((samples["arm"] == block.arm) & (samples["pair"] == block.pair))
        rows = list(zip(*(mine[name].tolist() for name in SAMPLE_COLUMNS), strict=True))
        for row in rows[first::step]:
            tally.add(*row)
    return tally


def folded(recording: Recording, folder: Path) -> Recording:
    """Return the recording with histograms instead of its samples, written and read as a run does it."""
    variants = [len(each) for each in recording.info.variants]
    rounds = []
    for a_round in recording.rounds:
        path = folder / f"{a_round.number}.parquet"
        assert tally_of(a_round, variants).write(path) == len(a_round.samples)
        rows = read_table(path, HISTOGRAM_COLUMNS)
        rounds.append(replace(a_round, samples=samples_of(rows, 0), service=samples_of(rows, 1)))
    return replace(recording, rounds=tuple(rounds))
