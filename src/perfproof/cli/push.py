"""``perfproof push RUN...``: figures and verdicts of recorded runs to a collector, over OTLP."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlsplit

import typer

from perfproof.cli.common import options
from perfproof.cli.common.console import tell
from perfproof.core.numbers import count_of
from perfproof.errors import UsageError

WITHIN = 10.0
"""Seconds that a collector may take for one run."""
_USUAL = "http://127.0.0.1:4318"
_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"


def push(
    *,
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN...]", help="Runs: id, label, baseline or a folder. Default: last."),
    ] = None,
    otlp: Annotated[
        str | None,
        typer.Option(
            help=f"The collector, for OTLP over HTTP (/v1/metrics is added). Default: ${_VARIABLE}, else {_USUAL}.",
            metavar="URL",
            show_default=False,
        ),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Also send to this host, which is not this machine. May be repeated.", metavar="HOST"),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(help="Send this header too, e.g. 'Authorization: ...'. May be repeated.", metavar="HEADER"),
    ] = None,
    storage: options.Storage,
    quiet: options.Quiet = False,
) -> None:
    """Send figures and verdicts of runs to a collector, as OTLP metrics. Nothing else of a run is sent."""
    from perfproof.http.plain_client import Client
    from perfproof.report.otlp import to_otlp

    address = (otlp or os.environ.get(_VARIABLE) or _USUAL).rstrip("/")
    headers = dict(_header(each) for each in header or ())
    _allowed(address, allow or ())
    session = storage.session()
    client = Client(address.removesuffix("/v1/metrics"))
    for run in runs or ["last"]:
        result = session.judge(run)
        body = to_otlp(result)
        answer = client.send("POST", "/v1/metrics", headers, data=body, within=WITHIN)
        if not 200 <= answer.status < 300:
            raise UsageError(
                f"{address} did not take {result.run_ids[-1]}",
                why=answer.problem or f"status {answer.status}",
                hint="does a collector listen there for OTLP over HTTP (usually port 4318)? see docs/telemetry.md",
            )
        refused = _refused(answer.data)
        if refused:
            raise UsageError(
                f"{address} refused {refused} points of {result.run_ids[-1]}",
                hint="read the collector's log; one that takes old points is needed for runs of some time ago",
            )
        if not quiet:
            metrics = body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
            points = sum(len(each["gauge"]["dataPoints"]) for each in metrics)
            tell(f"{result.run_ids[-1]}: {count_of(points, 'point')} sent to {urlsplit(address).netloc}")


def _allowed(address: str, allow: Sequence[str]) -> None:
    """Raise ``UsageError`` unless the collector is on this machine, or its host is named."""
    from perfproof.http.plain_client import require_loopback

    host = (urlsplit(address).hostname or "").lower()
    if host in {each.lower() for each in allow} and urlsplit(address).scheme in ("http", "https"):
        return
    try:
        require_loopback(address)
    except UsageError as error:
        raise UsageError(
            f"nothing is sent to {host or address}",
            why=error.what,
            hint=f"say so if it is meant: --allow {host}" if host else "write it as http://127.0.0.1:4318",
        ) from None


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise UsageError("a --header is no header", hint="write it as 'Name: value'")  # its value may be a secret
    return name.strip(), value.strip()


def _refused(data: object) -> int:
    """Return how many points a collector says that it refused."""
    part = data.get("partialSuccess") if isinstance(data, dict) else None
    told = part.get("rejectedDataPoints") if isinstance(part, dict) else None
    return int(told) if isinstance(told, int | str) and str(told).isdigit() else 0
