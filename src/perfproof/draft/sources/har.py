"""HAR files: what a browser or a proxy recorded, without what is a page's decoration and without its secrets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from perfproof.core.numbers import count_of
from perfproof.documents.document import Document
from perfproof.draft.login_page import login_form, names_password
from perfproof.draft.names import is_health, resource_of, unique
from perfproof.draft.sources.entries import PASSWORDS
from perfproof.draft.sources.messages import body_of, kept_headers, merged, path_of, reads_graphql, split_query
from perfproof.draft.templates import written
from perfproof.draft.wanted import DraftRequest, Entry, Found, Login

_DECORATION = re.compile(
    r"\.(?:js|mjs|css|png|jpe?g|gif|svg|ico|webp|avif|woff2?|ttf|eot|map|mp4|webm|wasm)$", re.IGNORECASE
)
_LED_ON = (301, 302, 303)
_HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class _Exchange:
    """One entry: what was asked and what came."""

    place: int
    method: str
    url: str
    headers: Sequence[tuple[str, str]]
    body: str
    kind: str
    status: int
    media: str
    answer: str

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


def read_har(document: Document) -> Found:
    """Return the requests to the service that most of the record is about; ``UsageError`` where there are none."""
    log = document.data.get("log")
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list):
        raise document.error(
            ("log",), "this is no HAR: log.entries is no list", hint="export it with `Save all as HAR`"
        )
    left_out: list[str] = []
    exchanges: list[_Exchange] = []
    for place, entry in enumerate(entries):
        exchange = _exchange(place, entry)
        if exchange is None:
            left_out.append(
                f"{document.place(('log', 'entries', place))}: the entry has no request with method and url"
            )
        else:
            exchanges.append(exchange)
    counted = [each for each in exchanges if not _decorates(each)]
    origins = Counter(_origin(each.url) for each in counted for _ in range(3 if "json" in each.media else 1))
    if not origins:
        raise document.error(
            ("log", "entries"), "the HAR holds no request to an API", hint="record while the page is used"
        )
    origin = origins.most_common(1)[0][0]
    own = [each for each in counted if _origin(each.url) == origin]
    notes = []
    if len(own) < len(counted):
        notes.append(f"only requests to {origin} are taken, {len(own)} of {len(counted)}")
    good = [each for each in own if each.status in range(200, 300) or each.status == 304]
    # A form that lets somebody in is answered by a redirect to where he wanted to go.
    login = _login([each for each in own if each in good or (_is_login(each) and each.status in _LED_ON)])
    left = sum(each not in good and not (login is not None and _is_login(each)) for each in own)
    if left:
        failed = (
            f"{count_of(left, 'request')} that failed or {'was' if left == 1 else 'were'} redirected while recording"
        )
        notes.append(f"{failed} {'is' if left == 1 else 'are'} left out")
    if login is None and any(each.header("authorization") or each.header("cookie") for each in good):
        notes.append(
            "what let the user in while recording is left out: if requests fail with 401, give"
            " --header 'Authorization: Bearer ${TOKEN}'"
        )
    asks = [_ask(each, document) for each in good if not _is_login(each) and each.method != "OPTIONS"]
    if not asks:
        raise document.error(("log", "entries"), f"no request to {origin} was answered well", hint="record it again")
    plain = [ask for ask in asks if not is_health(ask.path)]
    return Found(
        document.file,
        asks=tuple(unique(merged(plain or asks))),
        origin=origin if urlsplit(origin).hostname in _HERE else "",
        entry=Entry("the login that was recorded", (login,)) if login is not None else Entry(),
        health=tuple(dict.fromkeys(ask.path for ask in asks if is_health(ask.path))),
        left_out=tuple(left_out),
        notes=tuple(notes),
    )


def _exchange(place: int, entry: Any) -> _Exchange | None:
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict) or not isinstance(request.get("url"), str):
        return None
    if not str(request["url"]).startswith(("http://", "https://")):
        return None
    response = entry.get("response")
    response = response if isinstance(response, dict) else {}
    content = response.get("content")
    content = content if isinstance(content, dict) else {}
    data = request.get("postData")
    data = data if isinstance(data, dict) else {}
    text = str(data.get("text") or "")
    if not text and isinstance(data.get("params"), list):
        text = "&".join(
            f"{each.get('name')}={each.get('value', '')}" for each in data["params"] if isinstance(each, dict)
        )
    headers = [
        (str(each["name"]), str(each.get("value", "")))
        for each in request.get("headers") or ()
        if isinstance(each, dict) and "name" in each
    ]
    status = response.get("status")
    return _Exchange(
        place,
        str(request.get("method") or "GET").upper(),
        str(request["url"]),
        headers,
        text,
        str(data.get("mimeType") or ""),
        status if isinstance(status, int) else 0,
        str(content.get("mimeType") or "").partition(";")[0].lower(),
        str(content.get("text") or "") if content.get("encoding") != "base64" else "",
    )


def _decorates(exchange: _Exchange) -> bool:
    if _DECORATION.search(urlsplit(exchange.url).path):
        return True
    return (
        exchange.media.startswith(("image/", "font/", "text/css", "video/", "audio/")) or "javascript" in exchange.media
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _ask(exchange: _Exchange, document: Document) -> DraftRequest:
    where = f"{document.file}: log.entries.{exchange.place}"
    path, query = split_query(path_of(exchange.url, where))
    json, form, body = body_of(exchange.body, exchange.kind) if exchange.body else (None, {}, None)
    headers = kept_headers(exchange.headers)
    if json is not None or form or body is None:
        headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    status = 200 if exchange.status == 304 else exchange.status
    return DraftRequest(
        "",
        exchange.method,
        path,
        where,
        query=query,
        headers=headers,
        json=json,
        form=form,
        body=body,
        statuses=(status,),
        safe=reads_graphql(path, json),
        media="application/json" if "json" in exchange.media else "",
        secured=bool(exchange.header("authorization") or exchange.header("cookie")),
        resource=resource_of(path),
    )


def _is_login(exchange: _Exchange) -> bool:
    return exchange.method == "POST" and bool(_password_in(_fields(exchange)[0]))


def _fields(exchange: _Exchange) -> tuple[Mapping[str, Any], bool]:
    json, form, _ = body_of(exchange.body, exchange.kind) if exchange.body else (None, {}, None)
    return (form, True) if form else (json if isinstance(json, dict) else {}, False)


def _password_in(fields: Mapping[str, Any]) -> str:
    return next((name for name in fields if name.lower() in PASSWORDS or names_password(name)), "")


def _page_of(login: _Exchange, exchanges: Sequence[_Exchange]) -> tuple[str, str] | None:
    """Return the recorded page that shows the form of a login, and the form's field for the name; None without one."""
    for each in exchanges:
        if each.place >= login.place or each.method != "GET":
            continue
        form = login_form(each.answer, urlsplit(each.url).path)
        if form is not None and form.password in _fields(login)[0]:
            path = urlsplit(each.url).path  # without the query: it says where to go back to
            return written(path), form.user
    return None


def _login(exchanges: Sequence[_Exchange]) -> Login | None:
    """Return the recorded login without its password, and where its token is found in the answer."""
    for exchange in exchanges:
        if not _is_login(exchange):
            continue
        fields, form = _fields(exchange)
        secret = _password_in(fields)
        told = {name: None if name == secret else str(value) for name, value in fields.items()}
        path = path_of(exchange.url, "")
        page = _page_of(exchange, exchanges) if form else None
        if page is not None:  # its other fields are read from the page, since some of them are new on each
            where, user = page
            return Login(
                path,
                "the recorded login",
                {user: written(told.get(user) or ""), secret: None},
                form,
                header=None,
                page=where,
            )
        header: tuple[str, str] | None = None
        for later in exchanges:
            scheme, _, token = later.header("authorization").rpartition(" ")
            if token and token in exchange.answer:
                header = ("Authorization", f"{scheme} {{token}}".strip())
        return Login(path, "the recorded login", told, form, header=header)
    return None
