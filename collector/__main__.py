"""Runs the command line with ``python -m collector``."""

import sys

from collector.app.early_signals import hold_back


def main() -> None:
    """Run the command line; what takes long is imported when signals are held back already."""
    hold_back(sys.argv)

    from collector.app.cli.main import main as run_command_line  # noqa: PLC0415 - half a second, in which signals come

    run_command_line()


if __name__ == "__main__":
    main()
