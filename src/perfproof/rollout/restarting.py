"""Replaces a running service: by a signal and a new start, by a signal that has it replace itself, or by a command."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perfproof.errors import ServiceError
from perfproof.model.scenario import Arm
from perfproof.rollout.timeline import Moments
from perfproof.service.command import more_ports, resolve
from perfproof.service.guarded import Guarded
from perfproof.service.health import ask
from perfproof.service.lifecycle import RunningService, tail
from perfproof.service.sockets import choose_ports, holders
from perfproof.service.tree import is_alive, start_ticks

ENDING = ("SIGTERM", "SIGINT", "SIGQUIT")
"""Signals that end a service; the others have it replace its own processes."""
_LOOK = 0.005
_ROW = 10
"""Good answers in a row after which a service that shares its port is taken for ready: either may have given them."""
_NOTHING_HAPPENS = 3.0
"""Seconds after which a service that has replaced no process is taken to have none to replace."""


@dataclass
class Instance:
    """One start of the service: its processes, its main one, its log."""

    guarded: Guarded
    log: Path

    def alive(self) -> bool:
        """Tell whether its command runs, or anything that it started."""
        return self.guarded.ended() is None or bool(self.guarded.processes())


@dataclass
class Restarter:
    """Restarts one arm as the ``settings`` say. ``service`` is how it was first started; ``notes`` are what is told."""

    arm: Arm
    service: RunningService
    settings: Mapping[str, Any]
    logs: Path
    cpus: Collection[int] | None
    redactor: Callable[[str], str]

    def __post_init__(self) -> None:
        self.current: Instance | None = None
        self.ready_path = self.settings["ready"] or self.arm.service.health
        self.killed = False
        self.replaced = 0
        self._starts = 0

    def restart(self) -> Moments:
        """Restart once and return the moments; ``ServiceError`` if the service does not come back within the limit."""
        self.killed, self.replaced = False, 0
        how = self.settings["restart"]
        deadline = time.monotonic() + self.settings["limit"]
        if how == "command":
            return self._by_command(deadline)
        if how not in ENDING:
            return self._in_place(getattr(signal, how), deadline)
        if self.settings["order"] == "start_first":
            return self._start_first(getattr(signal, how), deadline)
        return self._stop_first(getattr(signal, how), deadline)

    def stop(self) -> None:
        """End what was started here. The first start is ended by whoever started it."""
        if self.current is not None:
            self.current.guarded.stop()

    def died(self) -> str | None:
        """Return how the service ended, None while it runs."""
        return self._now().guarded.ended()

    def log_tail(self) -> tuple[str, ...]:
        """Return the last lines that the service printed, secrets masked."""
        return tail(self._now().log, 20, self.redactor)

    def _now(self) -> Instance:
        if self.current is None:
            assert self.service.guarded is not None  # noqa: S101 - only arms that are started here are restarted
            return Instance(self.service.guarded, self.service.log)
        return self.current

    def _main(self) -> int:
        main = self._now().guarded.main
        if main is None:
            raise ServiceError(f"{self.arm.name} has no process to restart", log_tail=self.log_tail())
        return main

    def _stop_first(self, number: signal.Signals, deadline: float) -> Moments:
        old, main = self._now(), self._main()
        began = time.monotonic_ns()
        os.kill(main, number)
        gone = self._await_end(old, deadline)
        spawned = time.monotonic_ns()
        self.current = self._spawn()
        ready = self._await_ready(self.current, 1, deadline)
        return Moments(began, spawned, ready, gone, over=ready)

    def _start_first(self, number: signal.Signals, deadline: float) -> Moments:
        old, main = self._now(), self._main()
        spawned = time.monotonic_ns()
        new = self._spawn()
        try:
            ready = self._await_ready(new, _ROW, deadline)
        except BaseException:
            new.guarded.stop()
            raise
        self.current = new
        began = time.monotonic_ns()
        os.kill(main, number)
        gone = self._await_end(old, deadline)
        return Moments(began, spawned, ready, gone, over=time.monotonic_ns())

    def _in_place(self, number: signal.Signals, deadline: float) -> Moments:
        """Have the service replace its own processes; over when those it had are gone and it answers."""
        now, main = self._now(), self._main()
        old = {pid: start_ticks(pid) for pid in now.guarded.processes() if pid != main}
        began = time.monotonic_ns()
        os.kill(main, number)
        gone, changed, seen = 0, time.monotonic(), 0
        while time.monotonic() < deadline:
            ended = now.guarded.ended()
            if ended:
                raise ServiceError(
                    f"{self.arm.name} {ended} at {number.name}, and did not come back",
                    hint="a service that ends at this signal is restarted with `restart: SIGTERM`",
                    log_tail=self.log_tail(),
                )
            left = [pid for pid, ticks in old.items() if is_alive(pid) and start_ticks(pid) == ticks]
            self.replaced = len(old) - len(left)
            if not left:
                gone = time.monotonic_ns() if old else 0
                break
            if self.replaced != seen:
                seen, changed, gone = self.replaced, time.monotonic(), time.monotonic_ns()
            if time.monotonic() - changed > max(_NOTHING_HAPPENS, self.arm.service.stop_grace):
                break  # a proxy before it, say, stays as it is
            time.sleep(_LOOK)
        if not old:
            time.sleep(min(_NOTHING_HAPPENS, max(0.0, deadline - time.monotonic())))
        self._await_ready(now, 1, deadline)
        return Moments(began, gone=gone, over=time.monotonic_ns())

    def _by_command(self, deadline: float) -> Moments:
        now, main = self._now(), self._main()
        old = {pid: start_ticks(pid) for pid in now.guarded.processes() if pid != main}
        line = str(self.settings["command"]).replace("{pid}", str(main))
        log = self.logs / "deploy.log"
        resolved = resolve(self.arm, line, self.service.port, purpose="rollout.command", more=self.service.more)
        began = time.monotonic_ns()
        with Guarded(resolved, log=log, cpus=self.cpus, grace=self.arm.service.stop_grace) as deploy:
            ended = deploy.wait(max(0.1, deadline - time.monotonic()))
        if ended != "exited with code 0":
            said = " / ".join(tail(log, 3, self.redactor))
            raise ServiceError(
                f"the rollout's command {ended or 'took longer than its limit'}",
                why=f"{self.redactor(line)}{': ' if said else ''}{said}",
                hint="run it by hand in the service's directory",
            )
        self._await_ready(now, 1, deadline)
        self.replaced = sum(not is_alive(pid) or start_ticks(pid) != ticks for pid, ticks in old.items())
        return Moments(began, over=time.monotonic_ns(), sharp=False)

    def _spawn(self) -> Instance:
        self._starts += 1
        log = self.logs / f"{self.arm.name}-{self._starts}.log"
        more = choose_ports(more_ports(self.arm.service))
        command = resolve(self.arm, self.arm.service.command or "", self.service.port, more=more)
        return Instance(Guarded(command, log=log, cpus=self.cpus, grace=self.arm.service.stop_grace), log)

    def _await_end(self, old: Instance, deadline: float) -> int:
        """Return when the last process of ``old`` was gone; what outlasts ``stop_grace`` is killed, which is noted."""
        most = min(deadline, time.monotonic() + max(self.arm.service.stop_grace, 1.0))
        while old.alive():
            if time.monotonic() > most:
                self.killed = True
                break
            time.sleep(_LOOK)
        gone = time.monotonic_ns()
        old.guarded.stop()
        return gone if not self.killed else time.monotonic_ns()

    def _await_ready(self, instance: Instance, row: int, deadline: float) -> int:
        """Return when ``instance`` gave the first of ``row`` good answers one after the other."""
        good, first, said = 0, 0, "nothing was asked"
        port = self.service.port or 0
        while time.monotonic() < deadline:
            ended = instance.guarded.ended()
            if ended:
                raise ServiceError(
                    f"{self.arm.name} did not start again: it {ended}",
                    hint="with order: start_first it must share its port (SO_REUSEPORT)"
                    if self.settings["order"] == "start_first"
                    else "read its log",
                    log_tail=tail(instance.log, 20, self.redactor),
                )
            answer = ask(self.address, self.ready_path, 2.0, tls=self.arm.service.tls)
            said = answer.text
            ours = row == 1 or bool(holders(instance.guarded.processes(), port))
            good = good + 1 if answer.healthy and ours else 0
            if good == 1:
                first = time.monotonic_ns()
            if good >= row:
                return first
            time.sleep(_LOOK)
        raise ServiceError(
            f"{self.arm.name} was not ready again within {self.settings['limit']} s",
            why=f"GET {self.ready_path}: {said}",
            hint="raise checks.rollout.limit, or correct checks.rollout.ready",
            log_tail=tail(instance.log, 20, self.redactor),
        )

    @property
    def address(self) -> str:
        """Return the address without the arm's prefix: health is asked without it."""
        return self.service.base_url.removesuffix(self.arm.service.prefix)
