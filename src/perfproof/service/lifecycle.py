"""Starts the arms side by side, waits until they are healthy, and stops them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from perfproof.errors import ServiceError, UsageError
from perfproof.machine.signals import uninterrupted
from perfproof.model.scenario import Arm, Service, Tls
from perfproof.service.command import fill, more_ports, resolve
from perfproof.service.guarded import Guarded
from perfproof.service.health import HealthAnswer, ask, wait_until_healthy, wait_until_settled
from perfproof.service.locks import locked_files, tells_of_a_lock
from perfproof.service.sockets import LocalProcesses, choose_ports, holders, is_free, listeners
from perfproof.service.tree import name_of

_log = logging.getLogger(__name__)
Redactor = Callable[[str], str]
NOBODY_WITHIN = 1.5
"""Seconds after which nobody is expected any more where a `url:` refuses connections."""
WRONG_PATH_WITHIN = 2.0
"""Seconds for which the health path may be answered with one of ``NEVER`` before it is taken for a wrong one."""
NEVER = ("status 401", "status 403", "status 404", "status 405", "status 410")
"""Answers that waiting seldom changes: a service that is on its way says 503, or nothing."""
PORT_FREE_WITHIN = 5.0
"""Seconds a port may stay taken after its service has ended."""


class RunningService:
    """One arm, up and healthy. ``port`` is None for a ``url:`` arm on another machine; ``more`` are further ports.

    ``started_ns`` is when the start began (CLOCK_MONOTONIC), ``start_seconds`` how long it took until healthy, ``log``
    the raw output: it may hold secrets and stays in the private directory.
    """

    def __init__(
        self,
        arm: Arm,
        *,
        base_url: str,
        port: int | None,
        log: Path,
        redactor: Redactor,
        guarded: Guarded | None = None,
        more: Sequence[int] = (),
    ) -> None:
        self.arm = arm
        self.more = tuple(more)
        self.base_url = base_url
        self.port = port
        self.log = log
        self.started_ns = time.monotonic_ns()
        self.start_seconds = 0.0
        self._redactor = redactor
        self._guarded = guarded
        self._local: LocalProcesses | None = None
        self._port_is_ours = False

    def became_healthy(self) -> None:
        """Note how long it took; of a service that perfproof did not start, find the processes if they are here.

        From now on the arm's prefix is a part of its address: health is asked without it.
        """
        if self.arm.service.prefix:
            self.base_url = self.base_url.rstrip("/") + self.arm.service.prefix
        self.start_seconds = (time.monotonic_ns() - self.started_ns) / 1e9
        self._port_is_ours = self._guarded is not None
        if self._guarded is None:
            self._local = LocalProcesses(self.base_url)
            self.port = self._local.port

    @property
    def guarded(self) -> Guarded | None:
        """Return its command as it runs under its guard; None for a service that was started elsewhere."""
        return self._guarded

    def processes(self) -> list[int]:
        """Return the pids of the whole tree without the guard, right now; none for a service on another machine."""
        if self._guarded is not None:
            return self._guarded.processes()
        return self._local.pids() if self._local is not None else []

    def check(self) -> str | None:
        """Return None while the service is fine, else how it died."""
        if self._guarded is not None:
            return self._guarded.ended()
        if self._local is not None and self._local.vanished():
            return f"nothing listens on port {self.port} any more"
        return None

    def log_tail(self, lines: int = 20) -> tuple[str, ...]:
        """Return the last lines the service printed, secrets masked."""
        return tail(self.log, lines, self._redactor)

    def stop(self) -> None:
        """End the whole tree and wait until its port is free. A ``url:`` service is left alone. Idempotent."""
        if self._guarded is None:
            return
        began = time.monotonic()
        self._guarded.stop()
        _log.info("%s: stopped within %.2f s", self.arm.name, time.monotonic() - began)
        deadline = time.monotonic() + PORT_FREE_WITHIN
        while self._port_is_ours and self.port is not None and not is_free(self.port) and time.monotonic() < deadline:
            time.sleep(0.02)


def start(
    arms: Sequence[Arm], *, logs: Path, redactor: Redactor, cpus: Collection[int] | None, any_status: bool = False
) -> list[RunningService]:
    """Start every arm side by side and return them once all are healthy.

    ``logs`` is a private directory; ``cpus`` are the cores the services may use. With ``any_status`` a service is up
    whatever it answers, for whoever does not know its health path yet. Whatever goes wrong, interruption included,
    every arm is stopped first. Raises ``UsageError`` for what can be seen before anything starts (command,
    directory, port taken) and ``ServiceError`` when a service dies or does not become healthy.
    """
    ports = _ports(arms)
    others = _other_ports(arms, ports)
    commands = [
        resolve(arm, arm.service.command, port, more=more) if arm.service.command is not None else None
        for arm, port, more in zip(arms, ports, others, strict=True)
    ]
    services: list[RunningService] = []
    cancelled = threading.Event()
    try:
        for arm, port, more, command in zip(arms, ports, others, commands, strict=True):
            log = logs / f"{arm.name}.log"
            if command is not None:
                line = redactor(fill(arm.service.command or "", arm.name, port, more))
                _log.info("%s: starting on port %s in %s: %s", arm.name, port, arm.service.directory, line)
            url = fill(arm.service.url, arm.name, port) if arm.service.url else f"http://127.0.0.1:{port}"
            with uninterrupted():  # whatever was started is in the list
                guarded = command and Guarded(command, log=log, cpus=cpus, grace=arm.service.stop_grace)
                services.append(
                    RunningService(
                        arm, base_url=url, port=port, log=log, redactor=redactor, guarded=guarded or None, more=more
                    )
                )
        with ThreadPoolExecutor(len(services) or 1) as pool:
            waiting = [pool.submit(_wait, service, cancelled, any_status, services) for service in services]
            try:
                finished, _ = wait(waiting, return_when=FIRST_EXCEPTION)
            finally:
                cancelled.set()
        failures = [failure for future in finished if (failure := future.exception())]
        if failures:
            raise failures[0]
    except BaseException:
        cancelled.set()
        stop_all(services)
        raise
    return services


def stop_all(services: Sequence[RunningService]) -> None:
    """Stop services side by side, so that two long graces do not add up."""
    if services:
        with ThreadPoolExecutor(len(services)) as pool:
            list(pool.map(RunningService.stop, services))


def run_command(arm: Arm, command: str, *, purpose: str, log: Path, redactor: Redactor, timeout: float = 600) -> None:
    """Run ``command`` to its end in the arm's directory and environment; ``purpose`` is ``prepare`` or ``reset``.

    It runs under a guard too, so that nothing it starts is left behind. ``{port}`` is the service's fixed port, or a
    free one. Raises ``UsageError`` when it cannot be executed, ``ServiceError`` when it fails or outlasts ``timeout``.
    """
    chosen, *more = choose_ports(1 + more_ports(arm.service))
    port = arm.service.port or chosen
    _log.info("%s: %s: %s", arm.name, purpose, redactor(fill(command, arm.name, port, more)))
    resolved = resolve(arm, command, port, purpose=purpose, more=more)
    with Guarded(resolved, log=log, cpus=None, grace=arm.service.stop_grace) as guarded:
        ended = guarded.wait(timeout)
    _log.info("%s: %s %s", arm.name, purpose, ended or f"took longer than {timeout:g} s")
    if ended == "exited with code 0":
        return
    raise ServiceError(
        f"{arm.name}: {purpose} failed: {ended}" if ended else f"{arm.name}: {purpose} took longer than {timeout:g} s",
        why=f"command: {redactor(command)}",
        hint=f"run the command by hand in {arm.service.directory.absolute()}",
        log_tail=tail(log, 20, redactor),
    )


def _ports(arms: Sequence[Arm]) -> list[int | None]:
    """Return the port of each arm: its fixed one or a free one; None for an arm that perfproof does not start."""
    require_free_ports(arms)
    fixed = [arm.service.port for arm in arms if arm.service.command is not None and arm.service.port]
    free = [port for port in choose_ports(len(arms) + len(fixed)) if port not in fixed]
    return [
        None if arm.service.command is None else arm.service.port or chosen
        for arm, chosen in zip(arms, free, strict=False)
    ]


def require_free_ports(arms: Sequence[Arm]) -> None:
    """Raise ``UsageError`` where the fixed port of an arm is taken, by another arm or by another program."""
    fixed = [arm.service.port for arm in arms if arm.service.command is not None and arm.service.port]
    for arm in arms:
        port = arm.service.port
        if arm.service.command is None or not port:
            continue
        if fixed.count(port) > 1:
            raise UsageError(
                f"port {port} is asked for by {fixed.count(port)} arms",
                why="both arms run side by side",
                hint="leave service.port out and write {port} into the command",
            )
        if not is_free(port):
            raise UsageError(
                f"{arm.name}: port {port} is taken",
                why=_who_listens(port),
                hint="stop that process, or leave service.port out and write {port} into the command",
            )


def require_answer(arm: Arm) -> None:
    """Raise ``ServiceError`` where nothing listens at an arm's ``url``, unless its file asks to wait for it."""
    url = arm.service.url
    if url is None or arm.service.start_timeout != Service.start_timeout:
        return
    answer = wait_until_healthy(
        url,
        arm.service.health,
        NOBODY_WITHIN,
        given_up=lambda: False,
        ask=partial(_listening, tls=arm.service.tls),
    )
    if not answer.healthy:
        raise _nobody(arm.name, url, answer)


def _listening(base_url: str, path: str, timeout: float, *, tls: Tls | None) -> HealthAnswer:
    """Ask whether anything listens: whatever it answers, and however late, is looked at when it is to be measured."""
    answer = ask(base_url, path, min(timeout, 1.0), tls=tls)
    return replace(answer, healthy=not answer.refused)


def _other_ports(arms: Sequence[Arm], taken: Sequence[int | None]) -> list[tuple[int, ...]]:
    """Return free ports for each arm beside its first, as many as its command and environment name."""
    wanted = [more_ports(arm.service) if arm.service.command is not None else 0 for arm in arms]
    fixed = [arm.service.port for arm in arms]
    spare = iter(
        [port for port in choose_ports(sum(wanted) + len(arms) * 2) if port not in taken and port not in fixed]
        if any(wanted)
        else ()
    )
    return [tuple(islice(spare, number)) for number in wanted]


def _who_listens(port: int) -> str:
    found = listeners(port)
    if not found:
        return "which process holds it cannot be seen from here"
    return f"{name_of(found[0])} (pid {found[0]}) listens there"


def _wait(
    service: RunningService, cancelled: threading.Event, any_status: bool, together: Sequence[RunningService]
) -> None:
    """Wait until one service of those started ``together`` is healthy; ``ServiceError`` when it will not be."""
    arm = service.arm
    timeout = arm.service.start_timeout
    hopeless = _Hopeless(partial(_ask_either, service, any_status), patient=timeout != Service.start_timeout)
    wait_for = partial(
        wait_until_healthy,
        service.base_url,
        arm.service.health,
        given_up=lambda: cancelled.is_set() or service.check() is not None or hopeless.lost,
        ask=hopeless,
    )
    started = arm.service.command or arm.service.prepare or arm.service.reset  # these may start it, too
    if not started and timeout == Service.start_timeout:
        # Nobody asked for patience with a service that is started elsewhere: where nothing listens, nothing will.
        answer = wait_for(NOBODY_WITHIN)
        if answer.refused and not cancelled.is_set():
            cancelled.set()
            raise _nobody(arm.name, service.base_url, answer)
        timeout -= NOBODY_WITHIN
        answer = answer if answer.healthy else wait_for(timeout)
    else:
        answer = wait_for(timeout)
    death = service.check()
    if cancelled.is_set():
        return
    if death is not None:
        raise _did_not_start(service, death, cancelled, together)
    if not answer.healthy:
        health_url = service.base_url.rstrip("/") + "/" + arm.service.health.lstrip("/")
        cancelled.set()
        if hopeless.lost:
            raise ServiceError(
                f"{arm.name} is up, but its health path is answered with {answer.text}",
                why=f"GET {health_url}: {answer.text}, for {WRONG_PATH_WITHIN:g} s",
                hint="write health: with a path that answers below 400 once it is ready; one that answers so only while"
                " it starts is waited for with a start_timeout: of its own, e.g. 90s",
                log_tail=service.log_tail(),
            )
        raise ServiceError(
            f"{arm.name} was not healthy within {arm.service.start_timeout:g} s",
            why=f"GET {health_url}: {answer.text}",
            hint="set service.health to a path that answers below 400, or raise service.start_timeout"
            if answer.text.startswith("status")
            else "does it listen on 127.0.0.1 and on {port}? raise service.start_timeout if it needs longer",
            log_tail=service.log_tail(),
        )
    if service.port is not None and arm.service.command is not None and not holders(service.processes(), service.port):
        cancelled.set()
        raise ServiceError(
            f"port {service.port} is answered by another process, not by {arm.name}",
            why=_who_listens(service.port),
            hint="use url: for a service that is started elsewhere, such as in a container",
            log_tail=service.log_tail(),
        )
    service.became_healthy()
    _log.info("%s: healthy after %.2f s (GET %s: %s)", arm.name, service.start_seconds, arm.service.health, answer.text)
    if arm.service.command is not None:
        wait_until_settled(service.processes, lambda: cancelled.is_set() or service.check() is not None)
        if (death := service.check()) is not None and not cancelled.is_set():
            raise _did_not_start(service, death, cancelled, together)


class _Hopeless:
    """Asks, and is ``lost`` once the answers have said for a while that the path is wrong; never with ``patient``."""

    def __init__(self, asking: Callable[..., HealthAnswer], *, patient: bool) -> None:
        self._asking = asking
        self._patient = patient
        self._since: float | None = None
        self.lost = False

    def __call__(self, base_url: str, path: str, timeout: float) -> HealthAnswer:
        """Return what came back."""
        answer = self._asking(base_url, path, timeout)
        if self._patient or answer.text not in NEVER or answer.healthy:
            self._since = None
        else:
            self._since = self._since or time.monotonic()
            self.lost = time.monotonic() - self._since >= WRONG_PATH_WITHIN
        return answer


def _ask_either(service: RunningService, any_status: bool, base_url: str, path: str, timeout: float) -> HealthAnswer:
    """Ask a service; one that was started here and refuses on 127.0.0.1 may listen on ::1 alone, and is then kept so.

    "localhost" is ::1 to many runtimes (Node from 17 on, Go, Java), so this is where they listen by default.
    """
    answer = ask(base_url, path, timeout, tls=service.arm.service.tls)
    if any_status and answer.text.startswith("status"):
        return replace(answer, healthy=True)
    if answer.healthy or service.port is None or service.arm.service.command is None or not answer.refused:
        return answer
    other = f"http://[::1]:{service.port}"
    found = ask(other, path, timeout)
    if not (found.healthy or (any_status and found.text.startswith("status"))):
        return answer if found.refused else found
    service.base_url = other
    return replace(found, healthy=True)


def _nobody(name: str, url: str, answer: HealthAnswer) -> ServiceError:
    """Return that nothing listens where an arm is said to be up already."""
    return ServiceError(
        f"{name}: nothing answers at {url}",
        why=answer.text,
        hint="start it first, or write command: in place of url: so that perfproof starts it; one that is still on its "
        "way is waited for with a start_timeout: of its own, e.g. 90s",
    )


def _did_not_start(
    service: RunningService, death: str, cancelled: threading.Event, together: Sequence[RunningService]
) -> ServiceError:
    log = service.log_tail()
    why, hint = None, "the last lines of its log say more"
    if death == "exited with code 0":
        hint = "a service must stay in the foreground: leave out its daemon option"
    elif tells_of_a_lock(log):
        others = [each for each in together if each is not service]
        held = next(((each.arm.name, file) for each in others for file in locked_files(each.processes())), None)
        if held is not None:
            why = f"all versions run at the same time, and {held[0]} holds {held[1]}"
            hint = (
                "give each its own data: let it lie in {work}, the arm's own folder, and let prepare: copy it there; "
                "`perfproof init` writes it so"
            )
    cancelled.set()
    return ServiceError(f"{service.arm.name} did not start: {death}", why=why, hint=hint, log_tail=log)


WINDOW = 64 * 1024
"""Bytes read from the end: enough for any sensible number of lines."""


def tail(log: Path, lines: int, redactor: Callable[[str], str]) -> tuple[str, ...]:
    """Return the last ``lines`` lines, redacted; none when there is no log."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - WINDOW))
            text = file.read().decode(errors="replace")
    except OSError:
        return ()
    return tuple(redactor(text).splitlines()[-lines:]) if lines > 0 else ()
