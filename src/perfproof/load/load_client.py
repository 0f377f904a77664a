"""The parent's side of the load process: ordinary Python, one method per command."""

from __future__ import annotations

import json
import logging
import math
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from perfproof.core import codec
from perfproof.core.redaction import Redactor
from perfproof.errors import LoadError
from perfproof.http.template import labels, variant_count
from perfproof.load.extra import require_locust
from perfproof.load.plan import (
    BlockReport,
    Inspected,
    Learned,
    PairsReport,
    PairStretch,
    ProbeReply,
    WalkReply,
    WarmReport,
    WrongAnswer,
    encode,
    line,
    plan_of,
)
from perfproof.load.request_source import longest
from perfproof.load.rpc import error_of
from perfproof.machine.signals import uninterrupted
from perfproof.model.scenario import JsonValue, Load, Scenario

_log = logging.getLogger(__name__)
_START_TIMEOUT = 60.0
_STOP_GRACE = 5.0
_SLACK = 60.0
_SEAL_TIMEOUT = 1800.0
_TAIL_LINES = 15
_LONGEST_TASK = 60.0
"""Seconds that the load process gives the users of a Locust file to start, and to end a task."""
_ALIVE = 10.0
"""Seconds within which a load process with a Locust file says that it is alive, once it was told to stop sending."""
_MOST_VARIANTS = 100_000


class LoadProcess:
    """One child process that generates load for a whole run. Its methods are for one thread; ``abort`` is for any.

    ``variants`` holds, per request, a label for each combination of values. Every method raises LoadError when the
    child refuses, has died (with the tail of its log) or does not answer in time.
    """

    def __init__(
        self,
        scenario: Scenario,
        child: subprocess.Popen[bytes],
        channel: socket.socket,
        log: Path,
        redactor: Redactor | None = None,
    ) -> None:
        self._redactor = redactor or Redactor(scenario.secrets)
        self.variants = variants_of(scenario, self._redactor)
        self.pid = child.pid
        self._child = child
        self._channel = channel
        self._log = log
        self._timeout = max(longest(scenario.requests), *(step.timeout for step in scenario.setup), 1.0)
        if scenario.locustfile is not None:
            self._timeout = _LONGEST_TASK + scenario.load.users / (scenario.locustfile.spawn_rate or math.inf)
        self._steps = len(scenario.setup) + 1
        self._peopled = scenario.locustfile is not None
        self._pending = b""
        self._number = 0
        self._stopped = False
        self._aborted = False

    @classmethod
    def start(
        cls,
        scenario: Scenario,
        *,
        log: Path,
        cpus: Collection[int] | None = None,
        folder: Path | None = None,
        redactor: Redactor | None = None,
        inspecting: bool = False,
    ) -> LoadProcess:
        """Start the child, on ``cpus`` only if given, and wait until it is ready; what it prints goes to ``log``.

        Samples that would fill the memory are kept in a file without a name in ``folder`` (that of ``log`` by default).
        ``redactor`` learns the tokens and cookies that responses hold.
        With ``inspecting`` it only looks at a Locust file, for ``users``, and sends nothing.
        """
        require_locust(scenario)
        _check_variants(scenario)
        ours, theirs = socket.socketpair()
        process: LoadProcess | None = None
        try:
            with uninterrupted(), theirs, log.open("ab") as output:
                child = subprocess.Popen(
                    [sys.executable, "-m", "perfproof.load.process", str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,  # a terminal's Ctrl-C reaches the parent alone
                )
                process = cls(scenario, child, ours, log, redactor)
            plan = plan_of(scenario, cpus, folder or log.parent)
            plan = replace(plan, token=_token(scenario.load), inspecting=inspecting)
            process._tell(encode(plan))
            process._hear(_START_TIMEOUT * (3 if plan.load.workers > 1 or plan.load.listen else 1))
            _log.info("load process ready (pid %d, cores %s)", child.pid, sorted(cpus) if cpus else "any")
        except BaseException as error:
            if process is not None:
                process.stop()
                raise
            ours.close()
            if isinstance(error, OSError):
                raise LoadError("the load process cannot be started", why=str(error)) from error
            raise
        return process

    def open(self, arm: int, base_url: str) -> None:
        """Make ready to load ``arm`` at ``base_url``: check the host, run the set-up steps, prepare the requests.

        To be called after each fresh start; connections to the arm from before are dropped.
        """
        self._ask({"do": "open", "arm": arm, "url": base_url}, self._timeout * self._steps)

    def warm(self, arm: int, seconds: float, *, requests: int = 0, fresh_connections: bool = False) -> WarmReport:
        """Put unrecorded load on ``arm`` for ``seconds`` and until at least ``requests`` were sent (60 s at most).

        With ``fresh_connections`` every request opens a connection, so that every process of a service gets some.
        """
        command = {"do": "warm", "arm": arm, "seconds": seconds, "requests": requests, "fresh": fresh_connections}
        return WarmReport(**self._ask(command, seconds + 60.0 + 2 * self._timeout))

    def alone(self, arm: int) -> int:
        """Send a few requests of the mix one at a time; return their median service time in ns (0: none answered)."""
        took: int = self._ask({"do": "alone", "arm": arm}, 2 * self._timeout)
        return took

    def probe(
        self,
        arm: int,
        request: int,
        values: Mapping[str, JsonValue],
        *,
        fresh_connection: bool = False,
        headers: Mapping[str, str] = MappingProxyType({}),
        times: int = 1,
    ) -> ProbeReply:
        """Send ``request`` (its place in the scenario) once and alone, filled with ``values``, and return the reply.

        ``headers`` (small names) take the place of the request's own. With ``times`` it is sent that often, one after
        the other, until one fails; the reply is the last one's. Nothing of it is recorded as load. An answer of a wrong
        status is no error here; see ``ProbeReply.outcome``.
        """
        command = {"do": "probe", "arm": arm, "request": request, "values": dict(values), "fresh": fresh_connection}
        command |= {"headers": dict(headers), "times": times}
        return ProbeReply(**self._ask(command, (1 + times) * self._timeout))

    def walk(
        self, arm: int, flow: int, step: int, variants: Sequence[int], *, fresh_connection: bool, warming: bool
    ) -> WalkReply:
        """Have users take one step of the flow that begins with request ``flow``, one after the other.

        Step 0 is taken by new users, one for each of ``variants`` (combinations of values by number), every later one
        by the same users, who must have come that far. Nobody thinks in between and nothing is recorded as load.
        With ``warming`` feeds give rows of the warm-up.
        """
        command = {"do": "walk", "arm": arm, "flow": flow, "step": step, "variants": list(variants)}
        command |= {"fresh": fresh_connection, "warming": warming}
        return WalkReply(**self._ask(command, (1 + len(variants)) * self._timeout))

    def try_out(self, arm: int) -> list[WrongAnswer]:
        """Send every request of the scenario once and return those that failed, three times in a row."""
        seconds = 3 * self._timeout * max(1, len(self.variants))
        return [WrongAnswer(**each) for each in self._ask({"do": "try", "arm": arm}, seconds)]

    def block(
        self, arm: int, pair: int, position: int, seconds: float, seed: int, *, rate: float | None = None
    ) -> BlockReport:
        """Send one recorded block; the same ``seed`` gives the same requests at the same offsets.

        ``pair`` goes into the samples; ``position`` (first or second of the pair) is the caller's own. ``rate`` (open
        model) stands in for the scenario's.
        """
        del position
        command = {"do": "block", "arm": arm, "pair": pair, "seconds": seconds, "seed": seed, "rate": rate}
        return BlockReport(**self._ask(command, seconds + 2 * self._timeout))

    def pairs(self, stretch: PairStretch) -> PairsReport:
        """Send a stretch of pairs: the same request to every arm, one right after the other."""
        limit = stretch.seconds + (1 + stretch.patience) * len(stretch.arms) * self._timeout
        return codec.decode(PairsReport, self._ask({"do": "pairs", "stretch": codec.encode(stretch)}, limit))

    def learned(self) -> Learned:
        """Return what went wrong since this was last asked, and the names a Locust file's requests have had so far.

        Names keep their places; without a Locust file there are none.
        """
        return codec.decode(Learned, self._ask({"do": "learned"}))

    def users(self) -> Inspected:
        """Return the User classes of the Locust file."""
        return codec.decode(Inspected, self._ask({"do": "users"}))

    def seal(self, path: Path) -> int:
        """Write the samples since the last seal to ``path`` (Parquet, whole or not at all); return their number."""
        if self._peopled and self._aborted:
            self._ask({"do": "alive"}, _ALIVE - _SLACK)  # code of the user's may keep it busy for good
        rows: int = self._ask({"do": "seal", "path": str(path.absolute())}, _SEAL_TIMEOUT)
        return rows

    def discard(self) -> None:
        """Forget the samples since the last seal."""
        self._ask({"do": "discard"})

    def abort(self) -> None:
        """Stop sending within a second, for good; a block under way returns early and what it recorded stays.

        May be called from any thread: it is one write to the socket, takes no lock and waits for nothing.
        """
        self._aborted = True
        if not self._stopped:
            try:
                self._channel.send(line({"do": "abort"}))
            except OSError:
                return  # it is gone, so it sends nothing

    def stop(self) -> None:
        """End the child and wait for it; calling it again does nothing."""
        self._stopped = True
        self._channel.close()  # the child ends when its socket does
        if self._child.returncode is not None:
            return
        try:
            self._child.wait(_STOP_GRACE)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def __enter__(self) -> LoadProcess:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the child."""
        self.stop()

    def _ask(self, command: dict[str, Any], seconds: float = 0.0) -> Any:
        if self._stopped:
            raise LoadError("the load process has been stopped")
        self._number += 1
        self._tell({**command, "number": self._number})
        return self._hear(seconds + _SLACK)

    def _tell(self, message: dict[str, Any]) -> None:
        try:
            self._channel.settimeout(_SLACK)
            self._channel.sendall(line(message))
        except OSError as error:
            raise self._death() from error

    def _hear(self, seconds: float) -> Any:
        """Return the reply to the command sent last.

        A Ctrl-C may have interrupted the wait for an earlier reply, which then comes first, whole or in part: it is
        recognised by its number, or by not being JSON, and passed over.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                reply = json.loads(self._read_line(deadline, seconds))
            except ValueError:
                continue
            self._redactor.learn(reply.get("secrets", ()))
            if reply["number"] == self._number:
                break
        if "error" in reply:
            raise error_of(reply["error"])
        return reply["ok"]

    def _read_line(self, deadline: float, seconds: float) -> bytes:
        while b"\n" not in self._pending:
            try:
                self._channel.settimeout(max(deadline - time.monotonic(), 0.001))
                data = self._channel.recv(1 << 16)
            except TimeoutError as error:
                self._child.kill()  # it hangs, and whatever it was asked next would wait as long
                what = f"the load process has not answered within {seconds:.0f} s"
                hint = "is there a loop in the Locust file that never waits?" if self._peopled else None
                raise LoadError(what, why=self._tail(), hint=hint) from error
            except OSError as error:
                raise self._death() from error
            if not data:
                raise self._death()
            self._pending += data
        text, _, self._pending = self._pending.partition(b"\n")
        return text

    def _death(self) -> LoadError:
        try:
            code = str(self._child.wait(_STOP_GRACE))
        except subprocess.TimeoutExpired:
            code = "unknown"
        return LoadError(f"the load process has died (exit code {code})", why=self._tail())

    def _tail(self) -> str | None:
        try:
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        except OSError:
            return None
        return self._redactor("\n".join(lines)) or None


def _token(load: Load) -> str:
    """Return the token that joining workers must know; empty when none can join."""
    if not load.listen:
        return ""
    try:
        return Path(load.token_file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise LoadError("cannot read the token for workers", where=load.token_file, why=error.strerror) from error


def variants_of(scenario: Scenario, redactor: Redactor) -> tuple[tuple[str, ...], ...]:
    """Return, per request, a masked label for each combination of values; LoadError for more than fit."""
    _check_variants(scenario)
    return tuple(tuple(map(redactor, labels(request))) for request in scenario.requests)


def _check_variants(scenario: Scenario) -> None:
    """Refuse a request whose variants would fill the memory, before any of them is made."""
    for request in scenario.requests:
        count = variant_count(request)
        if count > _MOST_VARIANTS:
            raise LoadError(
                f"request {request.name!r} has {count:,} variants",
                why=f"every one is prepared beforehand; at most {_MOST_VARIANTS:,} fit",
                hint="list fewer values, or give fewer variables several values",
            )
