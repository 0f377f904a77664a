"""One file per command; argv becomes typed options once.

Nothing heavy is imported here or at the top of a command's file: ``perfproof --help`` must answer at once.
"""

import gc
import sys


def main() -> None:
    """Run the command line and end the process with its exit code."""
    # Loading makes objects that stay: looking for garbage after every 700 of them took a seventh of a short command.
    gc.set_threshold(50_000)
    try:
        from perfproof.cli.app import run
    except KeyboardInterrupt:  # loading takes a moment, and nothing has begun yet
        sys.exit(130)
    run()
