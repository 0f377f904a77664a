"""Small services with one known fault each, on three stacks, and their mended twins: what checks are judged by.

A fault says which finding it has to bring up (several, where any of them tells it), and in which check.
"""

from __future__ import annotations

import json
import os
import runpy
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perfproof.checks import registry
from perfproof.checks.arm import CheckedArm, KnownRequest, ProbeClient
from perfproof.documents.document import Document, parse
from perfproof.documents.operations import shown_by
from perfproof.http.message import TRACE, trace_header
from perfproof.http.plain_client import Answer, Client
from perfproof.measure.checks import bounded
from perfproof.model.checks import Compared
from perfproof.model.result import Finding
from perfproof.model.scenario import Arm, Service
from perfproof.telemetry.receiver import receiving

SHOPS = Path(__file__).parent / "checks" / "shops"
_SEED = runpy.run_path(str(SHOPS / "seed.py"))
"""What the shops are made anew with: ``main`` of the file that scenarios run."""
STACKS = ("stdlib", "flask", "express")
TOKEN = {"authorization": "Bearer let-me-in"}
COOKIE = {"cookie": "login=let-me-in"}
OF_SECURITY: Mapping[str, Any] = {
    "bodies": True,
    "second": {"headers": {"authorization": "Bearer let-me-in-too"}, "own": []},
    "read_only": {"headers": {"authorization": "Bearer read-only"}},
    "rate_limit": {"request": ["limited"], "most": 30, "window": 5},
}


@dataclass(frozen=True)
class Fault:
    """A fault: the check that has to find it, the findings that tell it, and whether it needs to be let write."""

    check: str
    kinds: tuple[str, ...]
    writes: bool = False
    stacks: tuple[str, ...] = STACKS


FAULTS: Mapping[str, Fault] = {
    "html_not_found": Fault("error_contract", ("error_shape",)),
    "other_shape": Fault("error_contract", ("error_shape",)),
    "unknown_is_500": Fault("error_contract", ("error_status",)),
    "unknown_is_200": Fault("error_contract", ("error_status",)),
    "no_message": Fault("error_contract", ("error_message",)),
    "code_for_message": Fault("error_contract", ("error_message",)),
    "stack_trace": Fault("error_contract", ("error_message",)),
    "sql_in_message": Fault("error_contract", ("error_message",)),
    "path_in_message": Fault("error_contract", ("error_message",)),
    "unlisted_code": Fault("error_contract", ("error_code",)),
    "lax_types": Fault("error_contract", ("error_status",)),
    "lets_anyone_in": Fault("error_contract", ("error_status",)),
    "takes_anything": Fault("error_contract", ("error_status",), writes=True),
    "price_as_text": Fault("contract", ("contract_broken",)),
    "name_left_out": Fault("contract", ("contract_broken",)),
    "unlisted_value": Fault("contract", ("contract_broken",)),
    "unlisted_status": Fault("contract", ("contract_broken",)),
    "missing_route": Fault("contract", ("operation_missing",)),
    "hidden_route": Fault("contract", ("operation_undocumented",)),
    "allows_delete": Fault("contract", ("operation_undocumented",)),
    "silent_deprecation": Fault("contract", ("deprecation_untold",)),
    "deprecation_true": Fault("contract", ("deprecation_untold",)),
    "sunset_before": Fault("contract", ("deprecation_untold",)),
    "unbounded": Fault("contract", ("pagination",)),
    "page_overlap": Fault("contract", ("pagination",)),
    "page_gap": Fault("contract", ("pagination",)),
    "unstable_order": Fault("contract", ("pagination",)),
    "ignores_limit": Fault("contract", ("pagination",)),
    "cursor_repeats": Fault("contract", ("pagination",)),
    "batch_one_by_one": Fault("contract", ("batch_dear", "batch_queries")),
    "tells_version": Fault("security", ("security_headers",)),
    "no_nosniff": Fault("security", ("security_headers",)),
    "page_without_policy": Fault("security", ("security_headers",)),
    "any_origin": Fault("security", ("cors",)),
    "null_origin": Fault("security", ("cors",)),
    "bare_cookie": Fault("security", ("cookie_flags",)),
    "trace_in_500": Fault("security", ("error_leak",)),
    "hash_in_profile": Fault("security", ("secret_in_answer",)),
    "unescaped_search": Fault("security", ("reflected_input",)),
    "sql_in_name": Fault("security", ("sql_injection",), stacks=("stdlib", "flask")),
    "sql_in_id": Fault("security", ("sql_injection",), stacks=("stdlib", "flask")),
    "sql_in_body": Fault("security", ("sql_injection",), writes=True, stacks=("stdlib", "flask")),
    "any_token": Fault("security", ("authorisation",)),
    "others_orders": Fault("security", ("authorisation",)),
    "read_only_writes": Fault("security", ("authorisation",), writes=True),
    "no_csrf_token": Fault("security", ("csrf",), writes=True),
    "no_limit": Fault("security", ("rate_limit",)),
    "limit_untold": Fault("security", ("rate_limit",)),
}
_PYTHON = ("stdlib", "flask")
TELEMETRY: Mapping[str, Fault] = {
    "plain_logs": Fault("telemetry", ("log_unstructured",)),
    "no_level": Fault("telemetry", ("log_level",)),
    "no_request_id": Fault("telemetry", ("log_request_id",)),
    "logged_twice": Fault("telemetry", ("error_logged_twice",)),
    "silent_500": Fault("telemetry", ("error_unlogged",)),
    "unlogged_orders": Fault("telemetry", ("log_silent",)),
    "logs_token": Fault("telemetry", ("log_secret",)),
    "no_metrics": Fault("telemetry", ("metrics_missing",)),
    "broken_metrics": Fault("telemetry", ("metrics_unreadable",)),
    "counts_twice": Fault("telemetry", ("metrics_miscount",)),
    "errors_uncounted": Fault("telemetry", ("metrics_errors_uncounted",)),
    "raw_paths": Fault("telemetry", ("metrics_raw_paths",)),
    "own_trace_ids": Fault("telemetry", ("traces_begun_anew",)),
    "hanging_spans": Fault("telemetry", ("traces_broken",)),
    "no_traces": Fault("telemetry", ("traces_missing",)),
    "untraced_orders": Fault("telemetry", ("traces_broken",)),
    "untraced_queries": Fault("telemetry", ("statements_untraced",), stacks=_PYTHON),
}
"""Faults of what a service tells of itself: it runs with TELLS then (``telemetry_of``)."""
ALSO: Mapping[str, tuple[str, ...]] = {
    "html_not_found": ("error_message", "error_code"),  # a page has neither a message field nor a code
    "other_shape": ("error_message", "error_code"),
    "unknown_is_200": ("error_shape",),
}
"""What is true of a fault besides, so that a finding of it is no false accusation."""


def command(stack: str, port: str, database: Path, faults: tuple[str, ...]) -> list[str]:
    """Return how a shop is started."""
    if stack == "express":
        return ["node", str(SHOPS / "shop_express.js"), port, str(database), *faults]
    return [sys.executable, str(SHOPS / f"shop_{stack}.py"), port, str(database), *faults]


def database_of(stack: str, folder: Path) -> Path:
    """Return where a shop keeps its data."""
    return folder / ("shop.json" if stack == "express" else "shop.db")


def seed(file: Path) -> None:
    """Put the shop's data back."""
    _SEED["main"](str(file))


@contextmanager
def shop(
    stack: str, folder: Path, *faults: str, environment: Mapping[str, str] | None = None, output: Any = None
) -> Iterator[tuple[str, Path]]:
    """Lend a shop that runs: where it answers, and its data; what it prints goes to ``output``, if that is given."""
    database = database_of(stack, folder)
    seed(database)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    line = command(stack, str(port), database, faults)
    sink = subprocess.DEVNULL if output is None else output
    process = subprocess.Popen(line, env={**os.environ, **(environment or {})}, stdout=sink, stderr=sink)
    origin = f"http://127.0.0.1:{port}"
    try:
        client, deadline = Client(origin), time.monotonic() + 20
        while client.send("GET", "/health").status != 200:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(line)} did not start")
            time.sleep(0.05)
        yield origin, database
    finally:
        process.kill()
        process.wait()


def checked(check: str, origin: str, database: Path, *, writes: bool = False) -> tuple[dict[str, Any], Compared]:
    """Return what a check observes of the shop at ``origin``, and what it makes of that alone."""
    found = registry.find(check)
    assert found is not None
    settings = {each.name: each.default for each in found.settings}
    if check == "contract":
        settings["batch"] = {"some prices": "one price"}
    document = next(shown_by(Client(origin)), None)
    requests: tuple[KnownRequest, ...] = (
        KnownRequest("some prices", "GET", "/prices?ids=1,2,3,4,5,6,7,8", path="/prices"),
        KnownRequest("one price", "GET", "/prices/1", path="/prices/{id}", values={"id": 1}),
        KnownRequest("statistics", "GET", "/internal/stats", path="/internal/stats"),
    )
    if check == "security":
        settings |= OF_SECURITY
        document = _with_more(document)
        requests = (
            KnownRequest("price", "GET", "/prices/1", path="/prices/{id}", values={"id": 1}),
            KnownRequest("limited", "GET", "/limited", TOKEN, path="/limited"),
            KnownRequest("me", "GET", "/me", {**COOKIE, "x-csrf-token": "t0ken"}, path="/me"),
        )
    arm = CheckedArm(
        arm=Arm("candidate", Service(url=origin)),
        asker=ProbeClient(Client(origin), 1000, 60.0),
        settings=settings,
        requests=requests,
        headers={**TOKEN, **COOKIE} if check == "security" else TOKEN,
        document=document,
        writes=writes,
        reset=lambda: seed(database),
    )
    facts = bounded(found.observe(arm), lambda text: text)
    return facts, found.compare(None, facts, settings)


def telemetry_of(stack: str, folder: Path, *faults: str) -> tuple[dict[str, Any], Compared, bool]:
    """Return what the check of telemetry observes of a shop, what it makes of it, and whether all data is as it was."""
    found = registry.find("telemetry")
    assert found is not None
    settings = {each.name: each.default for each in found.settings} | {"repeats": 1, "wait": 3}
    log = folder / "shop.log"
    with receiving() as heard, log.open("wb") as output:
        told = {**heard.environment, "TELLS": "1"}
        with shop(stack, folder, *faults, environment=told, output=output) as (origin, database):
            before = content(database)
            arm = CheckedArm(
                arm=Arm("candidate", Service(url=origin)),
                asker=ProbeClient(Client(origin), 600, 60.0),
                settings=settings,
                headers=TOKEN,
                document=next(shown_by(Client(origin)), None),
                statements=_statements if stack in _PYTHON else lambda _: None,
                printed=lambda start: log.read_bytes()[start:],
                listener=heard,
            )
            facts = bounded(found.observe(arm), lambda text: text)
            return facts, found.compare(None, facts, settings), content(database) == before


def _statements(send: Callable[[Mapping[str, str]], Answer]) -> Mapping[str, int]:
    """Return how many statements a shop says that it sent: each knows it truly, whatever its spans say."""
    answer = send({TRACE: trace_header(secrets.randbits(60) | 1, 0)})
    return {"all": int(answer.headers.get("x-statements", 0))}


def _with_more(document: Document | None) -> Document | None:
    """Return the document with the paths that matter for security alone."""
    if document is None:
        return None
    data = json.loads(json.dumps(document.data))
    for path, item in json.loads((SHOPS / "more_paths.json").read_text())["paths"].items():
        data["paths"].setdefault(path, {}).update(item)
    return parse(json.dumps(data), "/openapi.json")


def accusations(compared: Compared) -> set[str]:
    """Return the kinds of findings that accuse a service."""
    return {finding.kind for finding in compared.findings if finding.severity != "info"}


def content(file: Path) -> list[Any]:
    """Return every row of a shop's data."""
    if file.suffix == ".json":
        data: list[Any] = sorted(json.loads(file.read_text()).items())
        return data
    database = sqlite3.connect(file)
    try:
        return [database.execute(f"select * from {name} order by id").fetchall() for name in ("products", "orders")]
    finally:
        database.close()


def told(compared: Compared) -> list[Finding]:
    """Return the findings that accuse a service."""
    return [finding for finding in compared.findings if finding.severity != "info"]


def available(stack: str) -> bool:
    """Tell whether a stack is installed here."""
    return stack != "express" or shutil.which("node") is not None
