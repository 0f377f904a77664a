"""A result as an OTLP export of metrics in JSON, which every collector takes over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from perfproof import __version__
from perfproof.model.result import Result
from perfproof.report.gauges import gauges


def to_otlp(result: Result) -> dict[str, Any]:
    """Return the gauges of a result as the body of ``POST /v1/metrics``, each at the moment its run began.

    Metrics have no OTLP unit: what turns them into Prometheus' would append it to their names, and their label ``unit``
    says it already.
    """
    moment = int(datetime.fromisoformat(result.started_at).timestamp() * 1e9) if result.started_at else 0
    metrics = [
        {
            "name": gauge.name,
            "description": gauge.meaning,
            "gauge": {
                "dataPoints": [
                    {"attributes": _attributes(labels), "timeUnixNano": str(moment), "asDouble": value}
                    for labels, value in gauge.samples
                ]
            },
        }
        for gauge in gauges(result)
    ]
    resource = _attributes({"service.name": "perfproof", "service.version": __version__})
    scope = {"name": "perfproof", "version": __version__}
    return {
        "resourceMetrics": [
            {"resource": {"attributes": resource}, "scopeMetrics": [{"scope": scope, "metrics": metrics}]}
        ]
    }


def _attributes(labels: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": name, "value": {"stringValue": text}} for name, text in labels.items()]
