"""`samlet` and `python -m samlet`."""

import sys

_INTERRUPTED = 130


def main() -> int:
    """Run one command; Ctrl-C ends it quietly also in the tenth of a second that it takes to load."""
    try:
        from samlet.cli.main import main as run

        return run()
    except KeyboardInterrupt:
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
