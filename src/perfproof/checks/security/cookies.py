"""The flags of cookies: what a session's cookie needs, and what browsers refuse."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from perfproof.core.redaction import sounds_secret

_FORGERY = re.compile(r"csrf|xsrf", re.IGNORECASE)
"""Cookies against forgery are read by scripts on purpose."""
_SESSION = re.compile(r"sess|auth|login|remember|token|jwt|\bsid\b", re.IGNORECASE)


def cookie_of(line: str, session: Collection[str], *, secure: bool) -> dict[str, Any] | None:
    """Return a cookie's name, SameSite, whether it lets someone in, and what is wrong; None if it is taken away."""
    pair, *rest = line.split(";")
    name, _, value = (part.strip() for part in pair.partition("="))
    flags = {key.strip().lower(): each.strip() for key, _, each in (part.partition("=") for part in rest)}
    if not name or not value.strip('"') or flags.get("max-age", "1").startswith(("0", "-")):
        return None
    lets_in = not _FORGERY.search(name) and (
        name in session or sounds_secret(name) or _SESSION.search(name) is not None
    )
    same_site = flags.get("samesite", "").lower()
    flaws = []
    if lets_in and "httponly" not in flags:
        flaws.append("no HttpOnly, so that scripts can read it")
    if lets_in and same_site not in ("lax", "strict", "none"):
        flaws.append("no SameSite")
    if same_site == "none" and "secure" not in flags:
        flaws.append("SameSite=None without Secure, which browsers refuse")
    if lets_in and secure and "secure" not in flags:
        flaws.append("no Secure, though the service speaks TLS")
    if name.startswith(("__Secure-", "__Host-")) and "secure" not in flags:
        flaws.append("a name that asks for Secure, which it lacks")
    if name.startswith("__Host-") and ("domain" in flags or flags.get("path") != "/"):
        flaws.append("a name that asks for Path=/ and no Domain")
    return {"name": name, "session": lets_in, "same_site": same_site, "flaws": flaws}
