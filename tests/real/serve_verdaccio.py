"""Starts Verdaccio with a receiver of notifications: ``python serve_verdaccio.py VERDACCIO PORT WEBHOOK FOLDER``."""

import os
import sys
from pathlib import Path

program, port, webhook, folder = sys.argv[1:]
config = Path(folder) / "verdaccio.yaml"
config.write_text(
    f"storage: {folder}/storage\nauth: {{htpasswd: {{file: {folder}/htpasswd}}}}\nuplinks: {{}}\n"
    "packages: {'**': {access: $all, publish: $all}}\nlog: {type: stdout, format: json, level: warn}\n"
    f"notify: {{method: POST, endpoint: '{webhook}', headers: [{{Content-Type: application/json}}],"
    ' content: \'{"package": "{{name}}"}\'}\n'
)
os.execvp("node", ["node", program, "-c", str(config), "-l", f"127.0.0.1:{port}"])
