"""What the facts of requests show: shares of those that can be followed, and findings about the others. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any, Literal

from perfproof.core.numbers import digits, listed
from perfproof.model.checks import Compared, Facts, Measure
from perfproof.model.result import Finding

_MOST_SHOWN = 12
_NO_STATEMENTS = "statements were not counted: name the database in service.database"
_NO_SPANS = "no span came of a request"
_NO_ERROR = "no request was answered with an error"
_NO_LEVELS = "its log records have no level, so errors are not told from others: give each a level"

Value = float | None
Request = Mapping[str, Any]


def compare(before: Facts | None, after: Facts) -> Compared:
    """Return the measures and findings of two arms, or of one."""
    sides = [after] if before is None else [before, after]
    measures = [
        _measure("structured_logs", sides, _structured, _log_why),
        _measure("log_levels", sides, _levelled, lambda facts: _log_why(facts) or "no line of its log is JSON"),
        _measure("log_request_ids", sides, _named, lambda facts: _log_why(facts) or "no line of its log is JSON"),
        _measure("errors_logged_once", sides, _once, lambda facts: _log_why(facts) or _once_why(facts)),
        _measure("metrics_endpoint", sides, _endpoint, lambda facts: facts["metrics"]["why"]),
        _measure(
            "metrics_counts", sides, _counts, lambda facts: facts["metrics"].get("told") or facts["metrics"]["why"]
        ),
        _measure("traces", sides, _traced, _trace_why),
        _measure("traced_statements", sides, _statements, lambda facts: _trace_why(facts) or _statement_why(facts)),
        _measure("spans_per_request", sides, _spans, lambda facts: _trace_why(facts) or _NO_SPANS),
    ]
    for place, metric in enumerate(("span_time_own", "span_time_database", "span_time_calls"), 1):
        measures.append(_measure(metric, sides, _time(place), lambda facts: _trace_why(facts) or _NO_SPANS))
    findings: list[Finding] = []
    for facts, name in zip(sides[::-1], ("candidate", "baseline"), strict=False):
        findings += _findings(facts, name if len(sides) == 2 else "")
    return Compared(tuple(measures), tuple(findings))


def _measure(
    metric: str, sides: Sequence[Facts], value: Callable[[Facts], Value], why: Callable[[Facts], str]
) -> Measure:
    values = [value(facts) for facts in sides]
    reason = next((why(facts) for facts, each in zip(sides[::-1], values[::-1], strict=True) if each is None), "")
    before = values[0] if len(values) == 2 else None
    return Measure(metric, values[-1], before, why=reason or "it was not told", shown=True)


def _share(good: int, total: int) -> Value:
    return good / total if total else None


def _logged(facts: Facts) -> list[Request]:
    return [each for each in facts["requests"] if each["status"] and "log" in each]


def _log_why(facts: Facts) -> str:
    return str(facts["log"]["why"])


def _structured(facts: Facts) -> Value:
    if not facts["log"]["seen"]:
        return None
    every = _logged(facts)
    return _share(sum(0 < each["log"]["lines"] == each["log"]["records"] for each in every), len(every))


def _levelled(facts: Facts) -> Value:
    every = [each["log"] for each in _logged(facts)]
    return _share(sum(each["levels"] for each in every), sum(each["records"] for each in every))


def _named(facts: Facts) -> Value:
    every = [each["log"] for each in _logged(facts) if each["log"]["told"]]
    return _share(sum(each["named"] == each["told"] for each in every), len(every))


def _failed(facts: Facts) -> list[Request]:
    return [each for each in _logged(facts) if each["status"] >= 400]


def _rightly_logged(each: Request) -> bool:
    """Tell whether an error was logged once; what a client did wrong need not be logged at all."""
    log = each["log"]
    if each["status"] >= 500:
        return bool(log["errors"] <= 1 <= log["errors"] + log["failed"])
    return bool(log["errors"] + log["warnings"] <= 1)


def _once(facts: Facts) -> Value:
    if not facts["log"]["seen"] or not _levelled(facts):
        return None
    every = _failed(facts)
    return _share(sum(map(_rightly_logged, every)), len(every))


def _once_why(facts: Facts) -> str:
    return _NO_ERROR if _levelled(facts) else _NO_LEVELS


def _endpoint(facts: Facts) -> Value:
    state = facts["metrics"]["state"]
    return None if state == "unasked" else float(state == "read")


def _counts(facts: Facts) -> Value:
    metrics = facts["metrics"]
    if metrics["state"] != "read":
        return None if metrics["state"] == "unasked" else 0.0
    if metrics["counts"] is None:
        return None
    parts = [metrics["counts"], *([metrics["errors_counted"]] if "errors_counted" in metrics else [])]
    return _share(sum(parts), len(parts))


def _asked(facts: Facts) -> list[Request]:
    return [each for each in facts["requests"] if each["status"] and each["right"]]


def _trace_why(facts: Facts) -> str:
    return str(facts["traces"]["why"])


def _traced(facts: Facts) -> Value:
    if not facts["traces"]["heard"] or facts["traces"]["why"]:
        return None
    every = _asked(facts)
    return _share(sum(each["followed"] for each in every), len(every))


def _seen(facts: Facts) -> list[Request]:
    return [each for each in _asked(facts) if each.get("followed")]


def _counted(facts: Facts) -> list[Request]:
    return [each for each in _seen(facts) if each["statements"] is not None]


def _statements(facts: Facts) -> Value:
    every = _counted(facts)
    total = sum(each["statements"] for each in every)
    return _share(sum(min(each["queries"], each["statements"]) for each in every), total)


def _statement_why(facts: Facts) -> str:
    if not _seen(facts):
        return _NO_SPANS
    return "no request sent a statement" if _counted(facts) else _NO_STATEMENTS


def _mean_by_name(facts: Facts, value: Callable[[Request], float]) -> Value:
    """Return the mean over request names: some are sent oftener than others, only to be counted."""
    by_name: dict[str, list[float]] = {}
    for each in _seen(facts):
        by_name.setdefault(each["name"], []).append(value(each))
    return fmean(fmean(values) for values in by_name.values()) if by_name else None


def _spans(facts: Facts) -> Value:
    return _mean_by_name(facts, lambda each: each["spans"])


def _time(place: int) -> Callable[[Facts], Value]:
    return lambda facts: _mean_by_name(facts, lambda each: each["ms"][place])


def _findings(facts: Facts, arm: str) -> list[Finding]:
    """Return what is wrong with one arm, each with what to do, and where the time of its requests goes."""
    where = f" ({arm})" if arm else ""
    level: Literal["warning", "info"] = "info" if arm == "baseline" else "warning"
    found: list[Finding] = []

    def add(kind: str, text: str, **evidence: Any) -> None:
        found.append(Finding(kind, "all", level, f"{text}{where}", {"arm": arm, **evidence}))

    if facts["log"]["seen"]:
        _of_logs(facts, add)
    if facts["log"]["leaks"]:
        names = listed(list(facts["log"]["leaks"]))
        add(
            "log_secret",
            f"what the header {names} holds stands in the log: leave it out",
            headers=facts["log"]["leaks"],
        )
    _of_metrics(facts["metrics"], add)
    if facts["traces"]["heard"] and not facts["traces"]["why"]:
        _of_traces(facts, add)
    spent = _where_time_goes(facts)
    if spent:
        text = f"where the time goes, by spans: {'; '.join(spent[:_MOST_SHOWN])}{where}"
        found.append(Finding("span_times", "all", "info", text, {"arm": arm, "requests": spent}))
    return found


Add = Callable[..., None]


def _of_logs(facts: Facts, add: Add) -> None:
    every = _logged(facts)
    plain = [each for each in every if each["log"]["lines"] > each["log"]["records"]]
    silent = [each for each in every if not each["log"]["lines"]]
    if plain:
        add(
            "log_unstructured",
            f"{len(plain)} of {len(every)} requests are logged in lines that are no JSON ({_names(plain)}): "
            "log one JSON object a line, also of errors and of the web server",
            requests=len(plain),
        )
    if silent:
        add(
            "log_silent",
            f"{len(silent)} of {len(every)} requests leave nothing in the log ({_names(silent)}): log each once",
            requests=len(silent),
        )
    logs = [each["log"] for each in every]
    records, levels = sum(log["records"] for log in logs), sum(log["levels"] for log in logs)
    if levels < records:
        add("log_level", f"{records - levels} of {records} log records have no level: give each one", records=records)
    unnamed = [each for each in every if each["log"]["named"] < each["log"]["told"]]
    if unnamed:
        add(
            "log_request_id",
            f"{len(unnamed)} of {len(every)} requests have log records that do not name them ({_names(unnamed)}): "
            "write the request's id or its trace id into each",
            requests=len(unnamed),
        )
    failed = _failed(facts)
    if not levels:
        return
    twice = [each for each in failed if not _rightly_logged(each) and each["log"]["errors"] + each["log"]["warnings"]]
    unlogged = [each for each in failed if not _rightly_logged(each) and each not in twice]
    if twice:
        most = max(each["log"]["errors"] + each["log"]["warnings"] for each in twice)
        add(
            "error_logged_twice",
            f"{len(twice)} of {len(failed)} errors are logged up to {most} times ({_names(twice)}): "
            "log an error where it is handled, and nowhere else",
            requests=len(twice),
        )
    if unlogged:
        add(
            "error_unlogged",
            f"{len(unlogged)} of {len(failed)} errors of the service are not logged as errors ({_names(unlogged)})",
            requests=len(unlogged),
        )


def _of_metrics(metrics: Mapping[str, Any], add: Add) -> None:
    if metrics["state"] in ("missing", "unreadable"):
        add(f"metrics_{metrics['state']}", metrics["why"])
    if metrics["state"] != "read":
        return
    if metrics["counts"] is False:
        counter = metrics["counter"]
        add(
            "metrics_miscount",
            f"{counter} moved by {digits(metrics['moved'], 3)} over {metrics['sent']} requests: count each once"
            if counter
            else f"no counter of requests is among {metrics['series']:,} series: add one",
            counter=counter,
            moved=metrics["moved"],
        )
    elif metrics.get("errors_counted") is False:
        text = f"{metrics['counter']} does not count requests that are answered with an error: count them too"
        add("metrics_errors_uncounted", text, counter=metrics["counter"])
    if metrics.get("raw"):
        add(
            "metrics_raw_paths",
            f"{metrics['raw']} has a series for every path that anyone asks for: label by route, not by path",
            metric=metrics["raw"],
        )


def _of_traces(facts: Facts, add: Add) -> None:
    traces, every = facts["traces"], _asked(facts)
    lost = [each for each in every if not each["followed"]]
    if lost and not traces["ours"] and traces["strange"]:
        add(
            "traces_begun_anew",
            f"spans came under {traces['strange']} trace ids of its own: take over the traceparent of requests",
            strange=traces["strange"],
        )
    elif lost and not traces["ours"]:
        add(
            "traces_missing",
            "no span came to where OTEL_EXPORTER_OTLP_ENDPOINT points: trace requests with OpenTelemetry",
        )
    elif lost:
        part = [each for each in lost if each["spans"]]
        text = f"{len(lost)} of {len(every)} requests are not traced ({_names(lost)})"
        if part and len(part) == len(lost):
            text = f"spans of {len(lost)} of {len(every)} requests do not hang below the span that sent them"
        add("traces_broken", text, requests=len(lost))
    short = [each for each in _counted(facts) if each["queries"] < each["statements"]]
    if short:
        _untraced(short, add)


def _untraced(short: Sequence[Request], add: Add) -> None:
    told = [f"{each['name']}: {each['queries']} spans of {each['statements']} statements" for each in short]
    add("statements_untraced", f"the database sees more than the traces show: {listed(told, 4)}", requests=len(short))


def _where_time_goes(facts: Facts) -> list[str]:
    """Return a line per request name that was traced, the slowest first."""
    by_name: dict[str, list[Request]] = {}
    for each in _seen(facts):
        by_name.setdefault(each["name"], []).append(each)
    lines = []
    for name, requests in by_name.items():
        total, own, database, calls = (fmean(each["ms"][place] for each in requests) for place in range(4))
        queries = max(each["queries"] for each in requests)
        spans = f" in {queries} {'query' if queries == 1 else 'queries'}" if queries else ""
        parts = [f"own {digits(own, 3)}", *([f"database {digits(database, 3)}{spans}"] if queries or database else [])]
        parts += [f"calls {digits(calls, 3)}"] if calls else []
        lines.append((total, f"{name} {digits(total, 3)} ms ({', '.join(parts)})"))
    return [text for _, text in sorted(lines, reverse=True)]


def _names(requests: Sequence[Request]) -> str:
    return listed(list(dict.fromkeys(str(each["name"]) for each in requests)), 3)
