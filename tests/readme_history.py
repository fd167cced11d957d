"""Makes the history that the README's examples show: three weeks of simulated traffic, polled every hour.

Run as a program it writes the real output of each example into README.md; `tests/test_readme.py` holds that the file
says what the commands print.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

from collector.app.cli.main import main
from collector.app.polling_now import poll_now
from collector.app.wiring import open_database
from collector.config import load
from collector.simulator.rhythm import Workload
from collector.simulator.server import Simulator

README = Path(__file__).parents[1] / "README.md"
FIRST = datetime(2026, 9, 28, 22, 30, tzinfo=UTC)
LAST = datetime(2026, 10, 20, 12, 30, tzinfo=UTC)
KEYS = {"NELLIE_API_KEY": "nel_example_key_1", "NECTED_API_KEY": "example_key_2"}

# An example whose output is held: a console block that begins with one command and goes on with what it prints.
EXAMPLE = re.compile(r"```console\n\$ (collector [^\n]*)\n(.*?)```", re.DOTALL)

_SETTINGS = """\
[database]
url = "sqlite:///usage.db"

[[accounts]]
name = "nellie-prod"
provider = "nellie"
base_url = "{url}"
poll_every = "1h"
timezone = "Europe/Berlin"
  [accounts.billing]
  period = "monthly"
  anchor_day = 15
  currency = "EUR"
  [accounts.meters.credits]
  quota = 700000
  price = "0.004"

[[accounts]]
name = "nected"
provider = "nected"
base_url = "{url}"
poll_every = "1h"
timezone = "Europe/Berlin"
"""

# The provider's week, as New York's clock counts it.
_INVOICE = """\
account,meter,period_start,period_end,quantity,amount,currency
nected,invocations,2026-10-05,2026-10-12,28471,,
"""


@contextmanager
def example_folder() -> Iterator[None]:
    """Stand in a folder with the example's settings and history, the clock at the example's last instant."""
    with tempfile.TemporaryDirectory() as name, chdir(name), time_machine.travel(FIRST, tick=False) as clock:
        with Simulator(now=lambda: datetime.now(UTC), seed=7, workload=Workload()) as simulator:
            Path("collector.toml").write_text(_SETTINGS.format(url=simulator.url))
            Path("invoice.csv").write_text(_INVOICE)
            _collect(clock)
        yield


def _collect(clock: time_machine.Traveller) -> None:
    settings = load(Path("collector.toml").absolute(), {})
    printed("collector db upgrade")
    database = open_database(settings)
    try:
        for at in _instants():
            clock.move_to(at, tick=False)
            poll_now(settings, database, settings.accounts, KEYS)
        clock.move_to(LAST + timedelta(minutes=12), tick=False)
    finally:
        database.close()


def _instants() -> list[datetime]:
    """Return when the example was polled: every hour and on both sides of each local midnight, as the daemon does.

    From the evening of 14 October to the next morning nobody asked: a gap.
    """
    hours = int((LAST - FIRST) / timedelta(hours=1)) + 1
    instants = [FIRST + timedelta(hours=count) for count in range(hours)]
    midnights = [datetime(2026, 9, 29, 22, tzinfo=UTC) + timedelta(days=count) for count in range(21)]
    instants += [midnight + timedelta(seconds=side) for midnight in midnights for side in (-3, 2)]
    gap = datetime(2026, 10, 14, 19, tzinfo=UTC), datetime(2026, 10, 15, 5, tzinfo=UTC)
    return sorted(at for at in instants if not gap[0] < at < gap[1])


def printed(command: str) -> str:
    """Return what ``command`` prints to stdout and stderr when it is run here, without a terminal."""
    out = io.StringIO()
    before = sys.argv, dict(os.environ)
    sys.argv = shlex.split(command)
    os.environ.update(KEYS)
    try:
        with redirect_stdout(out), redirect_stderr(out):
            main()
    except SystemExit:
        pass
    finally:
        sys.argv = before[0]
        os.environ.clear()
        os.environ.update(before[1])
    return out.getvalue()


def rewritten(text: str) -> str:
    """Return the README's text with the real output of every example."""
    return EXAMPLE.sub(lambda match: f"```console\n$ {match[1]}\n{_trimmed(printed(match[1]))}```", text)


def _trimmed(output: str) -> str:
    return "".join(line.rstrip() + "\n" for line in output.splitlines())


if __name__ == "__main__":
    with example_folder():
        README.write_text(rewritten(README.read_text()))
