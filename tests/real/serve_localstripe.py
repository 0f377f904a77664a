"""Starts localstripe on 127.0.0.1 alone and keeps nothing on disk: ``python serve_localstripe.py PORT``.

Its own command listens on every address and writes a file with a fixed name.
"""

import sys

from aiohttp import web
from localstripe import server
from localstripe.resources import Store

Store.dump_to_disk = lambda _: None
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]))
