"""The text of a drafted scenario: short, with a comment wherever it says something that somebody may want to change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from perfproof.draft.answers import milliseconds
from perfproof.draft.start.start import Start
from perfproof.draft.tried import Trial, Tried
from perfproof.draft.wanted import Login

_WIDE = 110


@dataclass(frozen=True)
class ScenarioText:
    """Everything that is written. ``arms`` are their overrides; None leaves them to git refs on the command line."""

    name: str
    source: str
    trial: Trial
    start: Start | None = None
    url: str = ""
    start_timeout: str = ""
    database: str = ""
    database_note: str = ""
    arms: Mapping[str, Mapping[str, Any]] | None = None
    arms_note: str = ""
    goals: Mapping[str, str] = field(default_factory=dict)
    budgets: Mapping[str, str] = field(default_factory=dict)
    locustfile: str = ""
    left_out: int = 0


def text_of(draft: ScenarioText) -> str:
    """Return the scenario."""
    return (
        "\n".join([*_head(draft), *_service(draft), *_arms(draft), *_setup(draft), *_requests(draft), *_goals(draft)])
        + "\n"
    )


def _head(draft: ScenarioText) -> Iterator[str]:
    yield f"# Drafted by `perfproof init` from {_comment(draft.source)}."
    if draft.trial.tried:
        yield "# Every request below was sent once and answered as it should be; docs/scenarios.md has every key."
    yield f"name: {scalar(draft.name)}"


def _service(draft: ScenarioText) -> Iterator[str]:
    yield "service:"
    start = draft.start
    if start is None:
        yield f"  url: {scalar(draft.url)} # it is already up there; `command:` would let perfproof start it afresh"
    else:
        yield f"  # from {_comment(start.source)}; {{port}} is a free port, also in the variable PORT"
        yield f"  command: {scalar(start.command)}"
        if start.directory:
            yield f"  directory: {scalar(start.directory)}"
        if start.shell:
            yield "  shell: true"
        if start.environment:
            yield from _mapping("  ", "environment", dict(start.environment))
        if start.build:
            yield f"  build: {scalar(start.build)} # once for each version from git"
        if start.prepare:
            yield f"  prepare: {scalar(start.prepare)} # once for each version, not measured"
    if draft.trial.health not in ("", "/"):
        yield f"  health: {scalar(draft.trial.health)}"
    if draft.start_timeout:
        yield f"  start_timeout: {draft.start_timeout}"
    if draft.database:
        yield f"  database: {scalar(draft.database)} # its queries are counted there{_aside(draft.database_note)}"


def _arms(draft: ScenarioText) -> Iterator[str]:
    if draft.arms is None:
        yield f"# The versions come from git: {_comment(draft.arms_note)}"
        return
    yield f"arms: # what differs between the versions{_aside(draft.arms_note)}"
    for name, keys in draft.arms.items():
        yield f"  {name}: {flow(dict(keys))}"


def _setup(draft: ScenarioText) -> Iterator[str]:
    login = draft.trial.login
    if login is None:
        return
    yield "setup: # once for each version, before anything is measured"
    yield from _login(login)


def _login(login: Login) -> Iterator[str]:
    if login.page:
        yield f"  - get: {scalar(login.page)} # its form"
        if login.drawn:
            found = {name: {"regex": pattern} for name, pattern in login.drawn.items()}
            yield from _mapping("    ", "capture", found)
    yield f"  - {login.method.lower()}: {scalar(login.path)}"
    yield from _mapping("    ", "form" if login.form else "json", dict(login.fields))
    if login.captures:
        yield from _mapping("    ", "capture", dict(login.captures))
    if not 200 <= login.status < 300:
        yield f"    expect: {{status: {login.status}}}"


def _requests(draft: ScenarioText) -> Iterator[str]:
    if draft.locustfile:
        yield f"locustfile: {scalar(draft.locustfile)} # its users make the requests, unchanged"
        yield "load: {model: closed, users: 10}"
        return
    yield "requests:"
    for tried in draft.trial.tried:
        yield from _request(tried)


def _request(tried: Tried) -> Iterator[str]:
    ask = tried.ask
    seen = [f"{tried.status} in {milliseconds(tried.took)}", _size(tried.size)]
    if tried.rows is not None:
        seen.append(f"{tried.rows} row{'' if tried.rows == 1 else 's'}")
    yield f"  - name: {scalar(ask.name)} # {', '.join(seen)}"
    yield f"    {ask.method.lower()}: {scalar(ask.target)}"
    if ask.headers:
        yield from _mapping("    ", "headers", dict(ask.headers))
    if ask.json is not None:
        yield from _mapping("    ", "json", ask.json)
    if ask.form:
        yield from _mapping("    ", "form", dict(ask.form))
    if ask.body is not None:
        yield f"    body: {scalar(ask.body)}"
    if ask.values:
        yield from _mapping("    ", "values", {name: list(each) for name, each in ask.values.items()})
    if tried.sizes:
        yield f"    scale: {{parameter: {ask.paging}, sizes: {flow(list(tried.sizes))}}} # proves an N+1 by its growth"
        if tried.rows_at is not None:
            yield f"    rows: {scalar(tried.rows_at)}"
    for note in tried.notes:
        yield f"    # {_comment(note)}"
    if ask.weight != 1:
        yield f"    weight: {ask.weight} # as often as it was seen"
    if ask.safe is not None:
        yield f"    safe: {'true' if ask.safe else 'false'}"
    yield f"    expect: {{status: {tried.status}}}"


def _goals(draft: ScenarioText) -> Iterator[str]:
    if draft.goals:
        yield from _mapping("", "goals", dict(draft.goals))
    else:
        yield "# goals: {latency_p95: {improve: 20%, stretch: 30%}} # what was promised"
    yield from _mapping("", "budgets", {"error_rate": "1%", **draft.budgets})


def _mapping(indent: str, key: str, value: Any) -> Iterator[str]:
    """Yield ``key: value`` in one line, or over several where that would be too long."""
    line = f"{indent}{key}: {flow(value)}"
    if len(line) <= _WIDE or not isinstance(value, dict | list) or not value:
        yield line
        return
    yield f"{indent}{key}:"
    text = yaml.safe_dump(value, default_flow_style=False, sort_keys=False, allow_unicode=True, width=100_000)
    yield from (f"{indent}  {each}" for each in text.rstrip("\n").split("\n"))


def scalar(value: Any) -> str:
    """Return one value as YAML in a line of its own."""
    if isinstance(value, str) and re.search(r"[\n\x85\u2028\u2029]|[^\x20-\x7e\xa0-\ud7ff]", value):
        return _quoted(value)
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=100_000)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def flow(value: Any) -> str:
    """Return a value as YAML between braces or brackets."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=100_000)
    return " ".join(text.removesuffix("\n").removesuffix("\n...").split("\n")).strip()


def _quoted(value: str) -> str:
    return yaml.safe_dump(value, default_style='"', width=100_000).strip()


def _comment(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))


def _aside(note: str) -> str:
    return f"; {_comment(note)}" if note else ""


def _size(size: int) -> str:
    return f"{size} B" if size < 1000 else f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1e6:.1f} MB"


def names_of(dropped: Sequence[tuple[str, str]]) -> list[str]:
    """Return what was dropped and why, one line each."""
    return [f"{what}: {why}" for what, why in dropped]
