"""Who may see the pages: the hosts that are answered, the token, and the headers every answer carries."""

from __future__ import annotations

import hashlib
import hmac
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perfproof.core.addresses import is_this_machine

COOKIE = "perfproof"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""What the dashboard's own pages may do: show its style sheet, send its forms to itself. No script at all."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "private, no-cache",
}


class AccessGuard:
    """Lets a request through when its host is this machine's (without a token) or its token is right.

    Without a token only requests to a loopback name are answered: a page of another site could else reach the
    dashboard under its own name by changing what that name resolves to (DNS rebinding). The token comes once in the
    address (``?token=``), or with each request in ``Authorization: Bearer``; from the address it moves into a cookie,
    which holds a keyed hash and not the token, and out of the address by a redirect. It is compared in constant time
    and written nowhere.
    """

    def __init__(self, app: ASGIApp, token: str | None = None) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", POLICY)
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, headed)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if self._token is None:
            name = headers.get("host", "").rsplit(":", 1)[0] if not _is_bare_ipv6(headers) else headers["host"]
            return None if is_this_machine(name) else PlainTextResponse("This host is not served.\n", 421)
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token")
        if given is not None:
            return self._admitted(scope, query) if _same(given, self._token) else _forbidden()
        kind, _, credential = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and _same(credential.strip(), self._token):
            return None
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        if cookie is not None and _same(cookie.value, _proof(self._token)):
            return None
        return _forbidden()

    def _admitted(self, scope: Scope, query: list[tuple[str, str]]) -> Response:
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        # One slash: two would name another host.
        address = "/" + scope["path"].lstrip("/\\") + (f"?{rest}" if rest else "")
        answer = RedirectResponse(address, 303)
        answer.set_cookie(
            COOKIE, _proof(self._token or ""), httponly=True, samesite="lax", secure=scope["scheme"] == "https"
        )
        return answer


def _is_bare_ipv6(headers: Headers) -> bool:
    return headers.get("host", "").endswith("]")


def _proof(token: str) -> str:
    return hmac.new(token.encode(), b"perfproof dashboard", hashlib.sha256).hexdigest()


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())


def _forbidden() -> Response:
    text = "This dashboard needs its token: open the address with ?token=... once.\n"
    return PlainTextResponse(text, 401, {"WWW-Authenticate": "Bearer"})
