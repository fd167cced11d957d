"""Runs the command line with ``python -m collector``."""

from collector.app.cli.main import main

main()
