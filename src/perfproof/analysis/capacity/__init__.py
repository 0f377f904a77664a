"""The highest rate that keeps the budgets.

One step judged (``steps``), the next rate and the knee of a start (``search``), and the result of all starts of one arm
or two (``concluding``) in plain words (``telling``).
"""

from perfproof.analysis.capacity.concluding import conclude_capacity
from perfproof.analysis.capacity.search import Found, next_rate, settle
from perfproof.analysis.capacity.steps import judge_step, steps_of

__all__ = ["Found", "conclude_capacity", "judge_step", "next_rate", "settle", "steps_of"]
