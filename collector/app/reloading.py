"""Reads the settings anew when the operator asks for it (SIGHUP), without losing what runs.

Everything is read and checked before anything is changed: settings that are wrong leave the old ones in force, and one
ERROR line names the fault. Accounts (address, key, interval, terms) and scheduled reports take effect at once. Another
database is refused, and what belongs to the whole process (``[http]``, ``[daemon]``) waits for the next start.

Public: ``Reloading``, ``CurrentReports``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from collector.app import logs
from collector.app.clock import Clock
from collector.app.due_polls import DuePolls
from collector.app.scheduled.work import ScheduledReports
from collector.app.stopping import all_ended
from collector.app.wiring import agreements, chosen, load_settings, targets
from collector.config import Settings, double_counting
from collector.domain.accounts import Account
from collector.errors import CollectorError, ConfigError
from collector.store.engine import Database
from collector.store.terms import bring_terms

_KEPT = "the settings were not reloaded; the old ones stay in force"


class CurrentReports:
    """The scheduled reports of the settings in force.

    Args:
        first: Those of the settings at the start.
    """

    def __init__(self, first: ScheduledReports) -> None:
        self._current = first
        self._before: list[ScheduledReports] = []
        self._changing = threading.Lock()

    @property
    def last_step(self) -> float:
        """When the last step ended."""
        return self._current.last_step

    def tick(self) -> None:
        """Let the reports tick, once those of the settings before have ended their step."""
        with self._changing:
            self._before = [one for one in self._before if not one.stop(0)]
            current = None if self._before else self._current
        if current is not None:
            current.tick()

    def become(self, reports: ScheduledReports) -> None:
        """Make and send ``reports`` from now on."""
        with self._changing:
            self._before.append(self._current)
            self._current = reports

    def stop(self, seconds: float) -> bool:
        """Let a running step end; return False if it is still running after ``seconds``."""
        with self._changing:
            parts = (*self._before, self._current)
        return all(all_ended([one.stop for one in parts], seconds, time.monotonic))


def _nobody(_: Settings) -> None:
    """Tell nobody of faults."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is given other settings.

    Attributes:
        make_reports: Returns the scheduled reports of settings.
        take_notices: Has faults told to those whom settings name.
        take_intervals: Has the watchdog bear what the intervals of settings allow.
    """

    database: Database
    clock: Clock
    polls: DuePolls
    reports: CurrentReports
    make_reports: Callable[[Settings], ScheduledReports]
    take_notices: Callable[[Settings], object] = _nobody
    take_intervals: Callable[[Settings], object] = _nobody


class Reloading:
    """Gives the running program other settings.

    Args:
        settings: Those at the start.
        environ: Where keys are read from.
        parts: What is given other settings.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str], parts: Parts) -> None:
        self._settings = settings
        self._environ = environ
        self._parts = parts
        self._accounts = {one.name: one.account(environ) for one in settings.accounts}
        self._asked = threading.Event()
        self._worker: threading.Thread | None = None

    def ask(self) -> None:
        """Have the settings read anew soon."""
        self._asked.set()

    def look(self) -> None:
        """Begin to read the settings, in a thread of its own, if that was asked for and none is being read."""
        if self._asked.is_set() and (self._worker is None or not self._worker.is_alive()):
            self._asked.clear()
            self._worker = threading.Thread(target=self.reload, name="reload", daemon=True)
            self._worker.start()

    def stop(self, seconds: float) -> bool:
        """Let a running reload end; return False if it is still running after ``seconds``."""
        if self._worker is None:
            return True
        self._worker.join(max(0.0, seconds))
        return not self._worker.is_alive()

    def reload(self) -> None:
        """Read the settings and give them to the program, or tell why the old ones stay in force."""
        log = structlog.get_logger()
        try:
            self._take(load_settings(self._settings.path, self._environ))
        except CollectorError as error:
            log.error(_KEPT, error=str(error))
        except Exception as error:
            log.error(_KEPT, exc_info=error)

    def _take(self, new: Settings) -> None:
        """Check ``new`` as a start would, then put it in force.

        Raises:
            CollectorError: It is wrong, or cannot be taken over without a restart; nothing was changed.
        """
        parts = self._parts
        if new.database_url != self._settings.database_url:
            raise ConfigError(
                "database.url was changed: a running collector stays with its database; restart it to use another"
            )
        accounts = [one.account(self._environ) for one in chosen(new, [])]
        logs.protect([account.key for account in accounts])
        reports = parts.make_reports(new)
        wanted = targets(parts.database, accounts)
        bring_terms(parts.database, agreements(new), parts.clock.now())
        parts.polls.serve(wanted)
        parts.reports.become(reports)
        parts.take_notices(new)
        self._tell(new, accounts)
        self._settings = replace(new, collector=self._settings.collector)
        parts.take_intervals(self._settings)
        self._accounts = {one.name: one for one in accounts}

    def _tell(self, new: Settings, accounts: Sequence[Account]) -> None:
        log = structlog.get_logger()
        before, now = self._accounts, {one.name: one for one in accounts}
        log.info(
            "the settings were reloaded",
            accounts=len(now),
            added=sorted(now.keys() - before.keys()),
            removed=sorted(before.keys() - now.keys()),
            changed=sorted(name for name in now.keys() & before.keys() if now[name] != before[name]),
            reports=len(new.reports),
        )
        for warning in (*new.warnings, *double_counting(new, self._environ)):
            log.warning(warning)
        if new.collector != self._settings.collector:
            log.warning("changes of [http] and [daemon] take effect at the next start; they were left as they were")
