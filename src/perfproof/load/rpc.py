"""How an engine is commanded, whether by the parent over its socket or by the master of several workers."""

from __future__ import annotations

import os
import resource
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from perfproof.core import codec
from perfproof.errors import LoadError, UnsendableError, UsageError
from perfproof.load.plan import PairStretch

if TYPE_CHECKING:
    from perfproof.http.found_secrets import FoundSecrets
    from perfproof.load.plan import BlockReport, PairsReport, WarmReport

_KINDS = (UsageError, UnsendableError, LoadError)
"""Errors that whoever asked can tell apart; a subclass comes before its base."""

Known = Mapping[str, Callable[[Mapping[str, Any]], Any]]


class LoadCommands(Protocol):
    """What can be commanded: an engine, or a master of several. ``found_secrets`` are secrets that responses held."""

    found_secrets: FoundSecrets

    def open(self, arm: int, base_url: str) -> None:
        """See Engine.open."""

    def warm(self, arm: int, seconds: float, requests: int, *, fresh: bool) -> WarmReport:
        """See Engine.warm."""

    def block(self, arm: int, pair: int, seconds: float, seed: int, *, rate: float | None = None) -> BlockReport:
        """See Engine.block."""

    def alone(self, arm: int) -> int:
        """See Engine.alone."""

    def probe(self, arm: int, request: int, values: Any, *, fresh: bool, headers: Any, times: int) -> Any:
        """See Engine.probe."""

    def walk(self, arm: int, flow: int, step: int, variants: Any, *, fresh: bool, warming: bool) -> Any:
        """See Engine.walk."""

    def pairs(self, stretch: PairStretch) -> PairsReport:
        """See Engine.pairs."""

    def try_out(self, arm: int) -> list[dict[str, Any]]:
        """See Engine.try_out."""

    def learned(self) -> dict[str, Any]:
        """See Engine.learned."""

    def seal(self, path: Path) -> int:
        """See Engine.seal."""

    def discard(self) -> None:
        """See Engine.discard."""

    def abort(self) -> None:
        """See Engine.abort."""

    def break_off(self, error: LoadError) -> None:
        """See Engine.break_off."""


@runtime_checkable
class LocustCommands(Protocol):
    """What also knows of a Locust file."""

    def users(self) -> dict[str, Any]:
        """See Crowds.users."""


def commands(engine: LoadCommands) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
    """Return what the parent may ask for, by name."""
    known: dict[str, Callable[[Mapping[str, Any]], Any]] = {
        "open": lambda c: engine.open(c["arm"], c["url"]),
        "warm": lambda c: asdict(engine.warm(c["arm"], c["seconds"], c["requests"], fresh=c["fresh"])),
        "block": lambda c: asdict(engine.block(c["arm"], c["pair"], c["seconds"], c["seed"], rate=c.get("rate"))),
        "pairs": lambda c: asdict(engine.pairs(codec.decode(PairStretch, c["stretch"]))),
        "alone": lambda c: engine.alone(c["arm"]),
        "probe": lambda c: engine.probe(
            c["arm"], c["request"], c["values"], fresh=c["fresh"], headers=c["headers"], times=c["times"]
        ),
        "walk": lambda c: engine.walk(
            c["arm"], c["flow"], c["step"], c["variants"], fresh=c["fresh"], warming=c["warming"]
        ),
        "try": lambda c: engine.try_out(c["arm"]),
        "learned": lambda _: engine.learned(),
        "seal": lambda c: engine.seal(Path(c["path"])),
        "discard": lambda _: engine.discard(),
    }
    if isinstance(engine, LocustCommands):
        known |= {"users": lambda _: engine.users(), "alive": lambda _: True}
    return known


def dispatch(command: Mapping[str, Any], known: Known, found_secrets: FoundSecrets | None = None) -> dict[str, Any]:
    """Carry out one command and return the reply: its number with ``ok`` or ``error``, and secrets that came up."""
    reply: dict[str, Any] = {"number": command["number"]}
    try:
        reply["ok"] = known[command["do"]](command)
    except (LoadError, UsageError) as error:
        reply["error"] = error_payload(error)
    except Exception as error:  # noqa: BLE001 - who asked is told, and the log has the place
        traceback.print_exc()
        reply["error"] = {"what": f"the load process failed: {type(error).__name__}", "why": None, "hint": None}
    if found_secrets is not None and (found := found_secrets.take()):
        reply["secrets"] = found
    return reply


def error_payload(error: LoadError | UsageError) -> dict[str, Any]:
    """Return an error as it travels to whoever has asked."""
    kind = next((kind for kind in _KINDS if isinstance(error, kind)), LoadError)
    return {"what": error.what, "why": error.why, "hint": error.hint, "where": error.where, "kind": kind.__name__}


def error_of(error_payload: Mapping[str, Any]) -> LoadError | UsageError:
    """Return the error that ``error_payload`` has put into a reply."""
    kind = next((kind for kind in _KINDS if kind.__name__ == error_payload.get("kind")), LoadError)
    return kind(
        error_payload["what"], where=error_payload.get("where"), why=error_payload["why"], hint=error_payload["hint"]
    )


def result_of(reply: Mapping[str, Any]) -> Any:
    """Return what a reply holds; LoadError if the command failed."""
    if "error" in reply:
        raise error_of(reply["error"])
    return reply["ok"]


def allow_many_files() -> None:
    """Raise the limit of open files as far as allowed: every connection is one."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def settle(cpus: tuple[int, ...]) -> None:
    """Stay on ``cpus`` (any if there are none) and allow many connections."""
    if cpus:
        os.sched_setaffinity(0, cpus)
    allow_many_files()
