"""PHP services: what PHP's own server can serve, since a folder does not tell how a web server before it is set up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from perfproof.draft.start.start import Start

_ROOTS = ("public", "web", "htdocs", "")
_NOTE = (
    "php -S is PHP's server for developing, and answers one request at a time: give --command with what starts nginx"
    " and php-fpm to measure what users get"
)


def php(folder: Path) -> Iterator[Start]:
    """Yield how PHP serves the first of the usual folders that has an ``index.php``."""
    build = "composer install --quiet --no-interaction" if (folder / "composer.json").is_file() else None
    for root in _ROOTS:
        if (folder / root / "index.php").is_file():
            where = f" -t {root}" if root else ""
            source = f"{root}/index.php" if root else "index.php"
            yield Start(f"php -S 127.0.0.1:{{port}}{where}", source, build=build, notes=(_NOTE,))
            return
