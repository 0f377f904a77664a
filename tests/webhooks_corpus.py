"""Services with webhooks, one known fault each, on three stacks, and their mended twins: what judges the check."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from checks_corpus import available, database_of, seed
from perfproof.checks import registry
from perfproof.checks.arm import CheckedArm, KnownRequest, ProbeClient
from perfproof.checks.receiver import Receiver
from perfproof.http.plain_client import Client
from perfproof.measure.checks import bounded
from perfproof.model.checks import Compared
from perfproof.model.scenario import Arm, Service

HOOKS = Path(__file__).parent / "checks" / "hooks"
STACKS = ("stdlib", "flask", "express")
SECRET = "whsec_c2VhLWhvcnNlLTQ3MTEtc3RhcGxl"
SIGNATURES: Mapping[str, dict[str, str | None]] = {
    "stdlib": {"header": "X-Signature", "scheme": "hex", "secret": "WEBHOOK_SECRET"},
    "flask": {"header": None, "scheme": "standard", "secret": "WEBHOOK_SECRET"},
    "express": {"header": None, "scheme": "github", "secret": "WEBHOOK_SECRET"},
}
FAULTS: Mapping[str, tuple[str, ...]] = {
    "loses_some": ("webhook_lost",),
    "delivers_twice": ("webhook_duplicate",),
    "unsigned": ("webhook_unsigned",),
    "old_secret": ("webhook_wrong_signature",),
    "signs_other_bytes": ("webhook_wrong_signature",),
    "never_retries": ("webhook_not_retried",),
    "forgets_timeouts": ("webhook_not_retried",),
    "no_back_off": ("webhook_no_back_off",),
    "knows_only_204": ("webhook_duplicate",),
    "inline": ("webhook_inline",),
}
"""Each fault with the finding that has to tell it."""


@contextmanager
def service(stack: str, folder: Path, *faults: str) -> Iterator[tuple[str, Path]]:
    """Lend a service that runs: where it answers, and its data."""
    database = database_of(stack, folder)
    seed(database)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = ["node", str(HOOKS / "hooks_express.js")]
    if stack != "express":
        program = [sys.executable, str(HOOKS / f"hooks_{stack}.py")]
    line = [*program, str(port), str(database), *faults]
    environment = {**os.environ, "WEBHOOK_SECRET": SECRET}
    process = subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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


def checked(stack: str, origin: str, database: Path, **more: Any) -> tuple[dict[str, Any], Compared]:
    """Return what the check observes of the service at ``origin``, and what it makes of that alone."""
    check = registry.find("webhooks")
    assert check is not None
    settings = {each.name: each.default for each in check.settings}
    settings |= {"request": "order", "times": 4, "within": 2, "settle": 300, "hold": 1, "retry_within": 3}
    settings |= {"signature": SIGNATURES[stack], **more}
    with Receiver() as receiver:
        body = json.dumps({"item": 1, "callback": receiver.url}).encode()
        order = KnownRequest("order", "POST", "/orders", {"content-type": "application/json"}, body, reads=False)
        arm = CheckedArm(
            arm=Arm("candidate", Service(url=origin, environment={"WEBHOOK_SECRET": SECRET})),
            asker=ProbeClient(Client(origin), 100, 60.0),
            settings=settings,
            requests=(order,),
            writes=True,
            reset=lambda: seed(database),
            receiver=receiver,
            refill=lambda name: order if name == "order" else None,
        )
        facts = bounded(check.observe(arm), lambda text: text)
    return facts, check.compare(None, facts, settings)


__all__ = ["FAULTS", "SECRET", "SIGNATURES", "STACKS", "available", "checked", "service"]
