"""Ruby services: Rails, and whatever else has a ``config.ru``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from perfproof.draft.start.start import Start, text_of


def ruby(folder: Path) -> Iterator[Start]:
    """Yield how the application in ``folder`` starts, in production: Rails is in development unless told otherwise."""
    rails = (folder / "config" / "application.rb").is_file() and (folder / "bin" / "rails").is_file()
    if not rails and not (folder / "config.ru").is_file():
        return
    gems = "".join(text_of(folder / name) for name in ("Gemfile", "Gemfile.local", "Gemfile.lock"))
    bundle = "bundle exec " if gems else ""
    build = "bundle install --quiet" if gems else None
    environment = {"RAILS_ENV": "production"} if rails else {"RACK_ENV": "production"}
    source = "config/application.rb (Rails)" if rails else "config.ru"
    if re.search(r"\bpuma\b", gems) or not gems:
        command = f"{bundle}puma --environment production --bind tcp://127.0.0.1:{{port}}"
        yield Start(command, source, environment, build=build)
    if rails:
        # Both versions may be started in one folder, and one file for the process's number would be in the way.
        line = "bin/rails server --binding 127.0.0.1 --port {port} --pid {work}/server.pid"
        yield Start(line, source, environment, build=build)
    else:
        line = f"{bundle}rackup --env production --host 127.0.0.1 --port {{port}}"
        yield Start(line, source, environment, build=build)
