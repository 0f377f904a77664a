"""What must hold of the files a scenario names: feeds with their columns, files that are sent, certificates."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

from perfproof.core import paths
from perfproof.core.units import Mistake
from perfproof.graphql import documents
from perfproof.scenario.arms import merged, origin, overrides
from perfproof.scenario.document import Path
from perfproof.scenario.schema.feeds import columns_of
from perfproof.scenario.schema.fields import closest
from perfproof.scenario.schema.payloads import operations
from perfproof.scenario.schema.requests import RequestSpec, StepSpec
from perfproof.scenario.schema.scenario import ScenarioSpec
from perfproof.scenario.validate import Findings

MOST_BYTES = 16 * 1024 * 1024
"""Most bytes of a file that is sent: it is kept in memory."""


def check_feeds(spec: ScenarioSpec, base: pathlib.Path, findings: Findings) -> list[str]:
    """Note what is wrong with the feeds; return their columns as placeholders name them, e.g. ``users.email``."""
    known: list[str] = []
    for name, feed in spec.feeds.items():
        path: Path = ("feeds", name, "file")
        file = base / feed.file
        if not exists(path, file, feed.file, findings):
            findings.broken.add(("feeds", name))
            continue
        try:
            known += [f"{name}.{column}" for column in columns_of(file)]
        except Mistake as mistake:
            findings.add(path, mistake.reason, mistake.fix)
            findings.broken.add(("feeds", name))
    return known


def check_files(spec: ScenarioSpec, base: pathlib.Path, findings: Findings) -> None:
    """Note what is wrong with the files that are sent and with those of certificates."""
    for path, step in _steps(spec):
        sent = {(*path, "body_file"): step.body_file}
        sent |= {(*path, "multipart", name, "file"): part.file for name, part in step.multipart.items()}
        for place, name in sent.items():
            if name is not None and exists(place, base / name, name, findings):
                size = (base / name).stat().st_size
                if size > MOST_BYTES:
                    findings.add(place, f"`{name}` has {size:,} bytes", f"at most {MOST_BYTES:,} can be sent")
        if step.graphql is not None:
            _graphql((*path, "graphql"), step, base, findings)
    _certificates(spec, base, findings)


def _graphql(path: Path, step: StepSpec, base: pathlib.Path, findings: Findings) -> None:
    graphql = step.graphql
    if graphql is None:
        return
    if (graphql.query is None) == (graphql.file is None):
        findings.add(path, "must have a query or a file", "write either query: or file:", at_key=True)
        return
    if graphql.file is not None and not exists((*path, "file"), base / graphql.file, graphql.file, findings):
        return
    document = graphql.query or (base / str(graphql.file)).read_text(encoding="utf-8", errors="replace")
    known = operations(document)
    if graphql.operation is not None and graphql.operation not in known:
        findings.add((*path, "operation"), "is not in the document", closest(graphql.operation, known))
    elif graphql.operation is None and len(known) > 1:
        findings.add(path, f"has {len(known)} operations", f"add operation: {known[0]}", at_key=True)
    _document(path, step, document, base, findings)


def _document(path: Path, step: StepSpec, document: str, base: pathlib.Path, findings: Findings) -> None:
    """Note what is wrong within a GraphQL document, by its syntax and by the schema where one is named.

    Without graphql-core a document is sent as it is, and the service says what is wrong with it.
    """
    graphql = step.graphql
    assert graphql is not None  # noqa: S101 - asked by the caller
    scale = step.scale if isinstance(step, RequestSpec) else None
    deep = scale is not None and bool(scale.depth)
    schema = graphql.schema_file
    if not documents.available():
        wants = "depth needs" if deep else "a schema needs" if schema is not None else ""
        if wants:
            place: Path = (*path[:-1], "scale", "depth") if deep else (*path, "schema")
            findings.add(place, f"{wants} a reader of GraphQL", f"install it: {documents.INSTALL}", at_key=True)
            findings.broken.add(path)
        return
    if schema is not None and not exists((*path, "schema"), base / schema, schema, findings):
        schema = None
    place = (*path, "query" if graphql.query is not None else "file")
    known = None if schema is None else (base / schema).read_text(encoding="utf-8", errors="replace")
    try:
        found = documents.mistakes(document, known, deep=deep)
    except documents.UnreadableError as error:
        findings.add((*path, "schema"), f"is no GraphQL schema: {error}", "write it in SDL, or as an introspection")
        found = documents.mistakes(document, deep=deep)
    for mistake in found:
        cycle = "names itself" in mistake
        fix = "say how deep it goes, e.g. scale: {depth: [1, 2, 3]}" if cycle else None
        findings.add(place, f"is no GraphQL that the schema allows: {mistake}" if known else mistake, fix)
    if found:
        findings.broken.add(path)


def _certificates(spec: ScenarioSpec, base: pathlib.Path, findings: Findings) -> None:
    for name, arm in overrides(spec).items():
        service = merged(spec.service, arm)
        if service.tls is None:
            continue
        path = origin(name, arm, "tls")
        if not (service.url or "").startswith("https://"):
            findings.add(path, "has no effect", "write url: https://..., or remove it", at_key=True)
        elif service.tls.ca is not None and service.tls.insecure:
            findings.add((*path, "insecure"), "stands beside ca", "keep the one that is meant", at_key=True)
        elif service.tls.ca is not None:
            exists((*path, "ca"), base / service.tls.ca, service.tls.ca, findings)


def _steps(spec: ScenarioSpec) -> Iterator[tuple[Path, StepSpec]]:
    yield from ((("setup", position), step) for position, step in enumerate(spec.setup))
    for position, request in enumerate(spec.requests):
        yield ("requests", position), request
        yield from ((("requests", position, "steps", inner), step) for inner, step in enumerate(request.steps))


def exists(path: Path, file: pathlib.Path, written: str, findings: Findings) -> bool:
    """Tell whether ``file`` is one; if not, note it at ``path`` in the words of the scenario, with a guess."""
    if paths.is_file(file):
        return True
    near = [each.name for each in file.parent.iterdir() if each.is_file()] if paths.is_folder(file.parent) else []
    guess = closest(file.name, near)
    fix = guess if guess and guess.startswith("did") else "it is relative to the scenario file"
    findings.add(path, f"`{written}` {'is not a file' if paths.exists(file) else 'does not exist'}", fix)
    return False
