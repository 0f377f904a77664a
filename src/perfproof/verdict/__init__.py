"""From numbers to rows, verdicts, findings and the one sentence; health and comparability of what was measured."""
