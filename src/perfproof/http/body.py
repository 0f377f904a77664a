"""The body of a request as bytes: JSON, a form, a multipart form, text, or a file as it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode

from perfproof.errors import LoadError
from perfproof.http.template import Variables, fill, fill_json
from perfproof.model.scenario import Part, Request

FILE_LIMIT = 16 * 1024 * 1024
"""Most bytes of one file that is sent; every one is kept in memory."""

Files = Mapping[Path, bytes]


def read_files(requests: Iterable[Request]) -> dict[Path, bytes]:
    """Return the content of every file that ``requests`` send; LoadError says which cannot be read or is too large."""
    paths = {path for request in requests for path in files_of(request)}
    return {path: _content(path) for path in sorted(paths)}


def files_of(request: Request) -> list[Path]:
    """Return the files that a request sends."""
    single = [request.body_file] if request.body_file is not None else []
    return single + [part.file for part in request.multipart if part.file is not None]


def body_of(request: Request, variables: Variables, files: Files) -> tuple[bytes | None, str | None]:
    """Return a request's body and its content type; None for what it does not have or leaves to its headers."""
    if request.json is not None:
        filled = fill_json(request.json, variables)
        return json.dumps(filled, ensure_ascii=False, separators=(",", ":")).encode(), "application/json"
    if request.form:
        pairs = {fill(name, variables): fill(value, variables) for name, value in request.form.items()}
        return urlencode(pairs).encode(), "application/x-www-form-urlencoded"
    if request.multipart:
        return _multipart(request.multipart, variables, files)
    if request.body_file is not None:
        return files[request.body_file], None
    if request.body is not None:
        return fill(request.body, variables).encode(), None
    return None, None


def _multipart(parts: Iterable[Part], variables: Variables, files: Files) -> tuple[bytes, str]:
    """Return the parts as RFC 7578 wants them; the boundary is a fingerprint of them, so it stands in none."""
    pieces = []
    for part in parts:
        named = f'form-data; name="{_quoted(part.name)}"'
        if part.file is not None:
            content = files[part.file]
            named += f'; filename="{_quoted(part.filename or part.file.name)}"'
            kind = part.type or "application/octet-stream"
        else:
            content, kind = fill(part.text, variables).encode(), part.type or ""
        head = f"Content-Disposition: {named}\r\n" + (f"Content-Type: {kind}\r\n" if kind else "")
        pieces.append(head.encode() + b"\r\n" + content + b"\r\n")
    boundary = "perfproof-" + sha256(b"".join(pieces)).hexdigest()[:32]
    lines = b"".join(b"--" + boundary.encode() + b"\r\n" + piece for piece in pieces)
    return lines + b"--" + boundary.encode() + b"--\r\n", f"multipart/form-data; boundary={boundary}"


def _quoted(name: str) -> str:
    """Return a name as browsers write it between quotes (HTML standard, multipart/form-data)."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_LIMIT + 1)
    except OSError as error:
        hint = "on every machine that generates load it must be at the same place"
        raise LoadError(f"cannot read {path}", why=error.strerror or str(error), hint=hint) from error
    if len(content) > FILE_LIMIT:
        raise LoadError(f"{path} is larger than {FILE_LIMIT >> 20} MiB", why="bodies are kept in memory")
    return content
