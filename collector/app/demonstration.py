"""The simulated world of a first run without keys: its settings, its traffic, and keeping it answering.

The simulator's history is a pure function of time, seed and traffic. So any process that simulates this world tells
the same counters, and a history in ``simulated.db`` goes on whoever served it. Another world behind the same port would
look like a counter that falls; it is recognised by its figures and never polled. Rule for editors: another ``WORKLOAD``
is another world, and every demonstration database begun before shows a fall.

Run as a program (``make simulate``) it serves that world until it is told to stop.

Public: ``ASIDE``, ``DATABASE``, ``DEFAULT_URL``, ``WORKLOAD``, ``is_demonstration``, ``write_demonstration``,
``answering``, ``main``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import typer

from collector.app.clock import SystemClock
from collector.app.first_settings import write_settings
from collector.app.stopping import stopping_on_signals
from collector.app.wiring import http_client
from collector.config import Settings, load
from collector.config.loading import FILE_NAME
from collector.domain.accounts import Account
from collector.errors import AskError, CollectorError, ConfigError, UsageError
from collector.http import HttpClient
from collector.providers import PROVIDERS, provider_named
from collector.simulator.rhythm import Workload
from collector.simulator.server import Simulator

ASIDE = "collector.simulated.toml"
DATABASE = "simulated.db"
DEFAULT_URL = "http://127.0.0.1:8787"

# So many that growth shows within seconds, also on a quiet Sunday; the other figures are the simulator's own.
WORKLOAD = Workload(invocations_per_weekday=400_000)

_PATIENCE = timedelta(seconds=3)

_SETTINGS = """\
# Written by `make run`, because no API key was in the environment: both accounts are at the bundled simulator on this
# machine, and all their traffic is simulated. Any key opens a simulated account. Once NECTED_API_KEY or NELLIE_API_KEY
# is set, `make run` puts this file aside and writes one for the real APIs. `collector init` writes, in an empty folder,
# a file that explains every setting.

[database]
url = "sqlite:///{database}"

[[accounts]]
name = "nected"
provider = "nected"
api_key = {{ file = "{nected_key}" }}
base_url = "{url}"
poll_every = "1m"

  [accounts.billing]
  period = "monthly"

  [accounts.meters.invocations]
  quota = 15000000
  resets = "never"

[[accounts]]
name = "nellie"
provider = "nellie"
api_key = {{ file = "{nellie_key}" }}
base_url = "{url}"
poll_every = "1m"

  [accounts.billing]
  period = "monthly"

  [accounts.meters.requests]
  resets = "never"

  [accounts.meters.credits]
  quota = 1000000
  resets = "never"
"""


def key_file(provider: str) -> str:
    """Return the name of the file that holds the key of a simulated account, beside the settings."""
    return f"simulator-{provider}.key"


def is_demonstration(settings: Settings) -> bool:
    """Return True if every account is one of the demonstration's: its key is the file that was written for it."""
    folder = settings.path.parent
    return bool(settings.accounts) and all(
        one.key_source.file == folder / key_file(one.provider) for one in settings.accounts
    )


def write_demonstration(path: Path) -> None:
    """Write the settings of the simulated accounts to ``path``, and their keys beside it unless they are there.

    Raises:
        ConfigError: There are settings at ``path`` already, or a file cannot be written.
    """
    names = {f"{provider}_key": key_file(provider) for provider in ("nected", "nellie")}
    write_settings(path, _SETTINGS.format(database=DATABASE, url=DEFAULT_URL, **names))
    for provider in ("nected", "nellie"):
        _write_key(path.parent / key_file(provider), f"sim-{provider}-account\n")


def _write_key(path: Path, text: str) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="ascii") as out:
        out.write(text)


@contextmanager
def answering(settings: Settings, environ: Mapping[str, str], clock: SystemClock) -> Iterator[str]:
    """Keep the simulated world answering, and give the address at which it does.

    It is served at the settings' own address. Where that is taken, whoever answers there is used if he tells this
    world's counters; else a free port is taken.

    Raises:
        ConfigError: An account's key cannot be read.
    """
    url = settings.accounts[0].base_url
    simulator = _simulator(url, clock)
    try:
        simulator.start()
    except UsageError:
        simulator = Simulator(now=clock.now, workload=WORKLOAD)
        simulator.start()
    try:
        taken = simulator.url != url
        yield url if taken and _same_world(settings, environ, simulator.url, clock) else simulator.url
    finally:
        simulator.close()


def _simulator(url: str, clock: SystemClock) -> Simulator:
    place = urlsplit(url)
    return Simulator(now=clock.now, workload=WORKLOAD, host=place.hostname or "127.0.0.1", port=place.port or 80)


def _same_world(settings: Settings, environ: Mapping[str, str], ours: str, clock: SystemClock) -> bool:
    """Return True if whoever answers the first account tells what we tell at ``ours``, before and after him."""
    account = settings.accounts[0].account(environ)
    patient = replace(settings, collector=replace(settings.collector, deadline=_PATIENCE))
    client = http_client(patient, clock)
    try:
        before, told, after = (_counters(client, account, url) for url in (ours, account.base_url, ours))
    except AskError:
        return False
    finally:
        client.close()
    return all(before[meter] <= value <= after[meter] for meter, value in told.items())


def _counters(client: HttpClient, account: Account, url: str) -> Mapping[str, int]:
    provider = provider_named(account.provider)
    request = provider.request()
    got = client.get_json(url + request.path, key_header=request.key_header, key=account.key)
    return provider.parse(got.payload).counters


def main() -> None:
    """Serve the simulated world at the address that the settings in the current folder name, until a signal."""
    try:
        _serve(_configured_url(Path.cwd()), SystemClock())
    except CollectorError as error:
        typer.echo(f"collector: {error}", err=True)
        sys.exit(error.exit_code)


def _configured_url(folder: Path) -> str:
    for path in (folder / FILE_NAME, folder / ASIDE):
        settings = load(path, {}) if path.exists() else None
        if settings is not None and is_demonstration(settings):
            return settings.accounts[0].base_url
    return DEFAULT_URL


def _serve(url: str, clock: SystemClock) -> None:
    with _simulator(url, clock) as simulator, stopping_on_signals(clock.stopping.set):
        titles = " and ".join(provider.title for provider in PROVIDERS.values())
        typer.echo(f"simulating {titles} at {simulator.url} as `make run` does; stop with Ctrl-C")
        clock.stopping.wait()


if __name__ == "__main__":
    main()
