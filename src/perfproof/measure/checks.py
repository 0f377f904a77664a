"""The pass of the checks: each arm is started once, alone, and asked by one check after the other. No load runs.

What a check asks is bounded in requests and seconds, goes to this machine only, and writes nothing unless the scenario
says so and has a reset, which then runs before and after each check.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from perfproof.checks import registry
from perfproof.checks.arm import CheckedArm, KnownRequest, NotCheckedError, OverError, ProbeClient
from perfproof.checks.protocol import Check, Listener, Listens, OfFiles
from perfproof.checks.receiver import Receiver, named_in
from perfproof.core import paths
from perfproof.core.placeholders import NOWHERE, WEBHOOK
from perfproof.databases.merge import merge
from perfproof.databases.sources import Sources, opened
from perfproof.documents.document import Document, parse, read_file
from perfproof.documents.operations import looks_like_openapi, shown_by
from perfproof.errors import PerfproofError, ServiceError, UsageError
from perfproof.http.body import read_files
from perfproof.http.cookies import Jar
from perfproof.http.expectations import captured
from perfproof.http.feeds import Supply
from perfproof.http.message import TRACE, outgoing, trace_header
from perfproof.http.plain_client import Answer, Client, require_loopback
from perfproof.http.reply import Reply
from perfproof.http.template import combinations
from perfproof.http.tls import context_of
from perfproof.http.variables import Draw
from perfproof.measure.arm_files import FilesOfArm
from perfproof.model.checks import ArmFacts, Checked, CheckFacts
from perfproof.model.scenario import Arm, Checks, JsonValue, Request, Tls
from perfproof.rollout import observing as rollout
from perfproof.rounds.collecting import address_of
from perfproof.rounds.single_start import PassContext
from perfproof.service.lifecycle import RunningService, run_command, start
from perfproof.telemetry.log_lines import MOST_BYTES

_LETS_IN = ("authorization", "cookie", "x-api-key", "api-key", "x-auth-token", "x-access-token")
"""Headers that are taken over from the scenario's requests."""
_MOST_TEXT = 1000
_MOST_VALUES = 20_000
Documents = dict[str, tuple[Document | None, str]]
"""By arm: its OpenAPI document as it was found once, or None and why there is none."""
_WATCHING = "webhooks"
"""The check that wants to be delivered to."""


def run_checks(phase: PassContext) -> Checked:
    """Return what the wanted checks observed of every arm; an arm or a check that fails says so in its facts."""
    began = time.monotonic()
    wanted = phase.scenario.checks.wanted
    known = {name: check for name in wanted if (check := registry.find(name)) is not None}
    checks = {name: check for name, check in known.items() if name not in registry.RESTARTS}
    found: dict[str, list[ArmFacts]] = {name: [] for name in known}
    documents: Documents = {}
    served = {name: check for name, check in checks.items() if not isinstance(check, OfFiles | Listens)}
    for arm in phase.scenario.arms if served else ():
        _ask(phase, arm, served, found, documents)
    for name, check in checks.items():
        if isinstance(check, Listens):
            for arm in phase.scenario.arms:
                with check.listening() as listener:
                    _ask(phase, arm, {name: check}, found, documents, listener)
    for arm in phase.scenario.arms:
        for name, check in known.items():
            if name in registry.RESTARTS:
                found[name].append(_rolled_out(phase, arm, check))
    for name, check in checks.items():
        if isinstance(check, OfFiles):  # after the services have ended: a build beside them would disturb both
            phase.observer.phase(f"checking: {check.title}")
            found[name] = _of_files(phase, name, check)
    return Checked(
        tuple(
            CheckFacts(name, known[name].version, tuple(arms), bounded(wanted[name], phase.redactor))
            for name, arms in found.items()
        ),
        time.monotonic() - began,
    )


def _ask(
    phase: PassContext,
    arm: Arm,
    checks: Mapping[str, Check],
    found: Mapping[str, list[ArmFacts]],
    documents: Documents,
    listener: Listener | None = None,
) -> None:
    """Add to ``found`` what the checks observe of one start of an arm; a start that fails is the problem of each."""
    try:
        with _started(phase, arm, documents, listener) as running:
            for name, check in checks.items():
                phase.observer.phase(f"checking {arm.name}: {check.title}")
                found[name].append(running.observe(check, found[name][0].facts if found[name] else None))
    except UsageError:
        raise
    except PerfproofError as error:
        for name in checks:
            if all(each.arm != arm.name for each in found[name]):
                found[name].append(ArmFacts(arm.name, problem=phase.redactor(error.sentence)))


def _rolled_out(phase: PassContext, arm: Arm, check: Check) -> ArmFacts:
    """Return what a check observes of an arm that it starts and restarts by itself, with its data put back."""
    logs = phase.private / f"{check.name}-{arm.name}"
    logs.mkdir(mode=0o700, exist_ok=True)
    settings = phase.scenario.checks.wanted[check.name]
    may = arm.name not in phase.kept and arm.service.command is not None
    began = time.monotonic()

    def roll() -> Mapping[str, Any]:
        _put_back(phase, arm, logs)
        return rollout.observe(
            rollout.Ground(
                phase.scenario, logs, phase.redactor, phase.cpus.generator, phase.cpus.service, phase.observer.phase
            ),
            arm,
            settings,
        )

    asker = ProbeClient(Client("http://127.0.0.1"), 0, 0)
    problem, facts = "", dict[str, Any]()
    try:
        given = CheckedArm(arm, asker, settings, roll=roll if may else None)
        facts = bounded(check.observe(given), phase.redactor)
    except UsageError:
        raise
    except PerfproofError as error:
        problem = phase.redactor(error.sentence)
    asked = sum(int(each["requests"]) for each in facts.get("restarts", ()))
    return ArmFacts(arm.name, facts, asked, time.monotonic() - began, problem)


def _put_back(phase: PassContext, arm: Arm, logs: Path) -> None:
    """Put an arm's data back as they were after ``prepare``."""
    for snapshot in phase.snapshots:
        snapshot.restore()
    if arm.service.reset:
        run_command(arm, arm.service.reset, purpose="reset", log=logs / "reset.log", redactor=phase.redactor)


def _of_files(phase: PassContext, name: str, check: OfFiles) -> list[ArmFacts]:
    """Return what a check of files saw of all arms."""
    began = time.monotonic()
    arms = []
    for arm in phase.scenario.arms:
        folder = phase.private / f"{name}-{arm.name}"
        folder.mkdir(mode=0o700, exist_ok=True)
        arms.append(FilesOfArm(arm, folder, phase.redactor))
    problem, seen = "", [dict[str, Any]() for _ in arms]
    try:
        observed = check.observe_files(arms, phase.scenario.checks.wanted[name])
        seen = [bounded(each, phase.redactor) for each in observed]
    except PerfproofError as error:
        problem = phase.redactor(error.sentence)
    except Exception as error:  # noqa: BLE001 - a defect of one check must not cost the others their facts
        problem = f"the check itself failed: {type(error).__name__}"
    seconds = time.monotonic() - began
    return [ArmFacts(arm.name, facts, seconds=seconds, problem=problem) for arm, facts in zip(arms, seen, strict=True)]


@contextmanager
def _started(
    phase: PassContext, arm: Arm, documents: Documents, listener: Listener | None = None
) -> Iterator[_Running]:
    """Lend the arm, with its data put back, started afresh (so that it talks to ``listener``) and logged in."""
    if listener is not None:
        environment = {**arm.service.environment, **listener.environment}
        arm = replace(arm, service=replace(arm.service, environment=environment))
    logs = phase.private / f"checks-{arm.name}{'-listened' if listener is not None else ''}"
    logs.mkdir(mode=0o700, exist_ok=True)
    kept = phase.kept.get(arm.name)
    with ExitStack() as stack:
        if kept is None:
            _put_back(phase, arm, logs)
        injectable = kept is None and arm.service.command is not None
        sources = stack.enter_context(opened(arm, logs / "agent" if injectable else None))
        receiver = stack.enter_context(Receiver()) if _WATCHING in phase.scenario.checks.wanted else None
        service = kept
        if service is None:
            phase.observer.phase(f"checking {arm.name}: starting")
            cpus = phase.cpus.service
            hooked = arm if receiver is None else delivering_to(arm, receiver.url)
            if receiver is not None:
                receiver.told = hooked != arm
            (service,) = start([sources.arm(hooked)], logs=logs, redactor=phase.redactor, cpus=cpus)
            stack.callback(service.stop)
        try:
            require_loopback(service.base_url)
        except UsageError as error:
            raise NotCheckedError(
                f"{arm.name} is not on this machine", why=error.why, hint="checks ask services that run here"
            ) from None
        heard = listener if kept is None and injectable else None
        running = _Running(phase, arm, service, sources, logs, documents, heard, receiver)
        running.enter()
        yield running


@dataclass
class _Running:
    """One arm that runs, and what is known of how to ask it.

    ``documents`` takes what is found of its document, so that a second start does not look for it again: that takes
    thirty requests where there is none.
    """

    phase: PassContext
    arm: Arm
    service: RunningService
    sources: Sources
    logs: Path
    documents: Documents
    listener: Listener | None = None
    receiver: Receiver | None = None
    requests: tuple[KnownRequest, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    document: Document | None = None
    undocumented: str = ""
    variables: dict[str, JsonValue] = field(default_factory=dict)
    sent: int = 0
    set_cookies: tuple[str, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urlsplit(self.service.base_url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.prefix = parts.path.rstrip("/")
        self.jar = Jar(secure=self.origin.startswith("https:"))
        self.supplies: dict[str, Supply] = {}

    def enter(self) -> None:
        """Send the set-up steps, fill the requests, find the document."""
        scenario = self.phase.scenario
        client, jar = self._client(self.origin), self.jar
        files = read_files((*scenario.setup, *scenario.requests))
        variables = self.variables
        variables |= {
            "port": urlsplit(self.origin).port or 80,
            WEBHOOK: self.receiver.url if self.receiver else NOWHERE,
        }
        for step in scenario.setup:
            filled = {**combinations(step)[0], **variables}
            out = outgoing(step, filled, self.prefix, files=files, jar=jar)
            client.cookies.clear()
            if self.receiver is not None:  # many services are told where to deliver by a request of their own
                self.receiver.told |= named_in(self.receiver.url, out.target, out.headers, out.body)
            answer = client.send(out.method, out.target, out.headers, body=out.body, within=step.timeout)
            accepted = step.expect.status or range(200, 300)
            if answer.status not in accepted:
                said = answer.problem or f"status {answer.status}"
                raise ServiceError(f"{self.arm.name}: set-up step {step.name!r} was answered with {said}")
            jar.take(answer.cookies, out.target)
            self.set_cookies += answer.cookies
            pairs = [(name.encode(), value.encode("latin-1", "replace")) for name, value in answer.headers.items()]
            try:
                reply = Reply(answer.status, [p for p in pairs if p[0] != b"content-encoding"], answer.body, 0)
                variables |= captured(step.capture, reply)
            except (LookupError, ValueError) as error:
                raise ServiceError(f"{self.arm.name}: set-up step {step.name!r}: {error}") from None
        self.requests = tuple(
            known
            for request in scenario.requests
            if request.stream is None and (known := self._known(request, variables, jar, files)) is not None
        )
        shared: dict[str, str] = {}
        for each in self.requests:
            shared |= {name: value for name, value in each.headers.items() if name.lower() in _LETS_IN}
        self.headers = {**shared, **{name.lower(): value for name, value in scenario.checks.headers.items()}}
        if self.arm.name not in self.documents:
            self._find_document(client)
            self.documents[self.arm.name] = (self.document, self.undocumented)
        self.document, self.undocumented = self.documents[self.arm.name]

    def _known(
        self, request: Request, variables: Mapping[str, JsonValue], jar: Jar, files: Mapping[Path, bytes]
    ) -> KnownRequest | None:
        values = combinations(request)[0]
        try:
            out = outgoing(request, {**values, **variables}, self.prefix, files=files, jar=jar)
        except ValueError:
            return None  # it needs what a feed or a step of its flow gives
        path = self.prefix + request.path.partition("?")[0]
        return KnownRequest(
            request.name, out.method, out.target, out.headers, out.body, request.reads, path, {**variables, **values}
        )

    def _refill(self, name: str) -> KnownRequest | None:
        """Return a request of the scenario filled as nothing before was; None where it cannot be sent alone."""
        scenario = self.phase.scenario
        request = next((each for each in scenario.requests if each.name == name and not each.flow), None)
        if request is None or request.stream is not None:
            return None
        self.supplies = self.supplies or {feed.name: Supply(feed) for feed in scenario.feeds}
        rows = {name: supply.rows[self.sent % len(supply.rows)] for name, supply in self.supplies.items()}
        choices = combinations(request)
        values = {**choices[self.sent % len(choices)], **self.variables}
        self.sent += 1
        drawn = Draw(dict(values), secrets.randbits(32), self.sent, rows)
        try:
            out = outgoing(request, drawn, self.prefix, files=read_files([request]), jar=self.jar)
        except ValueError:
            return None
        path = self.prefix + request.path.partition("?")[0]
        return KnownRequest(request.name, out.method, out.target, out.headers, out.body, request.reads, path, values)

    def _client(self, base: str) -> Client:
        """Return a client that checks certificates as the scenario says."""
        secured = base.startswith("https:")
        return Client(base, context=context_of(self.arm.service.tls or Tls()) if secured else None)

    def _find_document(self, client: Client) -> None:
        where = self.phase.scenario.checks.document
        try:
            if where is None:
                bases = dict.fromkeys((self.service.base_url.rstrip("/"), self.origin))
                self.document = next(
                    (each for base in bases for each in shown_by(self._client(base), self.headers)), None
                )
                self.undocumented = "" if self.document else "the service shows no OpenAPI document at the usual paths"
            elif not where.startswith("/") or paths.is_file(Path(where)):
                path = Path(where)
                self.document = parse(read_file(path), str(path), path.absolute().parent)
            else:
                answer = client.send("GET", where, self.headers)
                if answer.status != 200:
                    self.undocumented = f"GET {where} was answered with {answer.problem or f'status {answer.status}'}"
                    return
                self.document = parse(answer.body.decode("utf-8", "replace"), where)
        except UsageError as error:
            self.undocumented = str(error).replace("\n", " ")
        if self.document is not None and not looks_like_openapi(self.document.data):
            self.undocumented = f"{self.document.file} is no OpenAPI document"
            self.document = None

    def observe(self, check: Check, earlier: Mapping[str, Any] | None) -> ArmFacts:
        """Return what one check observes of the arm."""
        wanted = self.phase.scenario.checks
        asker = ProbeClient(self._client(self.origin), wanted.requests, wanted.time)
        arm = CheckedArm(
            arm=self.arm,
            asker=asker,
            settings=wanted.wanted[check.name],
            requests=self.requests,
            prefix=self.prefix,
            headers=self.headers,
            document=self.document,
            undocumented=self.undocumented,
            writes=wanted.writes and bool(self.arm.service.reset),
            reset=self._reset,
            statements=lambda send: self._statements(send, arm.left_out),
            statement_text=lambda key: self.texts.get(key, ""),
            set_cookies=self.set_cookies,
            earlier=earlier,
            run=self._run,
            printed=self._printed if self.service.guarded is not None else None,
            listener=self.listener,
            metrics=address_of(self.service, collect.prometheus)
            if (collect := self.arm.service.collect) and collect.prometheus
            else "",
            receiver=self.receiver,
            refill=self._refill,
        )
        problem = ""
        facts: dict[str, Any] = {}
        try:
            facts = bounded(check.observe(arm), self.phase.redactor)
        except OverError:
            problem = f"it ended {asker.over or 'early'} before anything was known"
        except PerfproofError as error:
            problem = error.sentence
        except Exception as error:  # noqa: BLE001 - a defect of one check must not cost the others their facts
            problem = f"the check itself failed: {type(error).__name__}"
        died = self.service.check()
        if died:
            problem = f"{self.arm.name} {died} while it was asked"
        elif arm.writes:
            self._reset()
        hide = self.phase.redactor
        seconds = time.monotonic() - asker.began
        left_out = tuple(hide(each) for each in arm.left_out)
        return ArmFacts(self.arm.name, facts, asker.asked, seconds, hide(problem), left_out, asker.over)

    def _printed(self, start: int) -> bytes:
        """Return what the service printed from byte ``start`` on, at most so much as a log may hold."""
        with self.service.log.open("rb") as file:
            file.seek(start)
            return file.read(MOST_BYTES)

    def _reset(self) -> None:
        if self.arm.service.reset:
            log = self.logs / "reset.log"
            run_command(self.arm, self.arm.service.reset, purpose="reset", log=log, redactor=self.phase.redactor)

    def _run(self, line: str) -> tuple[int, str]:
        """Run a command of the arm; return its exit code (1 for every failure) and what it printed, secrets masked."""
        log = self.logs / f"command-{secrets.token_hex(4)}.log"
        code = 0
        try:
            run_command(self.arm, line, purpose="command", log=log, redactor=self.phase.redactor)
        except ServiceError:
            code = 1
        text = log.read_text("utf-8", "replace") if log.exists() else ""
        return code, self.phase.redactor(text)

    def _statements(self, send: Callable[[Mapping[str, str]], Answer], left_out: list[str]) -> Mapping[str, int] | None:
        """Return how often each statement ran while ``send`` sent one request; None where nothing counts."""
        if not self.sources.any:
            return None
        trace = trace_header(secrets.randbits(60) | 1, 0)
        before = self.sources.snapshots()
        send({TRACE: trace})
        seen = self.sources.count(before, trace.split("-")[1])
        merged = merge([seen], prefer_agent=self.sources.prefer_agent) if seen is not None else None
        if merged is None or merged.statements is None:
            told = f"queries were not counted: {'; '.join(merged.doubts if merged else self.sources.problems[-1:])}"
            left_out += [told] if told not in left_out else []
            return None
        known = [each.count for each in merged.statements if each.application]
        self.texts |= {each.statement.key: each.statement.text for each in known}
        return {each.statement.key: each.calls for each in known}


def delivering_to(arm: Arm, url: str) -> Arm:
    """Return the arm told in its environment, and in its command, to deliver webhooks to ``url``."""
    service = arm.service
    environment = {name: value.replace(NOWHERE, url) for name, value in service.environment.items()}
    command = service.command.replace(NOWHERE, url) if service.command else service.command
    return replace(arm, service=replace(service, environment=environment, command=command))


def bounded(facts: Mapping[str, Any], redactor: Callable[[str], str]) -> dict[str, Any]:
    """Return facts as they may be stored: JSON values, secrets masked, texts cut, no more of them than are allowed.

    Raises ``NotCheckedError`` for what is no JSON, or more than a check may keep.
    """
    left = [_MOST_VALUES]

    def one(value: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise NotCheckedError(f"the check kept more than {_MOST_VALUES:,} values", hint="have it keep less")
        if isinstance(value, str):
            return redactor(value[:_MOST_TEXT])
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {str(redactor(str(key))): one(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [one(each) for each in value]
        raise NotCheckedError(f"the check kept a {type(value).__name__}, which is no JSON")

    return {str(key): one(each) for key, each in facts.items()}


def with_checks(checks: Checks, names: tuple[str, ...], *, writes: bool) -> Checks:
    """Return the checks of a scenario narrowed to ``names`` (none: as they are, or all where it wants none)."""
    wanted = dict(checks.wanted)
    for name in names or (() if wanted else registry.usual()):
        check = registry.find(name)
        if check is None:
            raise UsageError(f"there is no check {name!r}", hint=f"known: {', '.join(registry.names())}")
        wanted.setdefault(name, {each.name: each.default for each in check.settings})
    kept = {name: wanted[name] for name in wanted if not names or name in names}
    return replace(checks, wanted=kept, writes=checks.writes or writes)
