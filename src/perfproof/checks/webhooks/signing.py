"""Signatures of webhooks: HMAC-SHA256 in the ways that services write them. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from typing import Literal

Found = Literal["right", "missing", "wrong", "stale"]
TOLERANCE = 300.0
"""Seconds that a signed time may lie from now, as Stripe and Standard Webhooks have it."""

Headers = Mapping[str, str]
_Scheme = Callable[[bytes, Headers, str, bytes, float], Found]


def _mac(secret: bytes, data: bytes) -> bytes:
    return hmac.new(secret, data, hashlib.sha256).digest()


def _same(wanted: str, given: str) -> Found:
    return "right" if hmac.compare_digest(wanted.encode(), given.strip().encode("utf-8", "replace")) else "wrong"


def _hex(secret: bytes, headers: Headers, header: str, body: bytes, _: float) -> Found:
    return _same(_mac(secret, body).hex(), headers[header].lower())


def _github(secret: bytes, headers: Headers, header: str, body: bytes, _: float) -> Found:
    return _same("sha256=" + _mac(secret, body).hex(), headers[header])


def _base64(secret: bytes, headers: Headers, header: str, body: bytes, _: float) -> Found:
    return _same(base64.b64encode(_mac(secret, body)).decode(), headers[header])


def _stripe(secret: bytes, headers: Headers, header: str, body: bytes, now: float) -> Found:
    """``t=TIME,v1=HEX[,v1=HEX]`` over ``TIME.BODY``."""
    parts = [part.strip().partition("=") for part in headers[header].split(",")]
    when = next((value for name, _, value in parts if name == "t"), "")
    wanted = _mac(secret, when.encode() + b"." + body).hex()
    if not any(_same(wanted, value) == "right" for name, _, value in parts if name == "v1"):
        return "wrong"
    return _fresh(when, now)


def _standard(secret: bytes, headers: Headers, header: str, body: bytes, now: float) -> Found:
    """``v1,BASE64 [v1,BASE64]`` over ``ID.TIME.BODY``; a secret ``whsec_...`` is base64 (standardwebhooks.com)."""
    key = secret
    if secret.startswith(b"whsec_"):
        try:
            key = base64.b64decode(secret.removeprefix(b"whsec_"), validate=True)
        except binascii.Error:
            key = secret
    when = headers.get("webhook-timestamp", "")
    signed = f"{headers.get('webhook-id', '')}.{when}.".encode() + body
    wanted = base64.b64encode(_mac(key, signed)).decode()
    given = [each.partition(",") for each in headers[header].split()]
    if not any(_same(wanted, value) == "right" for version, _, value in given if version == "v1"):
        return "wrong"
    return _fresh(when, now)


def _fresh(when: str, now: float) -> Found:
    if not re.fullmatch(r"\d{1,12}", when):
        return "wrong"
    return "right" if abs(now - float(when)) <= TOLERANCE else "stale"


SCHEMES: Mapping[str, _Scheme] = {
    "hex": _hex,
    "github": _github,
    "base64": _base64,
    "stripe": _stripe,
    "standard": _standard,
}
"""How a signature is written, by the name in scenarios."""
_USUAL = {"github": "x-hub-signature-256", "stripe": "stripe-signature", "standard": "webhook-signature"}


def header_of(scheme: str, header: str | None) -> str:
    """Return the name of the header that holds the signature, in small letters; "" where neither tells."""
    return (header or _USUAL.get(scheme, "")).lower()


def verify(scheme: str, header: str, secret: str, headers: Headers, body: bytes, now: float) -> Found:
    """Return whether a delivery (``headers`` in small letters) is signed rightly; ``now`` is the time in seconds."""
    if not headers.get(header, "").strip():
        return "missing"
    return SCHEMES[scheme](secret.encode(), headers, header, body, now)
