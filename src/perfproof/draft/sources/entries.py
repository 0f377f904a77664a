"""How a document says one gets in: login operations and security schemes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from perfproof.documents.references import BrokenReferenceError, Part
from perfproof.documents.samples import given, kind_of
from perfproof.draft.templates import written
from perfproof.draft.wanted import Entry, Login
from perfproof.model.scenario import JsonValue

_LOGIN = re.compile(
    r"(^|[/_.-])(log[-_]?in|sign[-_]?in|token|tokens|auth|authenticate|session|sessions|jwt)(s?/|[/_.-]|$)", re.I
)
_OUT = re.compile(r"(^|[/_.-])(log[-_]?out|sign[-_]?out|revoke|shutdown|restart|quit)([/_.-]|$)", re.I)
_WORD = re.compile(r"""prefix(?:ed)?(?:\s+(?:with|by|is))?:?\s+["'`](\w+)["'`]""", re.I)
"""What stands before a token, as a document's prose has it: OpenAPI has no place for it."""
PASSWORDS = ("password", "passwd", "pass", "pwd", "secret")
USERS = ("email", "username", "user_name", "userName", "user", "login", "identifier", "name", "account")


def is_login(path: str, method: str, operation: Part) -> bool:
    """Tell whether an operation lets users in: a POST to a path named like that, with a password in its body."""
    return (
        method == "post"
        and _LOGIN.search(path) is not None
        and any(name.lower() in PASSWORDS for name in _fields(operation)[0])
    )


def let_out(path: str, method: str) -> bool:
    """Tell whether an operation would let users out or end the service."""
    return _OUT.search(path) is not None or (method == "delete" and _LOGIN.search(path) is not None)


def entry_of(root: Part, logins: Sequence[tuple[str, str, Part]], *, v2: bool) -> Entry:
    """Return how one gets in, by the document's security schemes and login operations."""
    schemes = dict(
        root.entries("securityDefinitions") if v2 else (root.at("components") or root).entries("securitySchemes")
    )
    header: tuple[str, str] | None = ("Authorization", "Bearer {token}")
    said: list[str] = []
    basic, key_header, key_query, key_cookie, flows = False, "", "", "", []
    for name, scheme in schemes.items():
        kind, how = str(scheme.data.get("type")).lower(), str(scheme.data.get("scheme")).lower()
        where, key = str(scheme.data.get("in")), str(scheme.data.get("name") or name)
        if kind == "basic" or (kind == "http" and how == "basic"):
            basic = True
            said.append("HTTP basic")
        elif kind == "http":
            said.append(f"a {how} token")
        elif kind == "apikey":
            said.append(f"an API key in the {where} {key}")
            key_header = key if where == "header" else key_header
            key_query = key if where == "query" else key_query
            key_cookie = key if where == "cookie" else key_cookie
            if where == "header":
                word = _WORD.search(str(scheme.data.get("description", "")))
                header = (
                    key,
                    f"{word[1] if word else 'Bearer'} {{token}}" if key.lower() == "authorization" else "{token}",
                )
            elif where == "cookie" and len(schemes) == 1:
                header = None
        elif kind == "oauth2":
            said.append("OAuth 2")
            flow = scheme if v2 and scheme.data.get("flow") == "password" else scheme.at("flows", "password")
            url = flow.data.get("tokenUrl") if flow is not None else None
            if isinstance(url, str):
                flows.append("/" + urlsplit(url).path.lstrip("/"))
        elif kind == "openidconnect":
            said.append("OpenID Connect")
    found = [_login(path, where, operation, header) for path, where, operation in logins]
    paths = {each.path for each in found}
    for path in flows:
        if path not in paths and not any(each.endswith(path) for each in paths):
            fields: dict[str, str | None] = {"grant_type": "password", "username": None, "password": None}
            found.insert(0, Login(path, "the token URL of OAuth 2", fields, form=True))
    found.sort(key=lambda each: (not any(each.path.endswith(path) for path in flows), len(each.path)))
    return Entry(" or ".join(dict.fromkeys(said)), tuple(found), basic, key_header, key_query, key_cookie)


def _login(path: str, where: str, operation: Part, header: tuple[str, str] | None) -> Login:
    fields, form = _fields(operation)
    return Login(path, where, fields, form, header=header)


def _fields(operation: Part) -> tuple[dict[str, str | None], bool]:
    """Return the fields of a body with their examples (None where there is none), and whether it is a form."""
    try:
        body = operation.at("requestBody")
        if body is None:
            return _fields_v2(operation)
        for media, content in body.entries("content"):
            schema, form = content.at("schema"), media.startswith("application/x-www-form-urlencoded")
            if form or "json" in media:
                whole: dict[str, JsonValue] = {}
                for known in (given(content), given(schema) if schema is not None else []):
                    whole |= next((each for each in known if isinstance(each, dict)), {})
                return _of_schema(schema, whole), form
    except BrokenReferenceError:
        pass
    return {}, False


def _fields_v2(operation: Part) -> tuple[dict[str, str | None], bool]:
    parameters = operation.items("parameters")
    form = {str(each.data.get("name")): _example(each) for each in parameters if each.data.get("in") == "formData"}
    if form:
        return form, True
    body = next((each for each in parameters if each.data.get("in") == "body"), None)
    return _of_schema(body.at("schema") if body is not None else None, {}), False


def _of_schema(schema: Part | None, whole: dict[str, JsonValue]) -> dict[str, str | None]:
    if schema is None:
        return {name: written(str(value)) for name, value in whole.items()}
    required = schema.data.get("required")
    names = [str(each) for each in required] if isinstance(required, list) else []
    found: dict[str, str | None] = {}
    parts = [schema, *schema.items("allOf")]
    for name, each in (entry for part in parts for entry in part.entries("properties")):
        if each.data.get("readOnly") is True:  # of the answer, even where it is required (Django REST framework)
            continue
        wanted = name in names or name.lower() in PASSWORDS or name in USERS or name in whole
        if wanted and kind_of(each) in ("string", ""):
            found[name] = written(str(whole[name])) if name in whole else _example(each)
    return found


def _example(part: Part) -> str | None:
    known = [each for each in given(part) if isinstance(each, str) and each and each not in ("string", "password")]
    if known:
        return written(known[0])
    pattern = part.data.get("pattern")
    if isinstance(pattern, str) and re.fullmatch(r"\^?\w+\$?", pattern):  # FastAPI's grant_type: ^password$
        return pattern.strip("^$")
    for each in part.items("anyOf"):
        if isinstance(each.data.get("pattern"), str):
            return _example(each)
    return None
