"""Starts Alertmanager with one receiver: ``python serve_alertmanager.py PROGRAM PORT WEBHOOK FOLDER``."""

import os
import sys
from pathlib import Path

program, port, webhook, folder = sys.argv[1:]
config = Path(folder) / "alertmanager.yml"
config.write_text(
    "route: {receiver: hook, group_by: [alertname], group_wait: 100ms, group_interval: 10s, repeat_interval: 1h}\n"
    f"receivers: [{{name: hook, webhook_configs: [{{url: '{webhook}', send_resolved: false}}]}}]\n"
)
told = [f"--config.file={config}", f"--storage.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
os.execvp(program, [program, *told, "--cluster.listen-address=", "--log.level=error"])
