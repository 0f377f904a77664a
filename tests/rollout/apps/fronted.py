"""nginx before two instances, which SIGHUP replaces: ``fronted.py PORT FIRST SECOND [FAULT]``.

Without a fault one after the other, each only when the one before is ready; both: at once.
"""

import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

PORT, *PORTS = map(int, sys.argv[1:4])
FAULT = (sys.argv[4:] or [""])[0]
PLANTED = Path(__file__).with_name("planted.py")


def start(port):
    return subprocess.Popen([sys.executable, str(PLANTED), str(port), "warming"])


def ready(port):
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.02)


def roll(*_):
    if FAULT == "both":
        for each in instances.values():
            each.terminate()
        for port in PORTS:
            instances[port].wait()
            instances[port] = start(port)
        return
    for port in PORTS:
        instances[port].terminate()
        instances[port].wait()
        instances[port] = start(port)
        ready(port)
        time.sleep(0.2)


folder = tempfile.mkdtemp()
temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
upstream = "".join(f"server 127.0.0.1:{port} max_fails=0;" for port in PORTS)
Path(folder, "nginx.conf").write_text(
    f"""daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
    events {{ worker_connections 1024; }}
    http {{ access_log off; client_body_temp_path {folder}/body; {temporary}
        upstream instances {{ {upstream} }}
        server {{ listen 127.0.0.1:{PORT}; location / {{ proxy_pass http://instances;
            proxy_next_upstream error timeout http_503; proxy_next_upstream_tries 2; }} }} }}"""
)
instances = {port: start(port) for port in PORTS}
for each in PORTS:
    ready(each)
signal.signal(signal.SIGHUP, roll)
front = subprocess.Popen(["nginx", "-p", folder, "-c", f"{folder}/nginx.conf"])
with socket.socket():
    while front.poll() is None:
        time.sleep(0.1)
