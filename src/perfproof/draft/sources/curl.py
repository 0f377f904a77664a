"""curl command lines, as they are typed, pasted from a browser, or kept in a file."""

from __future__ import annotations

import base64
import json
import re
import shlex
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from perfproof.draft.names import resource_of, unique
from perfproof.draft.sources.messages import body_of, path_of, reads_graphql, split_query
from perfproof.draft.templates import written
from perfproof.draft.wanted import DraftRequest, Found
from perfproof.errors import UsageError

_WITHOUT = frozenset(
    [
        "-s",
        "-S",
        "-sS",
        "-k",
        "-L",
        "-v",
        "-i",
        "-f",
        "-g",
        "-N",
        "-#",
        "-4",
        "-6",
        "-sSL",
        "-sL",
        "-fsSL",
        "--silent",
        "--show-error",
        "--insecure",
        "--location",
        "--verbose",
        "--include",
        "--fail",
        "--fail-with-body",
        "--compressed",
        "--no-buffer",
        "--globoff",
        "--http1.1",
        "--http2",
        "--ipv4",
        "--ipv6",
        "--location-trusted",
        "--path-as-is",
        "--no-progress-meter",
        "--progress-bar",
        "--raw",
        "--tcp-nodelay",
        "--no-keepalive",
    ]
)
_WITH = frozenset(
    [
        "-o",
        "-m",
        "-w",
        "-x",
        "-c",
        "-e",
        "-A",
        "-E",
        "-y",
        "-Y",
        "--output",
        "--max-time",
        "--write-out",
        "--proxy",
        "--cookie-jar",
        "--referer",
        "--user-agent",
        "--cert",
        "--key",
        "--cacert",
        "--capath",
        "--connect-timeout",
        "--retry",
        "--retry-delay",
        "--resolve",
        "--interface",
        "--limit-rate",
        "--max-redirs",
        "--ciphers",
        "--speed-limit",
        "--speed-time",
        "--noproxy",
        "--tls-max",
        "--stderr",
        "--dump-header",
        "-D",
    ]
)
_DATA = frozenset(["-d", "--data", "--data-ascii", "--data-raw", "--data-binary", "--data-urlencode", "--json"])
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "a": "\a", "b": "\b", "0": "\0"}
_SHORT = "XHdubAeomwxcDFT"


@dataclass
class _Command:
    """What one command says, as far as it has been read."""

    where: str
    url: str = ""
    method: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    kind: str = "application/x-www-form-urlencoded"
    in_query: bool = False
    head: bool = False
    notes: list[str] = field(default_factory=list)


def read_curl(text: str, file: str) -> Found:
    """Return the requests of the curl commands in ``text``; ``UsageError`` with line and reason otherwise."""
    asks, notes, origin = [], list[str](), ""
    for line, command in _commands(text):
        where = f"{file}:{line}" if "\n" in text.strip() else file
        read = _read(command, where)
        notes += read.notes
        origin = origin or _origin(read.url)
        asks.append(_ask(read))
    if not asks:
        raise UsageError("holds no curl command", where=file, hint="a line begins with `curl `")
    if any(name.lower() in ("authorization", "cookie") for ask in asks for name in ask.headers):
        notes.append('the scenario holds what lets this user in: write "${TOKEN}" for it before you share the file')
    return Found(file, asks=tuple(unique(asks)), origin=origin, notes=tuple(dict.fromkeys(notes)), explicit=True)


def _commands(text: str) -> list[tuple[int, list[str]]]:
    """Return the words of each command with its line; a backslash at its end goes on in the next."""
    found: list[tuple[int, list[str]]] = []
    joined, began = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        began = began or number
        joined += line.removesuffix("\\").rstrip() + (" " if line.endswith("\\") else "")
        if line.endswith("\\") or (joined.lstrip().startswith("curl ") and _open(joined)):
            joined += "" if line.endswith("\\") else "\n"
            continue
        if joined.lstrip().startswith("curl "):
            found.append((began, _words(joined.strip(), began)))
        joined, began = "", 0
    if joined.lstrip().startswith("curl "):
        found.append((began, _words(joined.strip(), began)))
    return found


def _open(text: str) -> bool:
    try:
        shlex.split(_plain_quotes(text))
    except ValueError:
        return True
    return False


def _words(line: str, number: int) -> list[str]:
    try:
        return shlex.split(_plain_quotes(line))
    except ValueError as error:
        raise UsageError(
            "the curl command cannot be split into words",
            where=f"line {number}",
            why=str(error).lower(),
            hint="put the whole command between quotes of the other kind, or into a file",
        ) from None


def _plain_quotes(text: str) -> str:
    """Return text with a shell's ANSI quotes (a dollar before the quote) made into ordinary ones."""

    def plain(match: re.Match[str]) -> str:
        inner = re.sub(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", _unescaped, match[1])
        return shlex.quote(inner)

    return re.sub(r"(?<![\w$])\$'((?:[^'\\]|\\.)*)'", plain, text)


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else _ESCAPES.get(match[3], match[3])


def _read(words: list[str], where: str) -> _Command:
    command = _Command(where)
    rest = iter(words[1:])
    for word in rest:
        option, value = word, None
        if word.startswith("--") and "=" in word:
            option, _, value = word.partition("=")
        elif re.fullmatch(rf"-[{_SHORT}].+", word):
            option, value = word[:2], word[2:]
        if not word.startswith("-") or word == "-":
            command.url = command.url or word
        elif option in _WITHOUT or re.fullmatch(r"-[sSkLvifgN#]+", option):
            continue
        elif option in ("-G", "--get"):
            command.in_query = True
        elif option in ("-I", "--head"):
            command.head = True
        else:
            value = value if value is not None else next(rest, None)
            if value is None:
                raise UsageError(f"{option} has no value", where=where, hint="write the value after it")
            _option(command, option, value)
    if not command.url:
        raise UsageError("the curl command names no address", where=where, hint="curl http://127.0.0.1:8000/items")
    return command


def _option(command: _Command, option: str, value: str) -> None:
    if option in ("-X", "--request"):
        command.method = value.upper()
    elif option in ("-H", "--header"):
        name, _, content = value.partition(":")
        command.headers.append((name.strip(), content.strip()))
    elif option in _DATA:
        if value.startswith("@") and option != "--data-raw":
            raise UsageError(
                f"{option} {value} sends a file",
                where=command.where,
                hint=f"add `body_file: {value[1:]}` to the request by hand, or give the data itself",
            )
        if option == "--data-urlencode":
            name, equals, content = value.partition("=")
            value = f"{name}={quote(content)}" if equals else quote(value)
        if option == "--json":
            command.kind = "application/json"
        command.data.append(value)
    elif option in ("-u", "--user"):
        command.headers.append(("Authorization", "Basic " + base64.b64encode(value.encode()).decode()))
    elif option in ("-b", "--cookie"):
        command.headers.append(("Cookie", value))
    elif option == "--url":
        command.url = value
    elif option in ("-F", "--form", "-T", "--upload-file"):
        raise UsageError(
            f"{option} uploads a file or a multipart form",
            where=command.where,
            hint="write the request with `multipart:` or `body_file:` by hand (docs/scenarios.md)",
        )
    elif option not in _WITH:
        command.notes.append(f"curl's {option} is not known and left out")


def _ask(command: _Command) -> DraftRequest:
    headers = {
        name: written(value) for name, value in command.headers if name.lower() not in ("host", "content-length")
    }
    target = path_of(command.url, command.where)
    data = "&".join(command.data) if command.kind != "application/json" else "".join(command.data)
    fields, form, body = None, dict[str, str](), None
    method = command.method or ("HEAD" if command.head else "POST" if command.data and not command.in_query else "GET")
    if command.in_query and data:
        target += ("&" if "?" in target else "?") + written(data)
    elif command.data:
        said = next((value for name, value in headers.items() if name.lower() == "content-type"), None)
        kind = said or ("application/json" if _is_json(data) else command.kind)
        fields, form, body = body_of(data, kind)
        if fields is not None or form:
            headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
        elif not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = kind
    path, query = split_query(target)
    name = f"{method} {path}"
    return DraftRequest(
        name,
        method,
        path,
        command.where,
        query=query,
        headers=headers,
        json=fields,
        form=form,
        body=body,
        resource=resource_of(path),
        safe=reads_graphql(path, fields),
    )


def _is_json(data: str) -> bool:
    """Tell whether data without a media type is meant as JSON: curl calls it a form, and who typed it did not."""
    if not data.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _origin(url: str) -> str:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    return f"{parts.scheme}://{parts.netloc}" if parts.hostname in ("localhost", "127.0.0.1", "::1") else ""
