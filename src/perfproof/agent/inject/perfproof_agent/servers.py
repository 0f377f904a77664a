"""Where servers and frameworks are hooked: each function is called once with its module, right after its import."""

from __future__ import annotations

import functools
from typing import Any

from .requests import patch_asgi_class, patch_wsgi_class, wrap_asgi, wrap_wsgi

_WSGI_WORKERS = {"SyncWorker", "ThreadWorker", "AsyncWorker"}


def uvicorn(module: Any) -> None:
    """Wrap the application once uvicorn has found out what kind it is."""
    original = module.Config.load

    @functools.wraps(original)
    def load(self: Any) -> None:
        original(self)
        self.loaded_app = wrap_asgi(self.loaded_app)

    module.Config.load = load


def hypercorn(module: Any) -> None:
    """Wrap what hypercorn's two application wrappers are given."""
    for owner, wrap in ((module.ASGIWrapper, wrap_asgi), (module.WSGIWrapper, wrap_wsgi)):
        _wrap_first_argument(owner, wrap)


def _wrap_first_argument(owner: Any, wrap: Any) -> None:
    original = owner.__init__

    @functools.wraps(original)
    def initialise(self: Any, app: Any, *arguments: Any, **named: Any) -> None:
        original(self, wrap(app), *arguments, **named)

    owner.__init__ = initialise


def gunicorn(module: Any) -> None:
    """Wrap the application of WSGI workers; uvicorn's workers are hooked by uvicorn."""
    original = module.Worker.load_wsgi

    @functools.wraps(original)
    def load_wsgi(self: Any) -> None:
        original(self)
        names = {each.__name__ for each in type(self).__mro__}
        if names & _WSGI_WORKERS and getattr(self, "wsgi", None) is not None:
            self.wsgi = wrap_wsgi(self.wsgi)

    module.Worker.load_wsgi = load_wsgi


def gunicorn_asgi(module: Any) -> None:
    """Wrap the application of gunicorn's own ASGI worker."""
    original = module.ASGIWorker.load_wsgi

    @functools.wraps(original)
    def load_wsgi(self: Any) -> None:
        original(self)
        self.asgi = wrap_asgi(self.asgi)

    module.ASGIWorker.load_wsgi = load_wsgi


def werkzeug(module: Any) -> None:
    """Wrap what the development server is given."""
    original = module.BaseWSGIServer.__init__

    @functools.wraps(original)
    def initialise(self: Any, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        self.app = wrap_wsgi(self.app)

    module.BaseWSGIServer.__init__ = initialise


def wsgiref(module: Any) -> None:
    """Wrap what the standard library's server is given."""
    original = module.WSGIServer.set_app

    @functools.wraps(original)
    def set_app(self: Any, application: Any) -> None:
        original(self, wrap_wsgi(application))

    module.WSGIServer.set_app = set_app


def waitress(module: Any) -> None:
    """Wrap the application of waitress's server."""
    original = module.BaseWSGIServer.__init__

    @functools.wraps(original)
    def initialise(self: Any, application: Any, *arguments: Any, **named: Any) -> None:
        original(self, wrap_wsgi(application), *arguments, **named)

    module.BaseWSGIServer.__init__ = initialise


def starlette(module: Any) -> None:
    """Hook Starlette and what is built on it, under any server."""
    patch_asgi_class(module.Starlette)


def flask(module: Any) -> None:
    """Hook Flask, under any server."""
    patch_wsgi_class(module.Flask)


def django_wsgi(module: Any) -> None:
    """Hook Django's WSGI handler."""
    patch_wsgi_class(module.WSGIHandler)


def django_asgi(module: Any) -> None:
    """Hook Django's ASGI handler."""
    patch_asgi_class(module.ASGIHandler)


def aiohttp(module: Any) -> None:
    """Hook aiohttp's server, which is neither ASGI nor WSGI."""
    original = module.Application._handle

    @functools.wraps(original)
    async def handle(self: Any, incoming: Any) -> Any:
        answer: list[Any] = []

        async def call(_scope: Any, _receive: Any, _send: Any) -> None:
            answer.append(await original(self, incoming))

        headers = [(b"traceparent", incoming.headers.get("traceparent", "").encode("latin-1"))]
        await wrap_asgi(call)({"type": "http", "headers": headers}, None, None)
        return answer[0]

    module.Application._handle = handle
