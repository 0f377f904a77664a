"""The conductor: which order things happen in, and nothing else.

``run`` measures a scenario over its arms and leaves a sealed run directory and a result behind; ``resume`` goes on with
an interrupted one, ``dry_run`` shows what would be sent, ``versions`` fetches both versions from git.
"""

from perfproof.measure.options import Measured, Options
from perfproof.measure.probe_alone import probe_alone
from perfproof.measure.run import measure
from perfproof.rounds.observer import Observer, Silent

__all__ = ["Measured", "Observer", "Options", "Silent", "measure", "probe_alone"]
