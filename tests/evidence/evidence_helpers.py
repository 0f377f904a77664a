"""Samples and round facts, also for processes that a test starts."""

from collections.abc import Mapping

import numpy as np

from perfproof.model.recording import PROCESS_COLUMNS, SAMPLE_COLUMNS, ArmRound, Round, Samples
from recording_builders import calm_block


def sample_columns(count: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Samples as the load process records them: random, in the full range of what makes sense."""
    random = np.random.default_rng(seed)
    most = {"arm": 1, "pair": 1, "request": 0, "outcome": 6}
    return {
        name: random.integers(0, most.get(name, np.iinfo(kind).max), count, kind, endpoint=True)
        for name, kind in SAMPLE_COLUMNS.items()
    }


def facts(number: int, columns: Mapping[str, np.ndarray] | None = None, sent: int = 10) -> Round:
    """What the conductor knows of a round: everything but the samples, whose ``columns`` it has counted."""
    arm = ArmRound(0, 1.25, 3, 40, 2.0, True, memory_peak=2**40, memory_kind="pss")
    blocks = [calm_block(0, 1, 10**18, 10**18 + 5, sent, sent, None)]
    if columns is not None:
        outcomes = [columns["outcome"][columns["arm"] == which] for which in (0, 1)]
        counted = [(len(each), int((each == 0).sum())) for each in outcomes]
        blocks = [
            calm_block(which, 1, 10**18, 10**18 + 5, sent, good, None) for which, (sent, good) in enumerate(counted)
        ]
    processes = {name: np.arange(4).astype(kind) for name, kind in PROCESS_COLUMNS.items()}
    processes["arm"] %= 2
    return Round(number, (arm,), tuple(blocks), Samples.empty(), processes)
