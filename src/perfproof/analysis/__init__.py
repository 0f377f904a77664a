"""Pure functions: evidence in; estimates, comparisons, findings and verdicts out."""
