"""What goes out: gauges as Prometheus' text and as OTLP, and the dashboard that asks for them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import builders
import pytest
from prometheus_client.parser import text_string_to_metric_families

from perfproof.model.result import Result
from perfproof.report.gauges import gauges
from perfproof.report.otlp import to_otlp
from perfproof.report.prometheus import to_prometheus

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana-dashboard.json"
MADE = [builders.make_result, builders.make_run, builders.make_invalid, builders.make_hostile, builders.make_empty]


def families(result: Result) -> dict[str, list[tuple[dict[str, str], float]]]:
    found = text_string_to_metric_families(to_prometheus(result))
    return {each.name: [(sample.labels, sample.value) for sample in each.samples] for each in found}


@pytest.mark.parametrize("make", MADE)
def test_prometheus_reads_back_what_was_said_whatever_names_hold(make) -> None:
    result = make()
    wanted = {each.name: list(each.samples) for each in gauges(result)}
    found = families(result)
    assert found.keys() == wanted.keys()
    for name, samples in wanted.items():
        assert [labels for labels, _ in found[name]] == [dict(labels) for labels, _ in samples]
        assert [value for _, value in found[name]] == pytest.approx([value for _, value in samples], rel=1e-9)
        assert len({tuple(labels.items()) for labels, _ in found[name]}) == len(samples)


def test_figures_are_those_of_the_result() -> None:
    result = builders.make_result()
    found = families(result)
    row = next(each for each in result.comparisons if each.ci_low is not None)
    change = {(s["metric"], s["request"]): value for s, value in found["perfproof_change_ratio"]}
    assert change[row.metric, row.request] == pytest.approx(row.change)
    assert found["perfproof_exit_code"] == [({"scenario": result.scenario}, float(result.exit_code))]
    assert found["perfproof_verdict"][0][0]["verdict"] == result.verdict.value
    assert len(found["perfproof_row_verdict"]) == len(result.comparisons)


def test_otlp_says_the_same_at_the_moment_of_the_run() -> None:
    result = builders.make_result()
    (resource,) = to_otlp(result)["resourceMetrics"]
    metrics = resource["scopeMetrics"][0]["metrics"]
    found = {
        each["name"]: [
            ({a["key"]: a["value"]["stringValue"] for a in point["attributes"]}, point["asDouble"])
            for point in each["gauge"]["dataPoints"]
        ]
        for each in metrics
    }
    assert found == {each.name: [(dict(labels), value) for labels, value in each.samples] for each in gauges(result)}
    assert {point["timeUnixNano"] for each in metrics for point in each["gauge"]["dataPoints"]} != {"0"}
    json.dumps(to_otlp(result), allow_nan=False)


def test_otlp_is_what_its_own_protocol_says() -> None:
    pytest.importorskip("google.protobuf")
    service = pytest.importorskip("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")
    from google.protobuf import json_format

    request = json_format.ParseDict(to_otlp(builders.make_result()), service.ExportMetricsServiceRequest())
    names = {metric.name for metric in request.resource_metrics[0].scope_metrics[0].metrics}
    assert "perfproof_value" in names


def asked() -> list[str]:
    dashboard = json.loads(DASHBOARD.read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return queries + [each["definition"] for each in dashboard["templating"]["list"] if "definition" in each]


def test_every_query_of_the_dashboard_asks_for_metrics_and_labels_that_there_are() -> None:
    result = builders.make_result()
    budgeted = replace(result, budgets=result.budgets or builders.make_run().budgets)
    told = {each.name: {key for labels, _ in each.samples for key in labels} for each in gauges(budgeted)}
    seen = set()
    for query in asked():
        names = re.findall(r"\bperfproof_\w+", query)
        assert names, query
        for name in names:
            assert name in told, query
            seen.add(name)
        inside = re.findall(r"(perfproof_\w+)\{([^}]*)\}", query)
        for name, labels in inside:
            for label in re.findall(r"(\w+)\s*=~?", labels):
                assert label in told[name], query
        for name, label in re.findall(r"label_values\((perfproof_\w+)[^,]*?(?:\{.*\})?, (\w+)\)", query):
            assert label in told[name], query
    assert seen >= told.keys() - {"perfproof_verdict"}


def test_legends_of_the_dashboard_name_labels_that_there_are() -> None:
    told = {each.name: {key for labels, _ in each.samples for key in labels} for each in gauges(builders.make_run())}
    told |= {
        each.name: {key for labels, _ in each.samples for key in labels} for each in gauges(builders.make_result())
    }
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            (name, *_) = re.findall(r"\bperfproof_\w+", target["expr"])
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert label in told.get(name, {label}), (panel["title"], label)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(places)
