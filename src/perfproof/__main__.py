"""``python -m perfproof`` is the command line."""

from perfproof.cli import main

if __name__ == "__main__":
    main()
