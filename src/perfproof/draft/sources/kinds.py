"""What kind of source was given, and what it holds: each kind has a reader of its own."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from perfproof.documents.document import Document, decoded, parse, read_file
from perfproof.documents.operations import DOCUMENT_PATHS, looks_like_openapi, shown_by
from perfproof.draft.names import resource_of, unique
from perfproof.draft.sources.messages import paged
from perfproof.draft.sources.openapi import read_openapi
from perfproof.draft.wanted import DraftRequest, Entry, Found
from perfproof.errors import UsageError
from perfproof.http.plain_client import Client, require_loopback

_FILES = ("openapi", "swagger", "api", "docs/openapi", "docs/swagger", "api/openapi", "spec/openapi", "static/openapi")
_ENDINGS = (".json", ".yaml", ".yml")


def read_sources(sources: Sequence[str]) -> Found:
    """Return what the sources hold together. The words of one curl command may be given one by one.

    Raises ``UsageError`` with the place of what cannot be read.
    """
    if sources and sources[0] == "curl":
        sources = [shlex.join(sources)]
    found = [replace(each, asks=tuple(map(paged, each.asks))) for each in map(_read, sources)]
    first = found[0]
    if len(found) == 1:
        return first
    if any(each.prefix != first.prefix or each.locustfile for each in found):
        raise UsageError("these sources do not go together", hint="give one document, or several curl commands")
    return replace(
        first,
        source=" and ".join(dict.fromkeys(each.source for each in found)),
        asks=tuple(unique(ask for each in found for ask in each.asks)),
        left_out=tuple(text for each in found for text in each.left_out),
        notes=tuple(text for each in found for text in each.notes),
    )


def _read(source: str) -> Found:
    if source.split()[:1] == ["curl"]:
        from perfproof.draft.sources.curl import read_curl

        return read_curl(source, "the curl command")
    if source.startswith(("http://", "https://")):
        return _from_url(source)
    path = Path(source)
    text = read_file(path)
    if path.suffix == ".py":
        return read_locust(text, path)
    if path.suffix in (".js", ".mjs", ".ts"):
        from perfproof.draft.sources.k6 import read_k6

        return read_k6(text, source)
    if path.suffix in (".sh", ".curl", ".txt") or text.lstrip().startswith(("curl ", "#!")):
        from perfproof.draft.sources.curl import read_curl

        return read_curl(text, source)
    return _of_document(parse(text, source, path.absolute().parent))


def _of_document(document: Document) -> Found:
    if "log" in document.data and not looks_like_openapi(document.data):
        from perfproof.draft.sources.har import read_har

        return read_har(document)
    return read_openapi(document)


def _from_url(url: str) -> Found:
    require_loopback(url)
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    client = Client(origin)
    if parts.path.strip("/"):
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        answer = client.send("GET", target)
        if answer.problem or answer.status != 200:
            raise UsageError(
                f"{url} was answered with {answer.problem or f'status {answer.status}'}",
                hint="start the service, or give the address of its document, such as http://127.0.0.1:8000/openapi.json",
            )
        return replace(_of_document(parse(decoded(answer.body, url), url)), origin=origin)
    found = document_of(client)
    if found is None:
        answer = client.send("GET", "/")
        if answer.problem:
            raise UsageError(f"{url} does not answer", why=answer.problem, hint="start the service first")
        raise UsageError(
            f"no OpenAPI document was found at {url}",
            why=f"asked for {', '.join(DOCUMENT_PATHS[:4])} and {len(DOCUMENT_PATHS) - 4} others",
            hint="give the address of the document, or the requests themselves: --get /path",
        )
    return replace(found, origin=origin)


def document_of(
    client: Client,
    headers: Mapping[str, str] | None = None,
    paths: Sequence[str] = DOCUMENT_PATHS,
    *,
    failed: list[str] | None = None,
) -> Found | None:
    """Return what the OpenAPI document of a running service holds, from the first of the paths that has one.

    Why there is none where one seems to be goes to ``failed``.
    """
    for document in shown_by(client, headers, paths, failed=failed):
        return read_openapi(document)
    return None


def file_in(folder: Path) -> Path | None:
    """Return the OpenAPI document that lies in a folder under a usual name."""
    for name in _FILES:
        for ending in _ENDINGS:
            path = folder / f"{name}{ending}"
            if path.is_file() and (
                "openapi" in (text := path.read_text("utf-8", "replace")[:4000]) or "swagger" in text
            ):
                return path
    return None


def plain(paths: Sequence[str]) -> Found:
    """Return requests that are given as paths alone."""
    asks = []
    for path in paths:
        if not path.startswith("/"):
            raise UsageError(f"--get {path}: a path begins with /", hint=f"--get /{path}")
        asks.append(paged(DraftRequest(f"GET {path}", "GET", path, "--get", resource=resource_of(path))))
    return Found("the paths that were given", asks=tuple(unique(asks)), entry=Entry())


def read_locust(text: str, path: Path) -> Found:
    """Return the file as the source of requests; ``UsageError`` where it holds no user."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        where = f"{path}:{error.lineno}:{error.offset}"
        raise UsageError("is not valid Python", where=where, why=error.msg, hint="correct it") from None
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    users = [node.name for node in classes if any("User" in ast.unparse(base) for base in node.bases)]
    if not users:
        imports = "locust" in text
        raise UsageError(
            "holds no User class" if imports else "is no Locust file: it imports nothing of locust",
            where=f"{path}:1",
            hint="a Locust file has a class such as `class Visitor(HttpUser):`; for requests alone give --get PATH",
        )
    return Found(
        str(path),
        locustfile=str(path),
        notes=(f"the users of {path.name} ({', '.join(users)}) were not tried: what they send comes up as they run",),
    )
