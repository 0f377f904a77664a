"""OpenAPI 2 (Swagger), 3.0 and 3.1: operations, their parameters with values, and how one gets in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from perfproof.documents.document import Document
from perfproof.documents.operations import METHODS, PAGING, VERSION, parameters_of, prefix_of, schema_of, secured
from perfproof.documents.references import BrokenReferenceError, Part, root_of
from perfproof.documents.samples import given, kind_of, sample
from perfproof.draft.names import identifier, is_document, is_health, is_search, named_after, resource_of, unique
from perfproof.draft.sources.entries import entry_of, is_login, let_out
from perfproof.draft.templates import written, written_json
from perfproof.draft.wanted import DraftRequest, Found, SourceContents
from perfproof.model.scenario import JsonValue, Scalar

_IN_BRACES = re.compile(r"\{([^{}]*)\}")
_STREAMS = ("text/event-stream", "application/octet-stream", "multipart/", "video/", "audio/")


def read_openapi(document: Document) -> Found:
    """Return what the document holds. ``UsageError`` where it cannot be used; what is broken in it is left out."""
    version = _version(document)
    paths = document.data.get("paths")
    if not isinstance(paths, dict) or not paths:
        state = "has no paths" if paths is None else "has no path" if paths == {} else "has paths that are no mapping"
        raise document.error(("paths",), f"the document {state}", hint="export it from the running service again")
    reader = _Reader(document, root_of(document), version == "2.0")
    asks = list(reader.asks())
    if not asks:
        why = "; ".join(reader.left_out[:3]) or "its paths hold no get, post, put, patch or delete"
        raise document.error(
            ("paths",), "no operation of the document can be used", why=why, hint="see what is said of each"
        )
    info = document.data.get("info")
    title = str(info.get("title") or "") if isinstance(info, dict) else ""
    entry = entry_of(reader.root, reader.login_operations, v2=reader.v2)
    health = [each.path for each in asks if each.method == "GET" and not each.sought and is_health(each.path)]
    apart = [each for each in asks if each.path not in health and not is_document(each.path)]
    return Found(
        source=document.file,
        title=title,
        asks=tuple(unique(apart)),
        prefix=reader.prefix,
        entry=entry,
        health=tuple(dict.fromkeys(reader.prefix + each for each in sorted(health, key=len))),
        left_out=tuple(reader.left_out),
    )


def _version(document: Document) -> str:
    data = document.data
    key = "openapi" if "openapi" in data else "swagger"
    if key not in data:
        near = next((each for each in data if str(each).lower() in ("openapi", "swagger")), None)
        hint = (
            f"write `{str(near).lower()}` for `{near}`"
            if near
            else "its first line is `openapi: 3.1.0` or `swagger: '2.0'`"
        )
        raise document.error((), "this is no OpenAPI document: it says neither openapi nor swagger", hint=hint)
    match = VERSION.fullmatch(str(data[key]).strip())
    if match is None or (key == "swagger") != (match[1] == "2.0"):
        raise document.error(
            (key,),
            f"version {data[key]!r} of {key} is not known",
            hint="2.0 (as swagger), 3.0 and 3.1 (as openapi) are read",
        )
    return match[1]


@dataclass
class _Reader:
    """Reads operations one after the other; what cannot be used is told in ``left_out``."""

    document: Document
    root: Part
    v2: bool
    left_out: list[str] = field(default_factory=list)
    login_operations: list[tuple[str, str, Part]] = field(default_factory=list)

    @property
    def prefix(self) -> str:
        """Return what stands before every path: basePath, or the path of the first server."""
        return written(prefix_of(self.root, v2=self.v2))

    def asks(self) -> Iterator[DraftRequest]:
        """Yield what every operation asks for."""
        paths = self.root.at("paths")
        for path, written_item in (paths.data if paths is not None else {}).items():
            if not str(path).startswith("/"):
                if not str(path).startswith("x-"):
                    self._leave(("paths", str(path)), "a path begins with /")
                continue
            try:
                item = paths.at(path) if paths is not None else None
            except BrokenReferenceError as error:
                self._leave(("paths", path), str(error))
                continue
            if item is None:
                if written_item is not None:
                    self._leave(("paths", path), "is no mapping of methods")
                continue
            for method in METHODS:
                if method in item.data:
                    yield from self._operation(str(path), method, item)

    def _operation(self, path: str, method: str, item: Part) -> Iterator[DraftRequest]:
        at = ("paths", path, method)
        try:
            operation = item.at(method)
            if operation is None:
                self._leave(at, "is no mapping")
                return
            if is_login(path, method, operation):
                self.login_operations.append((path, self._where(at), operation))
                return
            if let_out(path, method):
                return
            if operation.data.get("deprecated") is True:
                return
            yield self._ask(path, method, item, operation)
        except BrokenReferenceError as error:
            self._leave(at, str(error))
        except _UnusableError as error:
            self._leave(at, str(error))

    def _ask(self, path: str, method: str, item: Part, operation: Part) -> DraftRequest:
        parameters = parameters_of(item, operation)
        making = _Making(self.v2)
        template = _IN_BRACES.sub(lambda match: making.in_path(match[1], parameters.get(("path", match[1]))), path)
        for (place, name), parameter in parameters.items():
            making.parameter(place, name, parameter)
        body = self._body(operation, parameters)
        if method == "post" and is_search(path) and isinstance(body[0], dict) and not making.paging:
            making.page_body(body[0], self._body_schema(operation, parameters))
        statuses, media = self._promised(operation)
        if media.startswith(_STREAMS):
            raise _UnusableError(f"answers with {media}, which is not measured as a request")
        return DraftRequest(
            name=named_after(operation.data, method, path),
            method=method.upper(),
            path=template,
            where=".".join(("paths", path, method)),
            query=making.query,
            headers=making.headers,
            json=body[0],
            form=body[1],
            values=making.values,
            sought=tuple(making.sought),
            paging=making.paging,
            most=making.most,
            statuses=statuses,
            media=media,
            secured=secured(operation, self.root),
            resource=resource_of(path),
        )

    def _body(self, operation: Part, parameters: Mapping[tuple[str, str], Part]) -> tuple[JsonValue, dict[str, str]]:
        """Return the body as JSON or as form fields; neither where none is required."""
        if self.v2:
            body = next((each for (place, _), each in parameters.items() if place == "body"), None)
            fields = {name: each for (place, name), each in parameters.items() if place == "formData"}
            if any(each.data.get("type") == "file" for each in fields.values()):
                raise _UnusableError("uploads a file")
            form = {name: written(_text(sample(each))) for name, each in fields.items() if each.data.get("required")}
            return written_json(sample(body.at("schema"))) if body is not None else None, form
        request = operation.at("requestBody")
        if request is None:
            return None, {}
        for media, content in request.entries("content"):
            kind = media.partition(";")[0].strip().lower()
            known = given(content)
            value = known[0] if known else sample(content.at("schema"))
            if kind == "application/json" or kind.endswith("+json") or kind == "*/*":
                return written_json(value), {}
            if kind == "application/x-www-form-urlencoded" and isinstance(value, dict):
                return None, {name: written(_text(each)) for name, each in value.items()}
        if request.data.get("required") is not True:
            return None, {}
        kinds = ", ".join(name for name, _ in request.entries("content")) or "no media type"
        raise _UnusableError(f"needs a body of {kinds}: only JSON and forms are drafted")

    def _body_schema(self, operation: Part, parameters: Mapping[tuple[str, str], Part]) -> Part | None:
        """Return the schema of a body of JSON."""
        if self.v2:
            body = next((each for (place, _), each in parameters.items() if place == "body"), None)
            return body.at("schema") if body is not None else None
        request = operation.at("requestBody")
        contents = request.entries("content") if request is not None else ()
        return next((content.at("schema") for media, content in contents if "json" in media or media == "*/*"), None)

    def _promised(self, operation: Part) -> tuple[tuple[int, ...], str]:
        """Return the statuses below 300 that are documented, and the media type of the first ("" for any)."""
        statuses, media = [], ""
        for status, response in operation.entries("responses"):
            if not status.startswith("2"):
                continue
            if status.isdigit():
                statuses.append(int(status))
            if media:
                continue
            if self.v2:
                kinds = operation.data.get("produces", self.document.data.get("produces"))
                kinds = kinds if isinstance(kinds, list) and "schema" in response.data else []
            else:
                kinds = list((response.at("content") or response).data) if "content" in response.data else []
            media = next((str(each) for each in kinds if "json" in str(each)), str(kinds[0]) if kinds else "")
        return tuple(statuses), "" if "*" in media else media

    def _where(self, at: tuple[str, ...]) -> str:
        return ".".join(at)

    def _leave(self, at: tuple[str, ...], reason: str) -> None:
        where = self.document.place(at) if len(self.left_out) < 20 else self.document.file
        self.left_out.append(f"{where}: {' '.join((at[-1].upper(), at[1])) if len(at) > 2 else at[-1]}: {reason}")


class _UnusableError(Exception):
    """An operation cannot be drafted; the message says why."""


@dataclass
class _Making:
    """What the parameters of one operation come to."""

    v2: bool
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    values: dict[str, tuple[Scalar, ...]] = field(default_factory=dict)
    sought: list[SourceContents] = field(default_factory=list)
    paging: str = ""
    most: int | None = None

    def in_path(self, name: str, parameter: Part | None) -> str:
        """Return the placeholder of a path parameter."""
        variable = identifier(name)
        schema = self._schema(parameter)
        known = [each for each in self._given(parameter) if isinstance(each, str | int | float)]
        if known:
            self.values[variable] = tuple(known[:5])
        guess: tuple[Scalar, ...] = ("me",) if known else ()
        if kind_of(schema) in ("integer", "number"):
            guess = (1,)
        self.sought.append(SourceContents(variable, (name, variable), tuple(known[:5]) or guess))
        return "{" + variable + "}"

    def parameter(self, place: str, name: str, parameter: Part) -> None:
        """Note one parameter of the query, a header or a cookie."""
        required, schema = parameter.data.get("required") is True, self._schema(parameter)
        known = self._given(parameter)
        if place == "query" and PAGING.fullmatch(name) and kind_of(schema) in ("integer", "number") and not self.paging:
            self._page(name, parameter, schema, known)
            return
        if not required or place not in ("query", "header", "cookie"):
            return
        value = known[0] if known else sample(schema)
        if value is None:
            raise _UnusableError(f"needs {name} in the {place}, of which nothing is known")
        if place == "query":
            items = value if isinstance(value, list) else [value]
            self.query[quote(name, safe="[]$")] = ",".join(written(quote(_text(each), safe=":,@")) for each in items)
        elif place == "header":
            self.headers[name] = written(_text(value))
        else:
            self.headers["Cookie"] = written(f"{name}={_text(value)}")

    def _page(self, name: str, parameter: Part, schema: Part | None, known: list[JsonValue]) -> None:
        self._paging(name, schema if schema is not None else parameter, known)
        self.query[quote(name, safe="[]$")] = "{" + self.paging + "}"

    def page_body(self, body: dict[str, JsonValue], schema: Part | None) -> None:
        """Make the field of a search's body that says how many rows are wanted a value of its own."""
        fields = schema.at("properties") if schema is not None else None
        for name in fields.data if fields is not None else ():
            field = fields.at(name) if fields is not None else None
            if field is None or not PAGING.fullmatch(name) or name in self.values:
                continue
            kinds = [field, *field.items("anyOf"), *field.items("oneOf")]
            whole = next((each for each in kinds if kind_of(each) == "integer"), None)
            if whole is not None:
                self._paging(name, whole, given(field))
                body[name] = "{" + self.paging + "}"
                return

    def _paging(self, name: str, limits: Part, known: list[JsonValue]) -> None:
        variable = identifier(name)
        limit = limits.data.get("maximum")
        self.most = int(limit) if isinstance(limit, int | float) else None
        size = next((each for each in known if isinstance(each, int) and not isinstance(each, bool) and each > 0), 20)
        size = min(size, 50, self.most or 50)
        self.paging = variable
        self.values[variable] = (size,)

    def _schema(self, parameter: Part | None) -> Part | None:
        return schema_of(parameter, v2=self.v2)

    def _given(self, parameter: Part | None) -> list[JsonValue]:
        if parameter is None:
            return []
        schema = self._schema(parameter)
        own = given(parameter)
        return own + ([each for each in given(schema) if each not in own] if schema is not None else [])


def _text(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
