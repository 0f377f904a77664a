"""The one start of a draft: which requests are answered as promised, once the way in is found.

What a request needs to know (ids above all) is looked for in the answers to the requests before it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from perfproof.documents.rows import VALUES, ids_in, rows_of
from perfproof.draft.answers import IN_PATHS, combined, largest_list, milliseconds, unlike
from perfproof.draft.names import is_search
from perfproof.draft.tried import Trial, Tried
from perfproof.draft.wanted import DraftRequest, SourceContents
from perfproof.draft.way_in import MOVED, WayIn
from perfproof.errors import UsageError
from perfproof.http.plain_client import Answer, Client
from perfproof.http.response_diff import rows_in
from perfproof.model.scenario import Scalar

_SIZES = (1, 10, 50)
_OK = 200
TRIED = 4
"""Times as many requests are tried as are wanted: of a large document not all of them answer."""
_TOLD = 5
"""Requests without known ids that are told one by one; large documents have a hundred."""


@dataclass
class Trying(WayIn):
    """One trial of what was ``found``, on the service behind ``client``."""

    most: int = 10
    _bodies: dict[str, Any] = field(default_factory=dict, repr=False)
    _unknown: int = 0

    def run(self, asks: Sequence[DraftRequest], *, entered: bool = False) -> Trial:
        """Ask one request after the other, the most wanted first, until enough were answered as promised."""
        result = self.result
        if not entered:
            self.enter(asks)
        for ask in asks:
            if sum(each.rows != 0 for each in result.tried) >= self.most:
                break
            # Those without a known id were not sent, so they take no turn from those that can be.
            if len(result.tried) + len(result.dropped) - self._unknown >= self.most * TRIED:
                break
            self._try(replace(ask, path=result.prefix + ask.path))
        if self._unknown > _TOLD:
            self.say(f"  dropped  {self._unknown - _TOLD} more of which no value in the path is known")
        empty = [each for each in result.tried if each.rows == 0]
        more = len(result.tried) - self.most
        if more > 0:
            for each in empty[-more:]:
                result.tried.remove(each)
                result.dropped.append((f"{each.ask.method} {each.ask.path}", "finds no row"))
            self.say(f"  dropped  {more} of those that find no row, since others find some")
            del empty[-more:]
        if empty:
            one = len(empty) == 1
            result.notes.append(
                f"{len(empty)} of the requests {'finds' if one else 'find'} no row ({empty[0].ask.name}"
                f"{'' if one else ' ...'}): fill the database with --prepare to measure what its users see"
            )
        if not result.health and (kept := self._answered_to_anyone()):
            result.health = kept
            result.notes.append(f"no health path answered: {kept} is asked instead until the service is up")
        shown = self.found.source if self._own_document() else ""
        shown = re.sub(r"^https?://[^/]+", "", shown)
        if not result.health and shown and 200 <= self.client.send("GET", shown, within=5).status < 300:
            result.health = shown
            result.notes.append(f"no health path answered: {shown} is asked instead until the service is up")
        return result

    def _answered_to_anyone(self) -> str:
        """Return the quickest request that was kept and is answered without any credentials; "" if none is."""
        anyone = Client(self.client.base, context=self.client.context)  # it has no cookie of whoever is logged in
        for tried in sorted(self.result.tried, key=lambda each: each.took):
            target = tried.ask.target
            for name, choices in tried.ask.values.items():
                target = target.replace(f"{{{name}}}", str(choices[0]))
            if tried.ask.method != "GET" or "{" in target:
                continue
            if 200 <= anyone.send("GET", target, within=5).status < 300:
                return target
        return ""

    def also(self, before: str, now: str) -> None:
        """Ask everything that was kept once more below another prefix, and drop what is not answered alike there.

        Afterwards the requests and the login stand without a prefix: each arm has its own.
        """
        kept, self.result.tried = self.result.tried, []
        login = self.result.login
        if login is not None:
            if not login.path.startswith(f"{before}/"):
                raise UsageError(
                    f"the login {login.path} is in neither version, and a prefix stands before set-up steps too",
                    hint="log in yourself and give --header 'Authorization: Bearer ${TOKEN}'",
                )
            refused = self._log_in(replace(login, path=now + login.path.removeprefix(before)))
            if refused is not None:
                raise UsageError("the login of one version does not work in the other", why=refused)
            self.result.login = replace(login, path=login.path.removeprefix(before))
        for tried in kept:
            path = tried.ask.path.removeprefix(before)
            there = replace(tried.ask, path=now + path)
            wrong = unlike(there, self._send(there, {}))
            if wrong is None:
                # Neither version's own path is the name of what both are asked.
                name = f"{there.method} {path}" if tried.ask.name.startswith(f"{there.method} /") else tried.ask.name
                self.result.tried.append(replace(tried, ask=replace(tried.ask, path=path, name=name)))
            else:
                self._drop(there, wrong)

    def elsewhere(self, client: Client) -> None:
        """Ask everything that was kept once more of the version before, and drop what that does not answer alike."""
        kept, self.result.tried = self.result.tried, []
        self.client, self._captured = client, {}
        if self.result.login is not None and (refused := self._log_in(self.result.login)) is not None:
            raise UsageError(
                "the login works in the version after and not in the one before",
                why=refused,
                hint="fill the database of the version before as well, e.g. with --prepare",
            )
        for tried in kept:
            wrong = unlike(tried.ask, self._send(tried.ask, {}))
            if wrong is None:
                self.result.tried.append(tried)
            else:
                self._drop(tried.ask, f"{wrong}, by the version before")

    def _try(self, ask: DraftRequest) -> None:
        """Ask one request, and keep it if it is answered as promised."""
        ask = self._with_entry(ask)
        choices, missing = self._known(ask)
        if missing:
            self._unknown += 1
            reason = f"no value is known for {', '.join('{' + name + '}' for name in missing)}"
            self._drop(ask, reason, silent=self._unknown > _TOLD)
            return
        good: list[dict[str, Scalar]] = []
        answer, reason = Answer(), ""
        for values in choices:
            now = self._send(ask, values)
            if now.status in MOVED and ask.reads:
                moved = self._moved(ask, now)
                if moved is not None:
                    ask, now = moved, self._send(moved, values)
            wrong = unlike(ask, now)
            if wrong is None:
                good.append(values)
                answer = now
            else:
                reason = reason or wrong
            if not ask.reads and good:
                break
        if not good:
            self._drop(ask, reason)
            return
        self._keep(ask, good, answer)

    def _keep(self, ask: DraftRequest, good: Sequence[Mapping[str, Scalar]], answer: Answer) -> None:
        names = [sought.name for sought in ask.sought]  # in the order of the path: the last one varies
        values: dict[str, tuple[Scalar, ...]] = {name: each for name, each in ask.values.items() if name not in names}
        values |= combined(good, names)
        ask = replace(ask, values=values, sought=())
        rows, rows_at = rows_in(answer.body, None)
        notes: list[str] = []
        if rows is None and (named := largest_list(answer.data)) is not None:
            rows_at = named
            rows = rows_in(answer.body, named)[0]
        else:
            rows_at = None
        sizes: tuple[int, ...] = ()
        if ask.paging and ask.reads:
            sizes, note = self._sizes(ask, good[0], rows, rows_at)
            notes += [note] if note else []
        tried = Tried(ask, answer.status, answer.took, len(answer.body), rows, rows_at, sizes, tuple(notes))
        self.result.tried.append(tried)
        self._bodies[ask.path] = answer.data
        seen = "" if rows is None else f", {rows} row{'' if rows == 1 else 's'}"
        if ask.method == "GET" and answer.status == _OK and not answer.body:
            seen = ", and nothing in it"
            self.result.notes.append(f"{ask.target} is answered with status 200 and an empty body: is that its answer?")
        self.say(f"  kept     {ask.method} {ask.target}: {answer.status} in {milliseconds(answer.took)}{seen}")

    def _sizes(
        self, ask: DraftRequest, values: Mapping[str, Scalar], rows: int | None, rows_at: str | None
    ) -> tuple[tuple[int, ...], str]:
        """Return the sizes at which rows can be asked for, once one row was asked for and came."""
        if rows is None:
            return (), f"{ask.paging} is no scale: the answer has no list of rows"
        if rows == 0:
            return (), f"{ask.paging} is no scale: there is no row yet"
        one = self._send(ask, {**values, ask.paging: 1})
        got = rows_in(one.body, rows_at)[0]
        if unlike(ask, one) is not None or got is None or (got >= rows and rows > 1):
            return (), f"{ask.paging} is no scale: asked for 1 row, {got} came"
        most = ask.most or _SIZES[-1]
        sizes = tuple(size for size in _SIZES if size <= most)
        if len(sizes) < 3 or unlike(ask, self._send(ask, {**values, ask.paging: sizes[-1]})) is not None:
            most = min(most, int(ask.values[ask.paging][0]))
            sizes = (1, (most + 1) // 2, most) if most >= 3 else ()
        return sizes, ""

    def _known(self, ask: DraftRequest) -> tuple[list[dict[str, Scalar]], list[str]]:
        """Return values for all placeholders, each choice a set that belongs together, and those nobody knows."""
        fixed = {name: each[0] for name, each in ask.values.items() if not any(s.name == name for s in ask.sought)}
        choices: list[dict[str, Scalar]] = [{}]
        missing: list[str] = []
        for sought in ask.sought:
            grown = []
            for values in choices:
                options = self._options(ask, sought, values)
                grown += [{**values, sought.name: option} for option in options[:VALUES]]
            if not grown:
                missing.append(sought.name)
                continue
            choices = grown[:VALUES] if len(ask.sought) == 1 else grown[: VALUES * 2]
        return [{**fixed, **values} for values in choices], missing

    def _options(self, ask: DraftRequest, sought: SourceContents, values: Mapping[str, Scalar]) -> list[Scalar]:
        """Return what a placeholder may be: ids in the answer of the list it stands below, examples, guesses."""
        above = ask.path.partition("/{" + sought.name + "}")[0]
        rows = rows_of(self._bodies.get(above, self._bodies.get(above + "/")))
        if rows is None and above != ask.path:
            upper = replace(ask, method="GET", path=above, query={}, json=None, form={}, body=None)
            answer = self._send(upper, values)
            if answer.status in MOVED:
                answer = self._send(replace(upper, path=above + "/"), values)
            rows = rows_of(answer.data) if answer.status == 200 else None
            if "{" not in above:
                self._bodies[above] = answer.data if answer.status == 200 else None
        rows = rows or next(iter(self._searched(above)), None)
        found = ids_in(rows, sought.name, sought.fields, above) if rows else []
        if not found:
            found = list(sought.guess)
        return [each for each in dict.fromkeys(found) if IN_PATHS.fullmatch(str(each))]

    def _searched(self, above: str) -> list[list[Any]]:
        """Return what searches right below a path have found (``POST /items/search``), for lists without a GET."""
        below = [path for path in self._bodies if path.rpartition("/")[0] == above.rstrip("/") and is_search(path)]
        return [rows for rows in (rows_of(self._bodies[path]) for path in below) if rows]

    def _moved(self, ask: DraftRequest, answer: Answer) -> DraftRequest | None:
        """Return the request at the path it is redirected to, if only a slash makes the difference."""
        there = re.sub(r"^https?://[^/]+", "", answer.headers.get("location", "")).partition("?")[0]
        here = ask.path.rstrip("/")
        ends_with_slash = there.endswith("/")
        if (
            there.rstrip("/").rpartition("/")[2] not in (here.rpartition("/")[2],)
            and "{" not in here.rpartition("/")[2]
        ):
            return None
        return replace(ask, path=here + "/" if ends_with_slash else here)

    def _drop(self, ask: DraftRequest, reason: str, *, silent: bool = False) -> None:
        self.result.dropped.append((f"{ask.method} {ask.path}", reason))
        if not silent:
            self.say(f"  dropped  {ask.method} {ask.path}: {reason}")
