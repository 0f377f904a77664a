"""The shop in Flask for a WSGI server: its database and faults are in SHOP_DATABASE and SHOP_FAULTS."""

import os
import sys

sys.argv = ["shop_flask.py", "0", os.environ["SHOP_DATABASE"], *os.environ.get("SHOP_FAULTS", "").split()]

from shop_flask import app  # noqa: E402 - it reads its arguments

__all__ = ["app"]
