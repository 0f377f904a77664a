"""Proves or refutes that a change made an HTTP API faster, leaner and gentler on its database.

The tree tells the pipeline: ``scenarios`` (what to measure) -> ``service`` (start the arms) ->
``load`` (send requests) and ``collectors`` (observe) -> ``evidence`` (record) -> ``analysis``
(estimates and verdicts) -> ``store`` (remember) and ``reports`` (show). ``experiment`` conducts,
``cli`` is the way in. ``model`` holds the nouns they all share.
"""

__version__ = "0.1.0"
