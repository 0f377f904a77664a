"""What probes say about database queries: slopes, findings, exact rows, and what became of each statement.

``slopes`` is the proof, ``findings`` says it, ``exact`` compares the arms, ``statements`` is the difference of their
fingerprints, ``concluding`` puts the parts together. All of it is pure; see docs/queries.md.
"""

from perfproof.analysis.additions import Conclusion
from perfproof.analysis.queries.concluding import across, conclude_queries, judge_probes

__all__ = ["Conclusion", "across", "conclude_queries", "judge_probes"]
