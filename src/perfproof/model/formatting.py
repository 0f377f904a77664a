"""Numbers and names as people read them: "−24.1 %", "12.3 ms", "81 MiB", "[−26.0, −22.1]".

Every renderer formats through here, so a figure looks the same wherever it appears. Unknown values (None, NaN,
infinite) become an em dash.
"""

from __future__ import annotations

import math
import re
import unicodedata

from perfproof.core.numbers import digits
from perfproof.model import service_metrics
from perfproof.model.metrics import METRICS
from perfproof.model.scenario import Goal

NOTHING = "—"
NARROW = 22
"""Characters that names of a service's own metrics have in narrow places; they are cut in their middle."""
_SPACES = str.maketrans("\t\n\r", "   ")
MINUS = "−"

TYPICAL = (
    "typ.: the typical change: what the percentile of each kind of request changed by, weighted by the time such "
    "requests take (where requests were paired, each against its twin); the values beside it are percentiles of all "
    "these requests together, which move otherwise."
)
"""What is written below a table that has typical changes (model/result.py)."""

SHORT_TITLES = {
    "latency_p50": "p50",
    "latency_mean": "mean",
    "latency_p95": "p95",
    "latency_p99": "p99",
    "cpu_per_request": "CPU/request",
    "instructions_per_request": "instructions",
    "memory_peak": "peak memory",
    "memory_steady": "steady memory",
    "memory_growth": "memory growth",
    "throughput": "throughput",
    "capacity": "capacity",
    "error_rate": "errors",
    "time_to_first_message": "first message",
    "time_to_first_message_p95": "p95 first msg",
    "time_between_messages": "message gap",
    "time_between_messages_p95": "p95 msg gap",
    "queries_per_request": "queries",
    "rows_fetched_per_request": "rows fetched",
    "db_time_per_request": "DB time",
    "response_bytes": "response",
    "error_contract": "err. contract",
    "error_shape": "error shape",
    "error_status": "error status",
    "error_messages": "messages",
    "error_codes": "error codes",
    "error_correlation": "correlation",
    "error_latency": "error latency",
    "contract": "contract",
    "missing_operations": "missing ops",
    "undocumented_operations": "undocumented",
    "breaking_changes": "breaking",
    "deprecation_headers": "deprecations",
    "pagination": "pagination",
    "batch_cost": "batch/item",
    "batch_queries": "batch queries",
    "build_time": "build time",
    "test_time": "test time",
    "binary_size": "binary",
    "image_size": "image",
    "lines_of_code": "lines",
    "build_warnings": "warnings",
    "dependencies": "dependencies",
    "unused_dependencies": "unused deps",
    "unused_imports": "unused import",
    "dead_code": "dead code",
    "duplicates": "duplicates",
    "structured_logs": "JSON logs",
    "log_levels": "log levels",
    "log_request_ids": "log ids",
    "errors_logged_once": "errors logged",
    "metrics_endpoint": "metrics",
    "metrics_counts": "counts",
    "traces": "traces",
    "traced_statements": "traced SQL",
    "spans_per_request": "spans",
    "span_time_own": "own time",
    "span_time_database": "database time",
    "span_time_calls": "calls time",
    "webhook_delivered": "delivered",
    "webhook_latency": "hook latency",
    "webhook_duplicates": "hooks doubled",
    "webhook_signed": "hooks signed",
    "webhook_retried": "hooks retried",
    "security_headers": "sec. headers",
    "cors": "CORS",
    "cookie_flags": "cookie flags",
    "error_leaks": "error leaks",
    "secrets_in_answers": "secrets",
    "reflected_input": "reflected",
    "sql_injection": "SQL injection",
    "authorisation": "authorisation",
    "csrf": "CSRF",
    "tls_faults": "old TLS",
    "rate_limited": "rate limited",
    "rate_limit": "rate limit",
    "rate_window": "rate window",
    "limiter_cost": "limiter cost",
}
"""Titles for narrow places; at most 13 characters."""

_UNBREAKABLE = re.compile(
    r"(?<=[\d—]) (?=%|ms\b|s\b|[kMG]\b|[KMG]iB\b|rounds?\b)|(?<=%) (?=CI\b)|(?<=[\d.],) (?=[+−\d.]+\])"
)
_BINARY = ((1024.0**3, "GiB"), (1024.0**2, "MiB"), (1024.0, "KiB"))


def known(number: float | None) -> bool:
    """Tell whether there is a finite number to show."""
    return number is not None and math.isfinite(number)


def title(metric: str, *, short: bool = False) -> str:
    """Return a metric's title for people; a metric that is not known keeps its name."""
    if short and metric in SHORT_TITLES:
        return SHORT_TITLES[metric]
    if short and service_metrics.is_one(metric):
        return ends(METRICS[metric].title, NARROW)
    return METRICS[metric].title if metric in METRICS else metric.replace("_", " ")


def change(fraction: float | None, *, typical: bool = False) -> str:
    """Format a change (0.048 = 4.8 % more) with its sign, and say where it is a typical one; zero has no sign."""
    if fraction is None or not math.isfinite(fraction * 100):
        return NOTHING
    return f"{_signed(fraction)} %{' typ.' if typical else ''}"


def interval(low: float | None, high: float | None) -> str:
    """Format the interval of a change in percent, without repeating the sign of percent."""
    if low is None or high is None or not (math.isfinite(low * 100) and math.isfinite(high * 100)):
        return NOTHING
    return f"[{_signed(low)}, {_signed(high)}]"


def value(number: float | None, unit: str) -> str:
    """Format a value of one of the model's units to three significant digits in the unit that fits its size."""
    if number is None or not math.isfinite(number):
        return NOTHING
    match unit:
        case "ms":
            return _time(number)
        case "bytes":
            return _bytes(number)
        case "bytes/1000":
            return f"{_bytes(number)}/1k"
        case "bytes/s":
            return f"{_bytes(number)}/s"
        case "1/s":
            return f"{_digits(number)}/s"
        case "ratio":
            return share(number)
        case "queries" | "rows" | "count" | "number":
            return count(round(number)) if float(number).is_integer() else _digits(number)
        case "instructions":
            return _large(number)
        case _:
            return f"{_digits(number)} {unit}".rstrip()


def value_range(low: float | None, high: float | None, unit: str) -> str:
    """Format the interval of a value."""
    if not (known(low) and known(high)):
        return NOTHING
    return f"[{value(low, unit)}, {value(high, unit)}]"


def share(fraction: float | None) -> str:
    """Format a share without a sign: "95 %", "0.1 %"."""
    if fraction is None or not math.isfinite(fraction * 100):
        return NOTHING
    return f"{digits(fraction * 100, 3)} %".replace("-", MINUS)


def goal(wanted: Goal | None) -> str:
    """Format a goal: "20 %", "20–30 %", or nothing."""
    if wanted is None:
        return ""
    if wanted.stretch is None:
        return share(wanted.improve)
    return f"{wanted.improve * 100:.4g}–{share(wanted.stretch)}"


def count(number: int) -> str:
    """Format a count with thousands separators."""
    return f"{number:,}".replace("-", MINUS)


def duration(seconds: float | None) -> str:
    """Format a stretch of time: "45 s", "2 min 05 s", "1 h 02 min"."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def printable(text: str) -> str:
    """Return text without control and direction characters, each shown as one mark; its lines and tabs stay."""
    if text.isprintable():  # which is true of nothing that is hidden, and asked at once of the whole text
        return text
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if letter not in "\t\n" and _hidden(letter) else letter for letter in text
    )


def plain(text: object, limit: int = 120) -> str:
    """Make text of unknown origin safe to show: one line, no control or direction characters, at most ``limit`` long.

    Names and error texts come from the user's service; an escape sequence must not reach a terminal, a right-to-left
    override must not turn a line round, and half a surrogate pair must not break the encoding of the whole report.
    """
    raw = str(text)
    cut = raw[: limit + 1]
    shown = cut if cut.isprintable() else printable(cut.translate(_SPACES))
    return shown if len(raw) <= limit else shown[: limit - 1] + "…"


def ends(text: object, limit: int) -> str:
    """Return text as ``plain`` does, but cut in its middle: what tells long request names apart is often their end."""
    whole = plain(text, 4 * limit)
    if len(whole) <= limit:
        return whole
    kept = limit - 1
    return f"{whole[: kept - kept // 2].rstrip()}…{whole[-(kept // 2) :].lstrip()}"


def unbroken(text: str) -> str:
    """Return text whose numbers keep their units at the end of a line, by no-break spaces."""
    return _UNBREAKABLE.sub("\N{NO-BREAK SPACE}", text)


def _hidden(letter: str) -> bool:
    return unicodedata.category(letter) in {"Cc", "Cf", "Cn", "Cs", "Zl", "Zp"}


def _signed(fraction: float) -> str:
    scaled = fraction * 100
    places = 1 if abs(scaled) < 999.95 else 0
    text = f"{scaled:+,.{places}f}"
    if not text.strip("+-0."):
        text = text[1:]
    return text.replace("-", MINUS)


def _digits(number: float) -> str:
    """Return three significant digits, never in scientific form for ordinary sizes."""
    size = abs(number)
    if size >= 99.95:
        text = f"{number:,.0f}"
    elif size >= 9.995:
        text = f"{number:.1f}"
    elif size >= 0.9995 or size == 0:
        text = f"{number:.2f}" if size else "0"
    else:
        text = f"{number:#.3g}"
    return text.replace("-", MINUS)


def _large(number: float) -> str:
    for size, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size * 0.9995:
            return f"{_digits(number / size)} {name}"
    return _digits(number)


def _time(milliseconds: float) -> str:
    size = abs(milliseconds)
    if size >= 999.5:
        return f"{_digits(milliseconds / 1000)} s"
    if 0 < size < 0.0995:
        return f"{_digits(milliseconds * 1000)} µs"
    return f"{_digits(milliseconds)} ms"


def _bytes(number: float) -> str:
    for size, name in _BINARY:
        if abs(number) >= size * 0.9995:
            text = _digits(number / size)
            return f"{text.removesuffix('.00').removesuffix('.0')} {name}"
    return f"{number:.0f} B".replace("-", MINUS) if round(number) else "0 B"
