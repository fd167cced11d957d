"""Serves the simulator until the program is told to stop."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from collector.app.clock import SystemClock
from collector.app.stopping import stopping_on_signals
from collector.providers import PROVIDERS
from collector.simulator.server import Simulator
from collector.simulator.switch_text import parse_switches


def simulate_until_stopped(host: str, port: int, seed: int, window: int, switches: Sequence[str]) -> None:
    """Serve both provider APIs on loopback until SIGINT or SIGTERM.

    Raises:
        UsageError: The address is not loopback or taken, or a switch is unknown.
    """
    clock = SystemClock()
    simulator = Simulator(now=clock.now, seed=seed, window=window, host=host, port=port)
    simulator.put(parse_switches(switches))
    with simulator, stopping_on_signals(clock.stopping.set):
        paths = ", ".join(f"{one.title} at {simulator.url}{one.request().path}" for one in PROVIDERS.values())
        typer.echo(f"simulating {paths}")
        typer.echo(
            f'in collector.toml: base_url = "{simulator.url}"; any key is accepted unless it begins with "invalid"'
        )
        typer.echo("stop with Ctrl-C")
        clock.stopping.wait()
