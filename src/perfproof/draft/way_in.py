"""How one gets into a service: where its paths stand, which path says that it is up, and which login is taken."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from perfproof.draft.answers import token_in, unlike, value_at
from perfproof.draft.login_page import LOGIN_PATHS, drawn_at, login_form, names_password
from perfproof.draft.names import HEALTH_PATHS, identifier
from perfproof.draft.sources.entries import PASSWORDS, USERS
from perfproof.draft.templates import filled, filled_json, with_variables, written
from perfproof.draft.tried import Credentials, Trial
from perfproof.draft.wanted import DraftRequest, Found, Login
from perfproof.errors import UsageError
from perfproof.http.plain_client import Answer, Client
from perfproof.model.scenario import Scalar

NOWHERE = "/perfproof-no-such-path"
MOVED = (301, 302, 303, 307, 308)
"""Statuses that lead elsewhere."""
_MOST_MOVES = 5
"""Redirects that are followed to where a login leads."""
_ASKED = 4
"""Requests by which a way in is tried."""
_WORDS = ("Bearer", "Token", "JWT", "")
_USUAL_PREFIXES = ("/api", "/api/v1", "/v1", "/api/v2", "/rest")
"""Where an API is mounted whose document does not say where."""

Say = Callable[[str], None]


@dataclass
class WayIn:
    """One look at the service behind ``client``, of which this was ``found``; ``result`` takes what came of it."""

    client: Client
    found: Found
    credentials: Credentials
    environ: Mapping[str, str]
    say: Say
    result: Trial = field(default_factory=Trial)
    _captured: dict[str, Scalar] = field(default_factory=dict, repr=False)

    def enter(self, asks: Sequence[DraftRequest]) -> dict[str, str]:
        """Find the prefix, the health path and the way in; return the headers that let requests in, filled."""
        self.result.prefix = self._prefix(asks)
        self.result.health = self.health()
        self._enter(asks)
        header = self.result.header
        headers = dict([header] if header is not None else ()) | dict(self.credentials.headers)
        return {name: filled(self._text(value), self._captured) for name, value in headers.items()}

    def health(self) -> str:
        """Return the first path that says the service is up; "/" if none does."""
        named = [path.removeprefix(self.found.prefix) for path in self.found.health]
        here = [self.result.prefix + path for path in named]
        for path in dict.fromkeys([*here, *self.found.health, *named, *HEALTH_PATHS]):
            status = self.client.send("GET", self._plain(path), within=5).status
            if 200 <= status < 300 and path not in (*self.found.health, *named, "/"):
                # Who answers a path that nobody has with a page says nothing by answering a usual one.
                nowhere = f"{NOWHERE}/" if path.endswith("/") else NOWHERE  # some lead on from one to the other
                if 200 <= self.client.send("GET", nowhere, within=5).status < 300:
                    continue
            # A redirect may lead to what is not there; only from the front page it leads to a login or the like.
            if 200 <= status < 300 or (path == "/" and 300 <= status < 400):
                return path
        return ""

    def _prefix(self, asks: Sequence[DraftRequest]) -> str:
        """Return what stands before all paths: the document's prefix, unless the service answers elsewhere alone.

        Proxies add a prefix that is in the document; a program that mounts an API below a path leaves it out there.
        """
        prefix = self.found.prefix
        plain = [ask for ask in asks if ask.method == "GET" and not ask.sought][:3]
        if self.found.explicit or not plain:
            return prefix
        if any(self._send(replace(ask, path=prefix + ask.path), {}).status not in (404, 405) for ask in plain):
            return prefix
        if prefix and self._send(plain[0], {}).status not in (0, 404):
            self.result.notes.append(f"the document's prefix {prefix} is left out: the service answers without it")
            return ""
        for other in self._other_prefixes():
            for ask in plain:
                there = replace(ask, path=other + ask.path)
                answer = self._send(there, {})
                if answer.status in (401, 403) or unlike(there, answer) is None:
                    self.result.notes.append(f"all paths stand below {other}, of which the document says nothing")
                    return other
        return prefix

    def _own_document(self) -> str:
        """Return the path at which the service itself shows its document, "" where it came from elsewhere."""
        source = self.found.source
        path = urlsplit(source).path
        return path if path.startswith("/") and not self.found.explicit and not Path(source).exists() else ""

    def _other_prefixes(self) -> list[str]:
        """Return where the API may be mounted: above its document, or where most are."""
        above = self._own_document().rpartition("/")[0]
        found = []
        while above:
            found.append(above)
            above = above.rpartition("/")[0]
        return [each for each in dict.fromkeys([*found, *_USUAL_PREFIXES]) if each != self.found.prefix]

    def _enter(self, asks: Sequence[DraftRequest]) -> None:
        """Find out how secured requests are let in."""
        entry, given = self.found.entry, self.credentials
        if given.headers:
            return
        if entry.basic and given.user is not None:
            self._as_basic()
            return
        if entry.key_header and given.password is not None and given.user is None:
            self.result.header = (entry.key_header, given.password)
            return
        secured = any(ask.secured for ask in asks)
        wanted = secured or given.user is not None or any(self._complete(login) for login in entry.logins)
        if not wanted:
            return
        reasons = []
        for login in entry.logins:
            complete = self._complete(login)
            if complete is None:
                missing = [name for name, value in login.fields.items() if value is None]
                reasons.append(f"{login.path} needs {' and '.join(missing)}")
                continue
            reason = self._log_in(complete)
            if reason is None:
                self._with_the_right_word(asks)
                return
            reasons.append(reason)
        if given.user is not None and self._takes_basic(asks):
            return
        if given.user is not None and given.password is not None:
            reason = self._by_page(asks)
            if reason is None:
                return
            reasons.append(reason)
        if secured or given.user is not None:
            how = f"the document asks for {entry.scheme}" if entry.scheme else "no way to log in was found"
            tried = f" ({'; '.join(reasons)})" if reasons else ""
            hint = "give --user NAME:PASSWORD, or --header 'Authorization: Bearer ${TOKEN}'"
            self.result.notes.append(f"nobody is logged in: {how}{tried}; {hint}")

    def _as_basic(self) -> None:
        """Let the user in by HTTP basic."""
        text = f"{self.credentials.user}:{self.credentials.password or ''}"
        if "${" in text:
            raise UsageError(
                "a password from the environment cannot be sent as HTTP basic",
                why="it is encoded together with the name, and the file would show it",
                hint="BASIC=$(printf %s name:password | base64), and --header 'Authorization: Basic ${BASIC}'",
            )
        self.result.header = ("Authorization", "Basic " + base64.b64encode(filled(text, {}).encode()).decode())
        self.result.notes.append("the password stands in the file: keep the file to yourself")

    def _takes_basic(self, asks: Sequence[DraftRequest]) -> bool:
        """Find out whether HTTP basic lets the user in, although the document does not say so."""
        for ask in [each for each in asks if each.method == "GET" and not each.sought][:_ASKED]:
            whole = replace(ask, path=self.result.prefix + ask.path)
            refused = self._send(whole, {})
            if refused.status != 401:
                continue
            asked = refused.headers.get("www-authenticate", "")
            if asked and not re.search(r"\bbasic\b", asked, re.IGNORECASE):
                continue
            self._as_basic()
            if self._send(self._with_entry(whole), {}).status != 401:
                return True
            self.result.header = None
            self.result.notes.pop()
            return False
        return False

    def _with_the_right_word(self, asks: Sequence[DraftRequest]) -> None:
        """Find the word that stands before the token where the one that the document implies lets nobody in."""
        header = self.result.header
        asked = next((each for each in asks if each.method == "GET" and not each.sought and each.secured), None)
        if header is None or header[0].lower() != "authorization" or asked is None:
            return
        whole = replace(asked, path=self.result.prefix + asked.path)
        answer = self._send(self._with_entry(whole), {})
        if answer.status not in (401, 403):
            return
        named = re.findall(r"(?:^|,)\s*(\w+)(?=\s|,|$)", answer.headers.get("www-authenticate", ""))
        for word in dict.fromkeys([*named, *_WORDS]):
            self.result.header = (header[0], f"{word} {{token}}".lstrip())
            if self._send(self._with_entry(whole), {}).status not in (401, 403):
                return
        self.result.header = header

    def _complete(self, login: Login) -> Login | None:
        """Return a login with what the user gave filled in; None where something is still missing."""
        fields = dict(login.fields)
        given = self.credentials
        for name in fields:
            if name in given.fields:
                fields[name] = given.fields[name]
            elif (name.lower() in PASSWORDS or names_password(name)) and given.password is not None:
                fields[name] = given.password
            elif (name in USERS or login.page) and given.user is not None:
                fields[name] = given.user
        for name, value in given.fields.items():
            fields.setdefault(name, value)
        users = [name for name in fields if name in USERS]
        if len(users) > 1:  # either an address or a name is asked for; the first is what most take
            known = [name for name in users if login.fields[name] is not None] or users[:1]
            fields = {name: value for name, value in fields.items() if name not in users or name in known}
        complete = {name: value for name, value in fields.items() if value is not None}
        return replace(login, fields=complete) if len(complete) == len(fields) and complete else None

    def _by_page(self, asks: Sequence[DraftRequest]) -> str | None:
        """Log in on the page where people do; return in words why that does not work, None if it does."""
        given = self.credentials
        page = self._login_page(asks)
        if page is None:
            return "no page with a form for name and password was found"
        login = Login(page, "the login page", {}, form=True, header=None, page=page)
        return self._on_page(login, given.user or "", given.password or "")

    def _login_page(self, asks: Sequence[DraftRequest]) -> str | None:
        """Return where the form is shown: where requests lead those who are not logged in, or a usual path."""
        led: list[str] = []
        for ask in [each for each in asks if each.method == "GET" and not each.sought][:_ASKED]:
            answer = self._send(replace(ask, path=self.result.prefix + ask.path), {})
            if answer.status in MOVED:
                led += [there := self._here(answer.headers.get("location", "")), there.partition("?")[0]]
            elif login_form(answer.text, ask.path) is not None:
                led.append(self.result.prefix + ask.target)
        # Where to go back to is left out where the page does without: it holds the address of this very start.
        for path in dict.fromkeys(sorted(filter(None, led), key=lambda each: "?" in each) + list(LOGIN_PATHS)):
            answer = self.client.send("GET", path, within=5)
            if answer.status in MOVED and path not in LOGIN_PATHS:
                path = self._here(answer.headers.get("location", ""))
                answer = self.client.send("GET", path, within=5) if path else Answer()
            if login_form(answer.text, path) is not None:
                return written(path)
        return None

    def _here(self, location: str) -> str:
        """Return path and query of where a redirect leads; "" if that is not this service."""
        parts = urlsplit(urljoin(self.client.base + "/", location))
        if parts.netloc != urlsplit(self.client.base).netloc:
            return ""
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _on_page(self, login: Login, user: str, password: str) -> str | None:
        """Log in by the form on ``login.page`` and note how; return in words why it does not work, None if it does."""
        path = self._plain(login.page)
        # Somebody else's page tells which of its values are new on each.
        other = login_form(Client(self.client.base, context=self.client.context).send("GET", path).text, path)
        answer = self.client.send("GET", path)
        form = login_form(answer.text, path)
        if form is None or other is None:
            return f"{login.page} shows no form for name and password"
        fields: dict[str, str] = {}
        drawn: dict[str, str] = {}
        for name, value in form.given.items():
            if value == other.given.get(name):
                fields[name] = written(value.replace(self.client.base, ""))
                continue
            pattern = drawn_at(answer.text, name, value)
            if pattern is None:
                return f"{login.page} draws {name}, and writes it in a way that no expression finds"
            variable = identifier(name)
            drawn[variable], fields[name] = pattern, f"{{{variable}}}"
            self._captured[variable] = value
        fields = {form.user: user, form.password: password, **fields}
        sent = {name: filled(self._text(value), self._captured) for name, value in fields.items()}
        answer = self.client.send("POST", form.action, form=sent)
        if not 200 <= answer.status < 400:
            return f"POST {form.action} was answered with {answer.problem or f'status {answer.status}'}"
        status, there = answer.status, form.action
        for _ in range(_MOST_MOVES):
            if answer.status not in MOVED:
                break
            there = self._here(answer.headers.get("location", ""))
            answer = self.client.send("GET", there) if there else Answer(200)
        if login_form(answer.text, there) is not None:
            return f"POST {form.action} leads back to the form: name or password are not what it takes"
        self.result.login = replace(login, path=written(form.action), fields=fields, drawn=drawn, status=status)
        self.result.header = None
        self.say(f"logged in by the form at {login.page}, POST {form.action}")
        return None

    def _log_in(self, login: Login) -> str | None:
        """Log in and note how; return in words why it does not work, None if it does."""
        if login.page:
            secrets = [value or "" for name, value in login.fields.items() if names_password(name)]
            others = [value or "" for name, value in login.fields.items() if not names_password(name)]
            user = self.credentials.user or next(iter(others), "")
            return self._on_page(login, user, self.credentials.password or next(iter(secrets), ""))
        fields = {name: self._text(value or "") for name, value in login.fields.items()}
        how: dict[str, Any] = {"form": fields} if login.form else {"data": fields}
        answer = Answer()
        given = self.result.login is not None  # then its path is whole
        for prefix in (
            ("",) if given else dict.fromkeys((self.result.prefix, ""))
        ):  # a token URL may hold the prefix already
            answer = self.client.send(login.method, self._plain(prefix + login.path), **how)
            if answer.status not in (0, 404, 405):
                login = replace(login, path=prefix + login.path)
                break
        if not 200 <= answer.status < 400:
            said = answer.problem or f"status {answer.status}"
            return f"POST {login.path} was answered with {said}"
        captures = dict(login.captures)
        if not captures and login.header is not None:
            token = token_in(answer.data)
            if token is not None:
                captures = {"token": token[0]}
                self._captured["token"] = token[1]
            elif answer.cookies:
                login = replace(login, header=None)
            else:
                return f"POST {login.path} was answered with status {answer.status}, but no token is in the answer"
        for name, path in captures.items():
            value = value_at(answer.data, path)
            if value is None:
                return f"POST {login.path} has nothing at {path} in its answer"
            self._captured[name] = value
        self.result.login = replace(login, captures=captures, status=answer.status)
        self.result.header = login.header
        self.say(f"logged in by POST {login.path}")
        return None

    def _with_entry(self, ask: DraftRequest) -> DraftRequest:
        headers = dict(self.credentials.headers)
        entry, header = self.found.entry, self.result.header
        # Documents often forget to say which operations are secured, so whoever is logged in says so everywhere.
        if header is not None:
            headers.setdefault(*header)
        query = dict(ask.query)
        if entry.key_query and self.credentials.password is not None and self.credentials.user is None and ask.secured:
            query[entry.key_query] = self.credentials.password
        if entry.key_cookie and self.credentials.password is not None and self.credentials.user is None and ask.secured:
            headers["Cookie"] = f"{entry.key_cookie}={self.credentials.password}"
        own = {
            name: value for name, value in ask.headers.items() if name.lower() not in {key.lower() for key in headers}
        }
        return replace(ask, headers={**headers, **own}, query=query)

    def _send(self, ask: DraftRequest, values: Mapping[str, Scalar]) -> Answer:
        """Send one request with its placeholders filled."""
        values = {**self._captured, **{name: each[0] for name, each in ask.values.items()}, **values}
        headers = {name: filled(self._text(value), values) for name, value in ask.headers.items()}
        target = filled(self._text(ask.target), values, quoted=True)
        data = filled_json(ask.json, values) if ask.json is not None else None
        form = {name: filled(self._text(value), values) for name, value in ask.form.items()}
        body = filled(self._text(ask.body), values) if ask.body is not None else None
        return self.client.send(ask.method, target, headers, data=data, form=form, body=body)

    def _text(self, text: str) -> str:
        return with_variables(text, self.environ)

    def _plain(self, path: str) -> str:
        return filled(self._text(path), self._captured, quoted=True)
