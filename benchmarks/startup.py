"""`perfproof --help` within 0.3 s (median of 15 calls, each a new process).

python benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

BAR = 0.3


def main() -> int:
    seconds = []
    for _ in range(15):
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "perfproof", "--help"], stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.monotonic() - began)
    median = statistics.median(seconds)
    print(f"perfproof --help: median {median:.3f} s (bar {BAR} s), {min(seconds):.3f} to {max(seconds):.3f} s")
    return int(median > BAR)


if __name__ == "__main__":
    sys.exit(main())
