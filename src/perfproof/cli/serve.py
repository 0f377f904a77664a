"""``perfproof serve``: the recorded runs in a browser."""

from __future__ import annotations

import importlib.util
import socket
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from perfproof.cli.common import options
from perfproof.errors import UsageError

if TYPE_CHECKING:
    from perfproof.store.repository import Store

SHORTEST_TOKEN = 16


def serve(
    *,
    host: Annotated[str, typer.Option("--host", help="Address to listen on; any but loopback demands --token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8765,
    token: Annotated[
        str | None,
        typer.Option(
            "--token", envvar="PERFPROOF_TOKEN", help="Show nothing without it; better given as PERFPROOF_TOKEN."
        ),
    ] = None,
    storage: options.Storage,
    quiet: options.Quiet = False,
) -> None:
    """Show runs, comparisons and trends in a browser. Nothing can be changed there."""
    if not all(importlib.util.find_spec(name) for name in ("starlette", "uvicorn")):
        raise UsageError("the dashboard is not installed", hint="pip install 'perfproof[dashboard]'")
    from perfproof.core.addresses import is_this_machine

    token = token or None
    if token is None and not is_this_machine(host):
        raise UsageError(
            f"{host} can be reached from other machines, and no token was given",
            hint='PERFPROOF_TOKEN="$(openssl rand -hex 16)" perfproof serve --host ..., or leave --host out',
        )
    if token is not None and (len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable()):
        raise UsageError(
            f"the token must be at least {SHORTEST_TOKEN} plain characters", hint="openssl rand -hex 16 makes one"
        )
    if storage.store is None and not storage.results.is_dir():
        raise UsageError(
            f"there is no folder {storage.results} with runs", hint="measure first, or name it: --results DIR"
        )
    listener = _listen(host, port)
    with listener, storage.session().store() as opened:
        opened.sync(storage.results)
        if not quiet:
            shown = f"[{host}]" if ":" in host else host
            more = "/?token=... (your token, once)" if token else "/"
            sys.stderr.write(f"dashboard: http://{shown}:{listener.getsockname()[1]}{more}\nCtrl-C ends it\n")
            sys.stderr.flush()
        _run(opened, listener, token)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host} port {port}", why=error.strerror or str(error), hint="choose another --port"
        ) from error


def _run(store: Store, listener: socket.socket, token: str | None) -> None:
    import uvicorn

    from perfproof.dashboard.app import create_app

    config = uvicorn.Config(
        create_app(store, token=token),
        access_log=False,  # it would hold the token of the first request
        log_level="warning",
        server_header=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )
    uvicorn.Server(config).run(sockets=[listener])
