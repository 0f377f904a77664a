"""Makes a draft: reads the source, starts the service once, asks, and returns the text with what was seen."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from perfproof.core.redaction import Redactor, worth_masking
from perfproof.documents.operations import DOCUMENT_PATHS
from perfproof.draft.names import is_search
from perfproof.draft.sources.api_versions import of_both, versions_in
from perfproof.draft.sources.entries import PASSWORDS
from perfproof.draft.sources.kinds import document_of, file_in, plain, read_sources
from perfproof.draft.start.databases import find_database, kept_from_counting
from perfproof.draft.start.own_data import with_own_data
from perfproof.draft.start.own_port import with_own_port
from perfproof.draft.start.start import Start, adapted, needs_shell
from perfproof.draft.start.ways import ways_to_start
from perfproof.draft.templates import filled, with_variables
from perfproof.draft.trial import Trying
from perfproof.draft.tried import Credentials, Trial
from perfproof.draft.versions import left_behind
from perfproof.draft.wanted import DraftRequest, Found, chosen
from perfproof.draft.write import ScenarioText, text_of
from perfproof.errors import PerfproofError, ServiceError, UsageError
from perfproof.http.plain_client import Client, require_loopback
from perfproof.model.scenario import Arm, Service
from perfproof.scenario.variables import TEMPLATE
from perfproof.service.lifecycle import RunningService, run_command, start
from perfproof.service.locks import locked_files, tells_of_a_lock
from perfproof.service.private_folders import private_folder

Asked = Callable[[str, bool], str]
"""Asks a person something; with True the answer is not shown while it is typed."""


@dataclass(frozen=True)
class DraftOptions:
    """What the user said. ``folder`` is the service's, ``beside`` the one in which the scenario will lie.

    ``before`` is the folder of the version before. ``sources`` and ``get`` are where requests come from.
    ``command`` and ``url`` win over what is found.
    """

    folder: Path
    beside: Path
    sources: tuple[str, ...] = ()
    get: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    writes: bool = False
    most: int = 10
    name: str = ""
    command: str = ""
    shell: bool = False
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    prepare: str = ""
    build: str = ""
    health: str = ""
    port: int | None = None
    url: str = ""
    start_timeout: float = 30.0
    database: str = ""
    credentials: Credentials = field(default_factory=Credentials)
    arms: Mapping[str, Mapping[str, Any]] | None = None
    arms_note: str = ""
    before: Path | None = None
    goals: Mapping[str, str] = field(default_factory=dict)
    versions: tuple[str, str] | None = None
    reads: tuple[str, ...] = ()
    starts: str = "the service"


@dataclass(frozen=True)
class DraftResult:
    """The text of a scenario, and what is to be told of it; ``start_seconds`` is 0 where the service was up already."""

    text: str
    trial: Trial
    notes: tuple[str, ...]
    left_out: tuple[str, ...]
    start_seconds: float = 0.0


def draft(
    wishes: DraftOptions, environ: Mapping[str, str], say: Callable[[str], None], asked: Asked | None = None
) -> DraftResult:
    """Return the draft. ``UsageError`` for what is missing, ``ServiceError`` where the service does not start."""
    found = _source(wishes)
    ways = _ways(wishes, found, asked)
    if found is not None and not found.locustfile:
        say(f"{found.source}: {_counted(len(found.asks), 'request')}" + (f" of {found.title}" if found.title else ""))
    with _running(ways, wishes, found, environ, say) as (way, base, service):
        client = Client(base)
        shown = found is None
        if found is None:
            found = _document(client, wishes.credentials, environ, asked, say)
        if wishes.versions is not None:
            found = of_both(found, wishes.versions)
        else:
            told = versions_in(found)
            found = replace(found, notes=(*found.notes, told)) if told else found
        credentials = _asked_for(wishes.credentials, found, asked)
        trying = Trying(client, found, credentials, environ, say, most=wishes.most)
        candidates = _chosen(found, wishes)
        headers = trying.enter(candidates or found.asks)
        if shown and headers:
            found = _shown_inside(client, found, headers, wishes, say)
            candidates = _chosen(found, wishes)
        told = _seem_to_read(found, wishes)
        found = replace(found, notes=(*found.notes, told)) if told else found
        if not candidates and not found.locustfile:
            raise _nothing_chosen(found, wishes)
        trial = trying.run(candidates, entered=True)
        if not trial.tried and not found.locustfile:
            raise _nothing_answered(trial, found, service)
        if wishes.versions is not None:
            first, last = (trial.prefix + version for version in wishes.versions)
            trying.also(first, last)
            wishes = replace(wishes, arms={"baseline": {"prefix": first}, "candidate": {"prefix": last}})
    if wishes.before is not None and way is not None:
        say(f"the version before, in {wishes.before}:")
        there = replace(wishes, folder=wishes.before, starts="the version before")
        with _running([way], there, found, environ, say, "baseline") as (_, other, _):
            trying.elsewhere(Client(other))
    if wishes.health:
        trial.health = wishes.health
    if not trial.tried and not found.locustfile:  # the other version answered none of them
        raise _nothing_answered(trial, found, None)
    written = _written(wishes, environ, found, way, base, trial, tried_of=len(candidates))
    return replace(written, start_seconds=service.start_seconds if service is not None else 0.0)


def _written(
    wishes: DraftOptions,
    environ: Mapping[str, str],
    found: Found,
    way: Start | None,
    base: str,
    trial: Trial,
    tried_of: int,
) -> DraftResult:
    notes = [*found.notes, *trial.notes, *(way.notes if way is not None else ())]
    database, note = wishes.database, ""
    if not database and way is not None:
        looked = find_database(wishes.folder, way.command, way.environment, environ)
        database, note = looked.address, looked.note
        notes += [looked.left_out] if looked.left_out else []
    if told := kept_from_counting(database, way.command if way is not None else "", environ):
        notes.append(told)
    if wishes.arms is None and way is not None and (told := left_behind(wishes.folder)):
        notes.append(told)
    if not trial.health:
        trial.health = "/"
        notes.append(
            "no path is answered without credentials: write one that is into `health:` (/ is asked until then)"
        )
    more = tried_of - len(trial.tried) - len(trial.dropped)
    if more > 0:
        notes.append(f"{_counted(more, 'request')} more could be measured: --most and --only choose")
    if way is not None:
        own = os.path.relpath((wishes.folder / way.directory).absolute(), wishes.beside)
        way = replace(way, directory="" if own == "." else own)
    if found.locustfile:
        found = replace(found, locustfile=os.path.relpath(Path(found.locustfile).absolute(), wishes.beside))
    fields = trial.login.fields if trial.login is not None else {}
    if any("${" not in (value or "") for name, value in fields.items() if name.lower() in PASSWORDS):
        notes.append('the password stands in the file: write "${PASSWORD}" for it before you share it')
    text = text_of(
        ScenarioText(
            name=wishes.name,
            source=found.source,
            trial=trial,
            start=way,
            url=base if way is None else "",
            start_timeout=f"{wishes.start_timeout:g}s" if wishes.start_timeout > 60 else "",
            database=database,
            database_note=note,
            arms=wishes.arms,
            arms_note=wishes.arms_note,
            goals=wishes.goals,
            budgets=found.budgets,
            locustfile=found.locustfile,
        )
    )
    return DraftResult(text, trial, tuple(dict.fromkeys(notes)), found.left_out)


def _source(wishes: DraftOptions) -> Found | None:
    """Return what the sources hold; None where the running service has to be asked for its document."""
    given = plain(wishes.get) if wishes.get else None
    if wishes.sources:
        found = read_sources(wishes.sources)
        return found if given is None else replace(found, asks=(*given.asks, *found.asks))
    if given is not None:
        return given
    path = file_in(wishes.folder)
    return read_sources((str(path),)) if path is not None else None


def _ways(wishes: DraftOptions, found: Found | None, asked: Asked | None) -> list[Start]:
    """Return the ways to start the service; none where it is up already."""
    if wishes.url:
        require_loopback(wishes.url)
        return []
    if wishes.command:
        line = adapted(wishes.command) if not wishes.shell else None
        text, shell = (wishes.command, True) if line is None else (line.text, line.shell)
        return [_with(Start(text, "--command", shell=shell), wishes)]
    ways = _usable(ways_to_start(wishes.folder), wishes)
    if ways or (found is not None and found.origin):
        return ways
    if asked is not None:
        line = adapted(
            asked("How does the service start? (a command line; {port} is the port it shall listen on)", False)
        )
        if line.text:
            return [_with(Start(line.text, "what was answered", shell=line.shell), wishes)]
    raise UsageError(
        f"how the service starts cannot be told from {wishes.folder.absolute()}",
        why="there is no Procfile, manage.py, application object in Python, config.ru, package.json with a start"
        " script, Cargo.toml, go.mod, index.php, Dockerfile or compose file",
        hint="give --command 'myserver --port {port}', or --url http://127.0.0.1:8000 where it is up already",
    )


def _with(way: Start, wishes: DraftOptions) -> Start:
    # One word of the scenario says whether a shell reads all of its lines, so one that needs it decides for all.
    found = replace(
        way,
        environment={**way.environment, **wishes.environment},
        prepare=wishes.prepare or way.prepare,
        build=wishes.build or way.build,
        port=wishes.port or way.port,
        shell=way.shell or any(needs_shell(line) for line in (wishes.prepare, wishes.build)),
    )
    return with_own_port(found, wishes.folder)


def _usable(ways: Sequence[Start], wishes: DraftOptions) -> list[Start]:
    """Return those of the ways that both versions can be started in; the first reason why not, where none is left."""
    found, refused = [], []
    for way in ways:
        try:
            found.append(_with(way, wishes))
        except UsageError as error:
            refused.append(error)
    if refused and not found:
        raise refused[0]
    return found


@contextmanager
def _running(
    ways: Sequence[Start],
    wishes: DraftOptions,
    found: Found | None,
    environ: Mapping[str, str],
    say: Callable[[str], None],
    arm: str = "candidate",
) -> Iterator[tuple[Start | None, str, RunningService | None]]:
    """Lend the service with its address, started in the first way that works and stopped afterwards."""
    if not ways:
        url = (wishes.url or (found.origin if found is not None else "")).rstrip("/")
        answer = Client(url).send("GET", "/", within=10)
        if answer.problem:
            raise UsageError(
                f"{url} does not answer", why=answer.problem, hint="start the service first, or give --command"
            )
        say(f"asking the service at {url}")
        yield None, url, None
        return
    with private_folder() as private:
        try:
            way, service = _first_that_starts(ways, wishes, environ, private, say, arm)
        except ServiceError:
            origin = found.origin if found is not None else ""
            if not origin or wishes.command or Client(origin).send("GET", "/", within=10).problem:
                raise
            say(f"asking the service at {origin} instead")
            yield None, origin, None
            return
        try:
            yield _beside_itself(way, service, wishes, environ, private, say), service.base_url, service
        finally:
            service.stop()


def _beside_itself(
    way: Start,
    first: RunningService,
    wishes: DraftOptions,
    environ: Mapping[str, str],
    private: Path,
    say: Callable[[str], None],
) -> Start:
    """Return a way in which two can be started at once, as a measurement does; with a note where none is known.

    Only a service that holds locks is tried, and not where each version has a folder of its own.
    """
    base = (wishes.folder / way.directory).resolve()
    locked = [path for path in locked_files(first.processes()) if private.resolve() not in path.parents]
    if wishes.before is not None or wishes.arms is None:
        locked = [path for path in locked if base not in path.parents]
    if not locked:
        return way
    own = with_own_data(way, wishes.folder, locked)
    problem: ServiceError | None = None
    for number, each in enumerate([way] if own is None else [way, own]):
        logs = private / f"beside-{number}"
        (logs / "work").mkdir(parents=True, mode=0o700)
        redactor = Redactor(_secrets(wishes, environ))
        arm = _arm(each, wishes, environ, logs / "work", "baseline")
        try:
            if any(place in (way.prepare or "") for place in ("{work}", "{arm}")):
                run_command(arm, arm.service.prepare or "", purpose="prepare", log=logs / "log", redactor=redactor)
            (second,) = start([arm], logs=logs, redactor=redactor, cpus=None, any_status=True)
        except (ServiceError, UsageError) as error:
            problem = problem or (error if isinstance(error, ServiceError) else None)
            continue
        second.stop()
        if each is not way:
            say("  two cannot share its data: each start gets a copy of it")
        return each
    said = next((line for line in reversed(problem.log_tail) if tells_of_a_lock([line])), "") if problem else ""
    note = (
        f"both versions run at the same time, and a second one does not start beside the first, which holds {locked[0]}"
        + (f" ({said.strip()[:160]})" if said else "")
        + ": let its data lie in {work}, filled by --prepare"
    )
    return replace(way, notes=(*way.notes, note))


def _first_that_starts(
    ways: Sequence[Start],
    wishes: DraftOptions,
    environ: Mapping[str, str],
    private: Path,
    say: Callable[[str], None],
    name: str,
) -> tuple[Start, RunningService]:
    redactor = Redactor(_secrets(wishes, environ))
    failures: list[tuple[Start, PerfproofError, str]] = []
    for number, way in enumerate(ways):
        logs = private / f"start-{number}"
        (logs / "work").mkdir(parents=True, mode=0o700)
        arm = _arm(way, wishes, environ, logs / "work", name)
        cure = "--prepare names what fills its database, and --environment NAME=VALUE what it needs"
        try:
            say(f"starting {way.command}  (from {way.source})")
            if wishes.build:
                say(f"  build: {way.build}")
                run_command(arm, arm.service.build or "", purpose="build", log=logs / "build.log", redactor=redactor)
            if arm.service.prepare:
                say(f"  prepare: {way.prepare}")
                run_command(arm, arm.service.prepare, purpose="prepare", log=logs / "prepare.log", redactor=redactor)
            cure = "give --command 'myserver --port {port}', and --environment NAME=VALUE for what it needs"
            (service,) = start([arm], logs=logs, redactor=redactor, cpus=None, any_status=True)
        except (ServiceError, UsageError) as error:
            if "was not healthy within" in error.what:
                longer = f"--start-timeout {3 * wishes.start_timeout:g}"
                cure = f"{longer} where it takes longer (its log says how far it came); else {cure}"
            failures.append((way, error, cure))
            say(f"  that does not work: {error.what}")
            continue
        say(f"  up in {service.start_seconds:.1f} s")
        return way, service
    way, first, cure = failures[0]
    others = "; ".join(f"{each.command}: {other.what}" for each, other, _ in failures[1:3])
    raise ServiceError(
        f"{wishes.starts} does not start with `{way.command}` (from {way.source}): {first.what}",
        where=str(wishes.folder) if wishes.starts != DraftOptions.starts else None,
        why="; ".join(filter(None, (first.why, others and f"nor in other ways: {others}"))) or None,
        hint=cure,
        log_tail=first.log_tail if isinstance(first, ServiceError) else (),
    )


def _secrets(wishes: DraftOptions, environ: Mapping[str, str]) -> list[str]:
    """Return the values that the user took from the environment."""
    given = wishes.credentials
    texts = [*wishes.environment.values(), *given.headers.values(), given.user or "", given.password or ""]
    names = {match["name"] for text in texts for match in TEMPLATE.finditer(text) if match["name"]}
    return [environ[name] for name in sorted(names) if worth_masking(environ.get(name, ""), named_secret=True)]


def _arm(way: Start, wishes: DraftOptions, environ: Mapping[str, str], work: Path, arm: str = "candidate") -> Arm:
    """Return what is started; it is called as the arm where the scenario tells its arms apart by ``{arm}``."""

    def fill(text: str | None) -> str | None:
        if text is None:
            return None
        return with_variables(text, environ).replace("{python}", sys.executable).replace("{work}", str(work))

    lines = (way.command, way.prepare or "", way.build or "", *way.environment.values())
    return Arm(
        arm if any("{arm}" in line for line in lines) else "service",
        Service(
            command=fill(way.command),
            directory=wishes.folder / way.directory,
            environment={name: fill(value) or "" for name, value in way.environment.items()},
            build=fill(way.build),
            prepare=fill(way.prepare),
            shell=way.shell,
            health=wishes.health or "/",
            start_timeout=wishes.start_timeout,
        ),
    )


def _document(
    client: Client,
    credentials: Credentials,
    environ: Mapping[str, str],
    asked: Asked | None,
    say: Callable[[str], None],
) -> Found:
    """Return what the running service's own document holds, or what a person answers."""
    failed: list[str] = []
    headers = {name: filled(with_variables(text, environ), {}) for name, text in credentials.headers.items()}
    found = document_of(client, headers, failed=failed)
    if found is not None and not found.locustfile:
        say(f"{found.source}: {_counted(len(found.asks), 'request')}" + (f" of {found.title}" if found.title else ""))
        return found
    if asked is not None:
        answered = asked("Which requests are to be measured? (paths, such as /items /items/1)", False).split()
        if answered:
            return plain([path if path.startswith("/") else f"/{path}" for path in answered])
    raise UsageError(
        "which requests are to be measured is not known",
        why=f"no source was given, and the service shows no OpenAPI document: {', '.join(failed[:3])}"
        if failed
        else f"no source was given, and the service shows no OpenAPI document at {', '.join(DOCUMENT_PATHS[:4])} and"
        f" {len(DOCUMENT_PATHS) - 4} other usual paths",
        hint="perfproof init --get /items --get /items/1, or give a document, a HAR file, a k6 or Locust file, or a"
        " curl command line",
    )


def _asked_for(given: Credentials, found: Found, asked: Asked | None) -> Credentials:
    """Return the credentials, asked for where a login needs some that nobody gave."""
    entry = found.entry
    unknown = [login for login in entry.logins if any(value is None for value in login.fields.values())]
    secured = any(ask.secured for ask in found.asks)
    if asked is None or given.user is not None or given.headers or given.fields or not secured:
        return given
    if unknown or entry.basic:
        user = asked(f"Who logs in? ({entry.scheme or 'user'}; empty: nobody)", False)
        if user:
            return replace(given, user=user, password=asked("With which password? (or ${NAME} of a variable)", True))
    return given


def _chosen(found: Found, wishes: DraftOptions) -> list[DraftRequest]:
    return chosen(found.asks, only=wishes.only, writes=wishes.writes or found.explicit, reads=wishes.reads)


def _seem_to_read(found: Found, wishes: DraftOptions) -> str:
    """Return which requests are called as if they only read, though their method says that they write; "" for none."""
    if wishes.writes or wishes.reads:
        return ""
    alike = [ask for ask in found.asks if ask.method == "POST" and not ask.reads and is_search(ask.path)]
    words = {ask.path.rstrip("/").rpartition("/")[2]: None for ask in alike}
    if not alike:
        return ""
    options = " ".join(f"--reads 'POST */{word}'" for word in words)
    one = len(alike) == 1
    them = "it" if one else "them"
    return (
        f"{_counted(len(alike), 'request')} by POST {'is' if one else 'are'} called as if only reading, such as"
        f" {alike[0].path}: {options} {f'has the queries of {them} counted' if found.explicit else f'sends {them} too'}"
    )


def _nothing_chosen(found: Found, wishes: DraftOptions) -> UsageError:
    reading = sum(ask.reads for ask in found.asks)
    if wishes.only:
        some = ", ".join(f"{ask.method} {ask.path}" for ask in found.asks[:5])
        return UsageError(
            f"--only {' --only '.join(wishes.only)} fits none of {_counted(len(found.asks), 'request')}",
            where=found.source,
            hint=f"there are {some}{' ...' if len(found.asks) > 5 else ''}",
        )
    return UsageError(
        f"none of {_counted(len(found.asks), 'request')} can be measured: {reading} only read",
        where=found.source,
        hint="those that write are left out unless --writes asks for them, or --reads 'POST */search' says that they"
        " only read",
    )


def _nothing_answered(trial: Trial, found: Found, service: RunningService | None) -> ServiceError:
    first = "; ".join(f"{what}: {why}" for what, why in trial.dropped[:3])
    return ServiceError(
        f"none of {_counted(len(trial.dropped), 'request')} was answered as documented",
        where=found.source,
        why=first or None,
        hint=trial.notes[-1] if trial.notes else "do these requests belong to this service, and is there data in it?",
        log_tail=service.log_tail() if service is not None else (),
    )


def _shown_inside(
    client: Client, found: Found, headers: Mapping[str, str], wishes: DraftOptions, say: Callable[[str], None]
) -> Found:
    """Return the service's document as who is logged in sees it, where that holds more than it shows to anyone."""
    if not found.source.startswith("/"):
        return found
    more = document_of(client, headers, (found.source,))
    if more is None or len(more.asks) <= len(found.asks):
        return found
    say(f"{found.source}: {_counted(len(more.asks), 'request')} for who is logged in")
    if wishes.versions is not None:
        more = of_both(more, wishes.versions)
    return replace(found, asks=more.asks, left_out=more.left_out)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
