"""The operations of an OpenAPI document (2.0, 3.0, 3.1): what they take and answer, and where a service shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from perfproof.documents.document import Document, decoded, parse
from perfproof.documents.references import BrokenReferenceError, Part, root_of
from perfproof.errors import UsageError
from perfproof.http.plain_client import Client

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
VERSION = re.compile(r"(2\.0|3\.[012])(?:\.\d+)?")
PAGING = re.compile(
    r"[$_]?(limit|top|first|take|(page|per)[_-]?(size|page|limit)|size|count|max[_-]?(results|items|count)|rows"
    r"|num[_-]?results)|\$top|page\[(size|limit)\]",
    re.IGNORECASE,
)
"""Query parameters that say how many rows are wanted."""
_PATHS = """/openapi.json /v3/api-docs /swagger.json /api-docs /openapi.yaml /api/openapi.json /swagger/v1/swagger.json
    /v2/api-docs /api-docs.json /api/swagger.json /api/schema/?format=json /api/schema/ /schema/?format=json
    /docs/openapi.json /api/docs/openapi.json /api/v1/openapi.json /v1/openapi.json /__api__ /v1/__api__
    /swagger/doc.json /api-json /docs-json /documentation/json /openapi /apispec_1.json /api/v3/openapi.json
    /q/openapi?format=json /api-docs/openapi.json /api-doc/openapi.json /api/docs-json /docs/json /swagger-json
    /swagger/json /docs/swagger.json /api/v1/swagger.json /server/specs/oas"""
DOCUMENT_PATHS = tuple(_PATHS.split())
"""Where frameworks show their document: FastAPI, Spring, Swagger UI, DRF, NestJS, Fastify, Flask's, Kinto, Quarkus,
utoipa, Directus."""


@dataclass(frozen=True)
class Parameter:
    """One parameter: ``place`` is where it stands (path, query, header, cookie); the schema is None if it has none."""

    name: str
    place: str
    required: bool
    schema: Part | None
    part: Part


@dataclass(frozen=True)
class Operation:
    """One operation. ``body`` is the schema of its JSON body, ``responses`` are by status as the document writes it."""

    method: str
    path: str
    parameters: tuple[Parameter, ...]
    body: Part | None
    body_required: bool
    responses: Mapping[str, Part]
    secured: bool
    deprecated: bool
    part: Part
    v2: bool = False
    produces: tuple[str, ...] = ()
    """Media types of its answers, as a document of 2.0 lists them for all statuses alike."""

    @property
    def name(self) -> str:
        """Return what reports call it: method and path."""
        return f"{self.method} {self.path}"

    def response(self, status: int) -> tuple[str, Part] | None:
        """Return what the document says of a status, under the key it says it: exact, ``4XX`` or ``default``."""
        for key in (str(status), f"{status // 100}XX", f"{status // 100}xx", "default"):
            if key in self.responses:
                return key, self.responses[key]
        return None

    def schema(self, status: int, media: str) -> Part | None:
        """Return the schema of the body that is documented for a status and a media type; None if there is none."""
        found = self.response(status)
        if found is None:
            return None
        if self.v2:
            schema = found[1].at("schema")
            is_file = schema is not None and schema.data.get("type") == "file"
            return None if is_file or not self._may_be_json() else schema
        contents = dict(found[1].entries("content"))
        for name, content in contents.items():
            if covers(name, media):
                return content.at("schema")
        return None

    def _may_be_json(self) -> bool:
        """Tell whether a schema of 2.0 is one of JSON: it is where nothing else is said."""
        return not self.produces or any("json" in each.lower() or covers(each, "*/*") for each in self.produces)

    def media(self, status: int) -> tuple[str, ...]:
        """Return the media types that are documented for a status."""
        found = self.response(status)
        return () if found is None or self.v2 else tuple(name for name, _ in found[1].entries("content"))


def covers(documented: str, media: str) -> bool:
    """Tell whether a documented media type (``*/*``, ``text/*``) is that of an answer."""
    kind = documented.partition(";")[0].strip().lower()
    return kind in (media, "*/*") or (kind.endswith("/*") and media.startswith(kind[:-1]))


@dataclass(frozen=True)
class Operations:
    """A document's operations below ``prefix``; ``broken`` tells those that could not be read, and why."""

    prefix: str
    found: tuple[Operation, ...]
    broken: tuple[str, ...]
    root: Part
    v2: bool


def looks_like_openapi(data: Mapping[str, Any]) -> bool:
    """Tell whether a document calls itself one."""
    return "openapi" in data or "swagger" in data


def operations_of(document: Document) -> Operations:
    """Return every operation of a document that can be read."""
    root = root_of(document)
    v2 = "swagger" in document.data
    found: list[Operation] = []
    broken: list[str] = []
    paths = root.at("paths")
    for path in paths.data if paths is not None else ():
        if not str(path).startswith("/"):
            continue
        try:
            item = paths.at(path) if paths is not None else None
        except BrokenReferenceError as error:
            broken.append(f"{document.place(('paths', str(path)))}: {error}")
            continue
        for method in METHODS:
            if item is None or method not in item.data:
                continue
            try:
                operation = item.at(method)
                if operation is not None:
                    found.append(_operation(str(path), method, item, operation, root, v2=v2))
            except BrokenReferenceError as error:
                broken.append(f"{document.place(('paths', str(path), method))}: {error}")
    return Operations(prefix_of(root, v2=v2), tuple(found), tuple(broken), root, v2)


def _operation(path: str, method: str, item: Part, operation: Part, root: Part, *, v2: bool) -> Operation:
    known = parameters_of(item, operation)
    parameters = tuple(
        Parameter(name, place, each.data.get("required") is True or place == "path", schema_of(each, v2=v2), each)
        for (place, name), each in known.items()
        if place in ("path", "query", "header", "cookie")
    )
    body, required = None, False
    if v2:
        whole = next((each for (place, _), each in known.items() if place == "body"), None)
        if whole is not None:
            body, required = whole.at("schema"), whole.data.get("required") is True
    else:
        request = operation.at("requestBody")
        for media, content in request.entries("content") if request is not None else ():
            kind = media.partition(";")[0].strip().lower()
            if body is None and (kind in ("application/json", "*/*") or kind.endswith("+json")):
                body, required = content.at("schema"), request is not None and request.data.get("required") is True
    return Operation(
        method=method.upper(),
        path=path,
        parameters=parameters,
        body=body,
        body_required=required,
        responses=dict(operation.entries("responses")),
        secured=secured(operation, root),
        deprecated=operation.data.get("deprecated") is True,
        part=operation,
        v2=v2,
        produces=_produces(operation, root) if v2 else (),
    )


def _produces(operation: Part, root: Part) -> tuple[str, ...]:
    """Return the media types of an operation of 2.0: its own stand in place of the document's."""
    listed = operation.data.get("produces", root.data.get("produces"))
    return tuple(map(str, listed)) if isinstance(listed, list) else ()


def parameters_of(item: Part, operation: Part) -> dict[tuple[str, str], Part]:
    """Return the parameters of an operation by place and name: those of its path, and over them its own."""
    found: dict[tuple[str, str], Part] = {}
    for part in (item, operation):
        for each in part.items("parameters"):
            found[str(each.data.get("in")), str(each.data.get("name"))] = each
    return found


def schema_of(parameter: Part | None, *, v2: bool) -> Part | None:
    """Return the schema of a parameter: in 2.0 the parameter is its own."""
    if parameter is None or v2:
        return parameter
    if "schema" in parameter.data:
        return parameter.at("schema")
    return next((content.at("schema") for _, content in parameter.entries("content")), None)


def secured(operation: Part, root: Part) -> bool:
    """Tell whether an operation lets nobody in without credentials, by the document."""
    wanted = operation.data.get("security", root.data.get("security"))
    return isinstance(wanted, list) and bool(wanted) and all(isinstance(each, dict) and each for each in wanted)


def prefix_of(root: Part, *, v2: bool) -> str:
    """Return what stands before every path, as it is written: basePath, or the path of the first server."""
    if v2:
        return _prefix(str(root.data.get("basePath") or ""))
    for server in root.items("servers"):
        url = str(server.data.get("url") or "")
        for name, variable in server.entries("variables"):
            url = url.replace("{" + name + "}", str(variable.data.get("default", "")))
        return _prefix(urlsplit(url).path if "://" in url or url.startswith("//") else url)
    return ""


def _prefix(path: str) -> str:
    path = "/" + path.strip("/")
    return "" if path == "/" else path


def shown_by(
    client: Client,
    headers: Mapping[str, str] | None = None,
    paths: Sequence[str] = DOCUMENT_PATHS,
    *,
    failed: list[str] | None = None,
) -> Iterator[Document]:
    """Yield the OpenAPI documents that a running service shows at the usual paths, the most usual first.

    Paths that are there, but are answered with an error of the service or for those who log in alone, go to ``failed``.
    """
    for path in paths:
        sent = {"Accept": "application/json, application/yaml", **(headers or {})}
        answer = client.send("GET", path, sent, within=10)
        if answer.problem and "refused" in answer.problem.lower():
            return
        if failed is not None and (answer.status >= 500 or answer.status in (401, 403)):
            failed.append(f"{path} is answered with status {answer.status}")
        if answer.status != 200 or not answer.body or answer.body.lstrip()[:1] == b"<":
            continue
        try:
            document = parse(decoded(answer.body, path), path)
        except UsageError:
            continue
        if looks_like_openapi(document.data):
            yield document
