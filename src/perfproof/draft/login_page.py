"""The page on which a person logs in: its form, and which of its hidden values are new on each page.

Rails, Django, Laravel, WordPress, MediaWiki and their like let users in by a form that carries a token against forged
requests: whoever sends name and password alone is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

LOGIN_PATHS = (
    "/login", "/login/", "/signin", "/sign_in", "/users/sign_in", "/session/new", "/accounts/login/", "/admin/login/",
    "/wp-login.php", "/auth/login", "/user/login", "/index.php/login", "/index.php?title=Special:UserLogin",
)  # fmt: skip
"""Where the form is usually found, when no page leads there."""
_ASKED = frozenset(("text", "email", "tel", "search", ""))
_PASSWORD = re.compile(r".*(?:pass|passwd|password|pwd|secret)\]?", re.IGNORECASE)


@dataclass(frozen=True)
class LoginForm:
    """``action`` is the path it is sent to, ``given`` are its other fields as the page fills them."""

    action: str
    user: str
    password: str
    given: Mapping[str, str] = field(default_factory=dict, repr=False)


def names_password(name: str) -> bool:
    """Tell whether a field of a form is called like a password: ``pwd``, ``user[password]``, ``wpPassword``."""
    return _PASSWORD.fullmatch(name) is not None


def login_form(page: str, path: str) -> LoginForm | None:
    """Return the form of the page at ``path`` that asks for a name and one password; None if there is none."""
    reader = _Forms()
    reader.feed(page)
    for attributes, inputs in reader.forms:
        if attributes.get("method", "get").lower() != "post":
            continue
        passwords = [each["name"] for each in inputs if each.get("type", "").lower() == "password"]
        if len(passwords) != 1:
            continue  # two of them make a new account, or change the password
        before = inputs[: next(at for at, each in enumerate(inputs) if each["name"] == passwords[0])]
        names = [each["name"] for each in before if each.get("type", "").lower() in _ASKED]
        if not names:
            continue
        asked = {names[-1], passwords[0]}
        given = {each["name"]: each.get("value", "") for each in inputs if _sent(each) and each["name"] not in asked}
        button = next((each for each in inputs if each.get("type", "").lower() == "submit"), None)
        if button is not None:
            given[button["name"]] = button.get("value", "")
        action = urljoin(path, attributes.get("action") or path)
        parts = urlsplit(action)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return LoginForm(target, names[-1], passwords[0], given)
    return None


def drawn_at(page: str, name: str, value: str) -> str | None:
    """Return the regular expression that finds a hidden field's value in the page; None if none finds it as it is."""
    quoted = re.escape(name)
    for pattern in (
        rf"""name=["']{quoted}["'][^>]*?\bvalue=["']([^"']+)""",
        rf"""\bvalue=["']([^"']+)["'][^>]*?name=["']{quoted}["']""",
    ):
        match = re.search(pattern, page)
        if match is not None and match[1] == value:
            return pattern
    return None


def _sent(field_: Mapping[str, str]) -> bool:
    kind = field_.get("type", "").lower()
    return kind in ("hidden", *_ASKED) or (kind in ("checkbox", "radio") and "checked" in field_)


class _Forms(HTMLParser):
    """Reads the forms of a page with the attributes of their fields."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[tuple[dict[str, str], list[dict[str, str]]]] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in reversed(attrs)}  # of two that are called alike the first counts
        if tag == "form":
            self.forms.append((found, []))
            self._open = True
        elif tag in ("input", "button") and self._open and found.get("name"):
            kind = found.get("type", "submit" if tag == "button" else "")
            self.forms[-1][1].append({**found, "type": kind})

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False
