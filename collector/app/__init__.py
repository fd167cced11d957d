"""The attic: command line, daemon and wiring. Only here are time, environment and chance read."""
