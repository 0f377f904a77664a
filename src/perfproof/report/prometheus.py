"""A result in Prometheus' text format 0.0.4: for the textfile collector of node_exporter, or a Pushgateway."""

from __future__ import annotations

from perfproof.model.result import Result
from perfproof.report.gauges import gauges


def to_prometheus(result: Result) -> str:
    """Return the gauges of a result as text. It holds no moments: those who read such files refuse them."""
    lines = []
    for gauge in gauges(result):
        lines += [f"# HELP {gauge.name} {gauge.meaning}", f"# TYPE {gauge.name} gauge"]
        for labels, value in gauge.samples:
            inside = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            lines.append(f"{gauge.name}{{{inside}}} {value:.10g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
