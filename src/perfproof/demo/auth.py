"""Passwords and signed tokens. The token carries the user's id and its end, so checking it needs no query."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

TOKEN_SECONDS = 12 * 3600
PASSWORD_ROUNDS = 20_000  # a demo logs in before each round; a real service would take ten times more


def hash_password(password: str, salt: str) -> str:
    """Return ``salt$hash`` (PBKDF2-HMAC-SHA256, hexadecimal)."""
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), PASSWORD_ROUNDS)
    return f"{salt}${digest.hex()}"


def password_fits(password: str, stored: str) -> bool:
    """Tell whether ``password`` is the one behind ``stored`` (``salt$hash``)."""
    return hmac.compare_digest(hash_password(password, stored.partition("$")[0]), stored)


def issue_token(user_id: int, secret: str, now: float | None = None) -> str:
    """Return a token for a user that holds for ``TOKEN_SECONDS`` from ``now`` (Unix seconds) on."""
    payload = f"{user_id}.{int((time.time() if now is None else now) + TOKEN_SECONDS)}"
    return f"{payload}.{_sign(payload, secret)}"


def user_of_token(token: str, secret: str, now: float | None = None) -> int | None:
    """Return the user's id, or None for a token that is malformed, forged or over."""
    payload, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _sign(payload, secret).encode()):
        return None
    user_id, _, ends = payload.partition(".")
    return int(user_id) if int(ends) > (time.time() if now is None else now) else None


def _sign(payload: str, secret: str) -> str:
    digest = hmac.digest(secret.encode(), payload.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
