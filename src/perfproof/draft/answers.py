"""What an answer holds that other requests need: rows, ids, tokens; and whether it is what was promised."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from perfproof.draft.wanted import DraftRequest
from perfproof.http.plain_client import Answer
from perfproof.model.scenario import Scalar

_TOKENS = ("access_token", "accessToken", "token", "id_token", "idToken", "jwt", "auth_token", "authToken", "key")
_SAYING = ("message", "detail", "errors", "error", "title", "msg", "error_description")
_MOST_SAID = 100
_LOGIN_PLACE = re.compile(r"log[-_]?in|sign[-_]?in|/session", re.IGNORECASE)
IN_PATHS = re.compile(r"[\w.~:@,-]+", re.ASCII)
"""Values that stand in a path as they are."""


def _said(data: Any) -> str:
    """Return what an error says for itself, from where frameworks write it; "" where nothing is found."""
    for _ in range(3):
        if isinstance(data, list):
            data = data[0] if data else None
        if isinstance(data, str):
            return " ".join(data.split())[:_MOST_SAID]
        if not isinstance(data, dict):
            return ""
        data = next((data[name] for name in _SAYING if data.get(name)), None)
    return ""


def unlike(ask: DraftRequest, answer: Answer) -> str | None:
    """Return in words how an answer is not what was promised; None if it is."""
    if not answer.status:
        return answer.problem
    promised = " or ".join(map(str, ask.statuses)) or "2xx"
    fits = answer.status in ask.statuses if ask.statuses else 200 <= answer.status < 300
    if not fits:
        there = answer.headers.get("location", "") if 300 <= answer.status < 400 else ""
        # Its query is where to go back to, and its origin the address of this very start.
        there = re.sub(r"^https?://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?(?=/)", "", there).partition("?")[0]
        hint = f": it leads to {there[:80]}" if there else ""
        hint += " (log in with --user)" if _LOGIN_PLACE.search(there) else ""
        said = _said(answer.data) if answer.status >= 400 and answer.status not in (401, 404) else ""
        hint = hint or (f": {said}" if said else "")
        hint = hint or {401: ": log in with --user or --header", 403: ": this user may not"}.get(answer.status, "")
        return f"answered with status {answer.status}, not {promised}{hint}"
    if "json" in ask.media and answer.status != 204:
        if "json" not in answer.media:
            return f"answered as {answer.media or 'no media type'}, not as {ask.media}"
        if answer.body and answer.data is None and answer.body.strip() != b"null":
            return "answered with a body that is no JSON, though it is called so"
    return None


def combined(good: Sequence[Mapping[str, Scalar]], names: Iterable[str]) -> dict[str, tuple[Scalar, ...]]:
    """Return the values of each placeholder such that every combination of them is one that was answered."""
    names = list(names)
    if not names:
        return {}
    if len(names) == 1:
        (name,) = names
        return {name: tuple(dict.fromkeys(values[name] for values in good))}
    first = good[0]
    last = names[-1]
    same = [values for values in good if all(values[name] == first[name] for name in names if name != last)]
    found: dict[str, tuple[Scalar, ...]] = {name: (first[name],) for name in names if name != last}
    found[last] = tuple(dict.fromkeys(values[last] for values in same))
    return found


def largest_list(data: Any) -> str | None:
    """Return the path of the longest list of an object that has several."""
    if not isinstance(data, dict):
        return None
    lists = {name: value for name, value in data.items() if isinstance(value, list) and re.fullmatch(r"\w+", name)}
    rows = {name: value for name, value in lists.items() if value and isinstance(value[0], dict)} or lists
    return f"$.{max(rows, key=lambda name: len(rows[name]))}" if len(lists) > 1 else None


def token_in(data: Any) -> tuple[str, str] | None:
    """Return path and value of the token in the answer to a login."""
    if not isinstance(data, dict):
        return None
    for name in _TOKENS:
        if isinstance(data.get(name), str) and data[name]:
            return f"$.{name}", data[name]
    for name, value in data.items():
        if isinstance(value, dict) and re.fullmatch(r"\w+", str(name)) and (inner := token_in(value)) is not None:
            return f"$.{name}{inner[0][1:]}", inner[1]
    return None


def value_at(data: Any, path: str) -> Any:
    """Return the value at a plain JSON path; None if there is none."""
    for step in path.removeprefix("$").strip(".").split("."):
        data = data.get(step) if isinstance(data, dict) else None
    return data


def milliseconds(seconds: float) -> str:
    """Return a time in milliseconds, with a decimal where it says something."""
    return f"{seconds * 1e3:.1f} ms" if seconds < 0.01 else f"{seconds * 1e3:.0f} ms"
