"""``perfproof init``: the first draft of a scenario, from what the project already has."""

from __future__ import annotations

import os
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perfproof.cli.common.console import say, tell
from perfproof.errors import ScenarioError, UsageError

if TYPE_CHECKING:
    from perfproof.draft.draft import DraftOptions, DraftResult
    from perfproof.draft.tried import Credentials
    from perfproof.model.scenario import Scenario

_RUNNING = "Where the service is up already, instead of starting it."


def init(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE]...",
            help="An OpenAPI document (file, or address of a running service), a HAR, k6 or Locust file, or a curl"
            " command. By default what lies in the folder or the service itself shows.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The scenario.")] = Path(
        "perfproof.yaml"
    ),
    force: Annotated[bool, typer.Option("--force", help="Overwrite the scenario if it is there.")] = False,
    directory: Annotated[
        Path, typer.Option("--directory", "-C", metavar="DIR", help="The folder of the service.")
    ] = Path(),
    command: Annotated[
        str, typer.Option("--command", metavar="LINE", help="How the service starts; {port} is its port.")
    ] = "",
    url: Annotated[str, typer.Option("--url", metavar="URL", help=_RUNNING)] = "",
    environment: Annotated[
        list[str] | None,
        typer.Option("--environment", "-e", metavar="NAME=VALUE", help="What the service needs. May be repeated."),
    ] = None,
    prepare: Annotated[str, typer.Option("--prepare", metavar="LINE", help="Run once before: fill a database.")] = "",
    build: Annotated[str, typer.Option("--build", metavar="LINE", help="Run once for each version from git.")] = "",
    health: Annotated[str, typer.Option("--health", metavar="PATH", help="Answers once the service is up.")] = "",
    port: Annotated[
        int | None,
        typer.Option("--port", min=1, max=65535, help="What it always listens on: a free one takes its place."),
    ] = None,
    start_timeout: Annotated[float, typer.Option("--start-timeout", min=1, help="Seconds a start may take.")] = 30,
    database: Annotated[str, typer.Option("--database", metavar="URL", help="Where its queries are counted.")] = "",
    get: Annotated[
        list[str] | None, typer.Option("--get", metavar="PATH", help="A request to measure. May be repeated.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="PATTERN", help="Only such paths: '/v1/items*', 'GET /items'. May be repeated."),
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, max=200, help="How many requests are kept at most.")] = 10,
    writes: Annotated[bool, typer.Option("--writes", help="Also send requests that change something.")] = False,
    reads: Annotated[
        list[str] | None,
        typer.Option("--reads", metavar="PATTERN", help="Such requests only read: 'POST */search'. May be repeated."),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option("--user", "-u", metavar="NAME:PASSWORD", help="Who logs in; '${PASSWORD}' is a variable's value."),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header", "-H", metavar="'NAME: VALUE'", help="Goes with all: 'Authorization: Bearer ${TOKEN}'."
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="The API key that the document asks for: '${API_KEY}'.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What runs are called. [default: the folder's name]")] = "",
    baseline_ref: Annotated[
        str | None, typer.Option("--baseline-ref", metavar="REF", help="The version before, from git: main.")
    ] = None,
    before: Annotated[
        Path | None, typer.Option("--before", metavar="DIR", help="The folder that holds the version before.")
    ] = None,
    versions: Annotated[
        str | None,
        typer.Option("--versions", metavar="V1,V2", help="Two versions of the API in one service as arms: /v1,/v2."),
    ] = None,
    goal: Annotated[
        list[str] | None, typer.Option("--goal", metavar="METRIC=SHARE", help="What was promised: latency_p95=20%.")
    ] = None,
) -> None:
    """Draft a scenario: find out how the service starts, start it once, and keep the requests that it answers.

    Nothing but reading requests is sent unless --writes says so. On a terminal what is missing is asked for.
    """
    from perfproof.draft.draft import DraftOptions, draft

    if output.exists() and not force:
        raise UsageError(f"{output} is there already", hint="perfproof init -o other.yaml, or --force to overwrite it")
    if not output.absolute().parent.is_dir():
        raise UsageError(f"the folder {output.parent} does not exist", hint=f"mkdir -p {output.parent}")
    if not directory.is_dir():
        raise UsageError(f"there is no folder {directory}", hint="--directory is the folder of the service")
    from perfproof.draft.versions import versions_of

    api = _api_versions(versions)
    if api is not None and (baseline_ref is not None or before is not None):
        raise UsageError("--versions stands beside another version before", hint="keep the one that is meant")
    arms, note, following = versions_of(directory, output, baseline_ref, before, running=bool(url))
    if api is not None:
        note, following = f"{api[0]} against {api[1]} of the same service", f"perfproof ab {shlex.quote(str(output))}"
    wishes = DraftOptions(
        folder=directory,
        beside=output.absolute().parent,
        sources=tuple(sources or ()),
        get=tuple(get or ()),
        only=tuple(only or ()),
        writes=writes,
        reads=tuple(reads or ()),
        most=most,
        name=name or _name(directory),
        command=command,
        environment=_pairs(environment, "--environment"),
        prepare=prepare,
        build=build,
        health=health,
        port=port,
        url=url,
        start_timeout=start_timeout,
        database=database,
        credentials=_credentials(user, header, key),
        arms=arms,
        arms_note=note,
        before=before,
        goals=_pairs(goal, "--goal"),
        versions=api,
    )
    _check_options(wishes)
    interactive = sys.stdin.isatty() and sys.stderr.isatty()
    drafted = draft(wishes, os.environ, tell, _ask if interactive else None)
    for text in drafted.left_out[:5]:
        tell(f"left out: {text}")
    if len(drafted.left_out) > 5:
        tell(f"left out: {len(drafted.left_out) - 5} more of the document")
    for text in drafted.notes:
        tell(f"note: {text}")
    scenario = _save(drafted.text, output)
    kept, dropped = len(drafted.trial.tried), len(drafted.trial.dropped)
    what = f"{kept} request{'' if kept == 1 else 's'}" if kept else "the users of the Locust file"
    say(f"{output}: {what}" + (f" ({dropped} dropped)" if dropped else ""))
    say(f"next: perfproof check {shlex.quote(str(output))}")
    say(f"then: {following}")
    if sentence := _how_long(scenario, drafted):
        say(f"      which {sentence}")


def _how_long(scenario: Scenario, drafted: DraftResult) -> str:
    """Return how long a measurement of the service takes if it starts and answers as it just did; "" if unknown."""
    from perfproof.measure.estimate import Seen, estimate

    answers = tuple(each.took for each in drafted.trial.tried)
    if not answers:
        return ""
    arms = scenario.arms if len(scenario.arms) > 1 else 2 * scenario.arms  # the other one comes from git
    found = estimate(replace(scenario, arms=arms), "ab", seen=Seen(drafted.start_seconds, answers))
    return found.sentences[0] if found is not None else ""


def _check_options(wishes: DraftOptions) -> None:
    """Raise ``UsageError`` for options that no scenario may hold, before anything is started."""
    import yaml

    from perfproof.scenario.reader import read_text

    service = {
        "command": wishes.command or "x",
        "environment": dict(wishes.environment),
        "health": wishes.health or "/",
        **({"database": wishes.database} if wishes.database else {}),
        **({"port": wishes.port} if wishes.port else {}),
        **({"prepare": wishes.prepare} if wishes.prepare else {}),
        **({"build": wishes.build} if wishes.build else {}),
        "shell": True,
    }
    asked = {"name": wishes.name, "service": service, "requests": [{"get": "/"}], "goals": dict(wishes.goals)}
    text = yaml.safe_dump({key: value for key, value in asked.items() if value}, sort_keys=False)
    try:
        read_text(text, Path("options"), os.environ)
    except ScenarioError as error:
        first = error.problems[0]
        raise UsageError(f"{first.key.removeprefix('service.')}: {first.reason}", hint=first.fix) from None


def _save(text: str, output: Path) -> Scenario:
    """Write the scenario once it is right, and return it: read as ``check`` reads it, there whole or not at all."""
    from perfproof.scenario.reader import read_text

    scenario = read_text(text, output, os.environ)
    if scenario.locustfile is not None:
        from perfproof.measure.dry_run import inspect

        inspect(scenario)
    partial = output.with_name(f".{output.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(output)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UsageError(f"{output} cannot be written", why=error.strerror, hint="name another with -o FILE") from None
    return scenario


def _credentials(user: str | None, headers: list[str] | None, key: str | None) -> Credentials:
    from perfproof.draft.templates import typed
    from perfproof.draft.tried import Credentials

    name, colon, password = (user or "").partition(":")
    if user is not None and (not colon or not name):
        raise UsageError("--user needs a name and a password", hint="--user 'demo@example.com:${PASSWORD}'")
    found: dict[str, str] = {}
    for each in headers or ():
        label, colon, value = each.partition(":")
        if not colon or not re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", label.strip()):
            raise UsageError(f"--header {label}: is no header", hint="write it as 'Name: value'")
        found[label.strip()] = typed(value.strip())
    if user is not None:
        return Credentials(typed(name), typed(password), headers=found)
    return Credentials(password=typed(key) if key is not None else None, headers=found)


def _api_versions(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    found = [f"/{each.strip().strip('/')}" for each in text.split(",")]
    if len(found) != 2 or "/" in found or found[0] == found[1]:
        raise UsageError(f"--versions {text} are not two versions", hint="write them as --versions /v1,/v2")
    return found[0], found[1]


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given or ():
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} {name}: there is no =", hint=f"write it as {option} NAME=VALUE")
        found[name] = value
    return found


def _name(folder: Path) -> str:
    """Return what runs are called: the folder's name, or its parent's where it only says which version it is."""
    whole = folder.resolve()
    name = whole.parent.name if whole.name.lower() in ("after", "before", "new", "old", "candidate") else whole.name
    return re.sub(r"[^\w.-]+", "-", name or whole.name).strip("-.") or "service"


def _ask(question: str, hidden: bool) -> str:
    return str(typer.prompt(question, default="", hide_input=hidden, show_default=False, err=True)).strip()
