"""The conductor: which order things happen in, and nothing else.

``measure`` runs a scenario over its arms and leaves a sealed run directory and a result behind; ``round`` conducts one
round, ``warmup`` brings a fresh start to a steady state.
"""

from perfproof.measure.run import Measured, Options, measure, probe_alone
from perfproof.rounds.observer import Observer, Silent

__all__ = ["Measured", "Observer", "Options", "Silent", "measure", "probe_alone"]
