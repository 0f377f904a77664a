"""A site as frameworks make them: a form with a token against forged requests, a session cookie, pages behind it.

The port is the first argument. TOKENS=session keeps one token for a session (as Laravel does), else each page has its
own. Whoever sends a wrong token or password gets the form again, with status 200; whoever is let in is led on.
"""

import html
import os
import secrets
import sys
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit

SESSIONS = {}
FORM = """<!DOCTYPE html>
<html><head><meta name="csrf-token" content="{token}"></head><body>
<form action="/find" method="get"><input name="q"></form>
<form method="post" action="/account/login"><input type="hidden" name="utf8" value="&#x2713;" />
<input type="hidden" name="auth[token]" value="{token}" /><input type="hidden" name="back_url" value="{back}">
<input type="text" name="account[name]"><input type="password" name="account[password]">
<input type="checkbox" name="remember" value="1"><input type="submit" name="enter" value="Log in"></form>
</body></html>"""


class Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, text="", headers=()):
        body = text.encode()
        self.send_response(status)
        for name, value in [*headers, ("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def session(self):
        cookie = SimpleCookie(self.headers.get("Cookie", ""))
        name = cookie["sid"].value if "sid" in cookie else ""
        if name in SESSIONS:
            return SESSIONS[name], []
        name = secrets.token_hex(16)
        SESSIONS[name] = {"user": None, "tokens": [secrets.token_urlsafe(30)]}
        return SESSIONS[name], [("Set-Cookie", f"sid={name}; HttpOnly; Path=/")]

    def token(self, session):
        if os.environ.get("TOKENS") != "session":
            session["tokens"].append(secrets.token_urlsafe(30))
        return session["tokens"][-1]

    def form(self, session, more, status=200):
        back = f"http://{self.headers['Host']}/"
        self.answer(status, FORM.format(token=html.escape(self.token(session)), back=html.escape(back)), more)

    def do_GET(self):
        session, more = self.session()
        path = urlsplit(self.path).path
        if path == "/account/login":
            self.form(session, more)
        elif path == "/":
            self.answer(
                200, f"<html>\n<meta name='csrf-token' content='{self.token(session)}'>\n<p>welcome</p></html>", more
            )
        elif path == "/empty":
            self.answer(200, "", more)
        elif session["user"] is None:
            here = quote(f"http://{self.headers['Host']}{self.path}", safe="")
            self.answer(302, "", [*more, ("Location", f"http://{self.headers['Host']}/account/login?back_url={here}")])
        else:
            title = os.environ.get("TITLE", "Projects")
            rows = "\n".join(f"<li>project {n}</li>" for n in range(20))
            token = self.token(session)
            self.answer(
                200, f"<html>\n<meta name='csrf-token' content='{token}'>\n<h1>{title}</h1>\n{rows}\n</html>", more
            )

    def do_POST(self):
        session, more = self.session()
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        fields = {name: values[0] for name, values in parse_qs(body).items()}
        known = fields.get("auth[token]") in session["tokens"]
        good = fields.get("account[name]") == "ann" and fields.get("account[password]") == "s3cret-word"
        if not (known and good and fields.get("utf8") == "\u2713" and fields.get("enter")):
            self.form(session, more)
            return
        session["user"] = "ann"
        self.answer(302, "", [*more, ("Location", f"http://{self.headers['Host']}/projects")])


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Site).serve_forever()
