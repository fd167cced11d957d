"""The command line: a command parses, calls one use-case and returns an exit code."""
