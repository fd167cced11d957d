"""Whether the history goes on: what is wrong, by names that a monitor can match, and in words for people.

    failing   503   nobody reads or writes the history now: database, no_collector, nothing_fresh, spooling, lost_tail
    troubled  200   it goes on, but somebody should look: everything else, such as stale, failing, logging_failed
    ok        200   nothing is wrong

What one account suffers does not make the whole fail, or one refused key would drown every other alarm.

Public: ``Health``, ``health_of``, ``unreadable``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.app.status import age_words
from collector.config import AccountSettings, Settings
from collector.domain.instants import instant_of
from collector.errors import CollectorError
from collector.polling.one_poll import INTERRUPTED
from collector.store.engine import Database
from collector.store.entries import OK
from collector.store.polls import PollingState, polling_states
from collector.store.processes import ProcessRow, processes
from collector.store.reading import MeterRow, meters
from collector.store.spool import Waiting

DATABASE, NO_COLLECTOR, NOTHING_FRESH = "database", "no_collector", "nothing_fresh"
_STOPS_ALL = frozenset({DATABASE, NO_COLLECTOR, NOTHING_FRESH, "spooling", "spool_full", "lost_tail"})
_NOTHING_WAITS = Waiting()
_STALE_INTERVALS = 3
_NAMED = 5
_WORDS = {
    "logging_failed": "cannot write its log",
    "reports_stalled": "does not get on with its scheduled reports",
    "spooling": "cannot store what it hears and keeps it in its spool",
    "spool_full": "can neither store what it hears nor keep it: answers are lost",
    "refused": "has set polls aside that the database refuses for good",
    "lost_tail": "misses polls in the database that it had seen stored",
    "heads_unsaved": "cannot note in its state folder what it last stored",
    "overloaded": "has too few workers, so slots fall out: raise daemon.workers or poll_every",
    "long_log": "finds the write-ahead log longer than 64 MiB: a program that reads it does not end",
}


@dataclass(frozen=True, slots=True)
class Health:
    """How it stands.

    Attributes:
        troubles: By name what is wrong, in words.
        collectors: Every collector that was seen lately, the silent ones among them.
    """

    troubles: Mapping[str, str]
    collectors: Sequence[ProcessRow] = ()

    @property
    def failing(self) -> bool:
        """True if the history does not go on, or cannot be read."""
        return bool(_STOPS_ALL & self.troubles.keys())

    @property
    def status(self) -> str:
        """``ok``, ``troubled`` or ``failing``."""
        return "failing" if self.failing else "troubled" if self.troubles else "ok"


def unreadable(error: CollectorError, waiting: Waiting = _NOTHING_WAITS) -> Health:
    """Return how it stands where the database cannot be read."""
    return Health({DATABASE: str(error), **_of_spool(waiting)})


def health_of(settings: Settings, database: Database, now: datetime, waiting: Waiting = _NOTHING_WAITS) -> Health:
    """Return how it stands.

    Args:
        settings: What is configured.
        database: What is stored.
        now: The instant of the question.
        waiting: What waits on this machine to be stored.

    Raises:
        StorageError: The database cannot be read.
        IntegrityError: It is damaged.
    """
    with database.read() as connection:
        rows = meters(connection)
        states = {one.account: one for one in polling_states(connection)}
        collectors = processes(connection)
    found = dict(_of_collectors(settings, states, collectors, now))
    found |= _of_accounts(settings.accounts, states, rows, now)
    found |= _of_spool(waiting)
    return Health(found, collectors)


def _of_spool(waiting: Waiting) -> dict[str, str]:
    found = {}
    if waiting.count:
        since = "" if waiting.oldest is None else f" since {waiting.oldest:%Y-%m-%d %H:%M}Z"
        found["spooling"] = f"{waiting.count:,} polls wait on this machine to be stored{since}: {waiting.why}"
    if waiting.dropped:
        found["spool_full"] = f"{waiting.dropped:,} polls could neither be stored nor be kept: they are lost"
    if waiting.refused:
        found["refused"] = f"{waiting.refused:,} polls were set aside because the database refuses them for good"
    return found


def _of_collectors(
    settings: Settings, states: Mapping[str, PollingState], collectors: Sequence[ProcessRow], now: datetime
) -> Iterator[tuple[str, str]]:
    alive = [one for one in collectors if not one.is_silent(now)]
    silent = [one for one in collectors if one.is_silent(now)]
    if silent:
        names = ", ".join(f"{one.host}:{one.pid}" for one in silent[:_NAMED])
        yield "collector_gone", f"not heard of for {_ago(now - silent[-1].seen_at)}: {names}; it did not end in order"
    if not alive and (silent or not _polled_lately(settings.accounts, states, now)):
        yield NO_COLLECTOR, "no collector runs, and none has polled for three intervals; start `collector run`"
    for one in alive:
        for trouble in one.troubles:
            yield trouble, f"the collector {one.host}:{one.pid} {_WORDS.get(trouble, 'has this trouble')}"


def _polled_lately(accounts: Sequence[AccountSettings], states: Mapping[str, PollingState], now: datetime) -> bool:
    """Tell whether somebody polls, such as a cron job that nobody sees running."""
    tried = [(states[one.name].last_at, one.poll_every) for one in accounts if one.name in states]
    return not accounts or any(at is not None and now - at <= _STALE_INTERVALS * every for at, every in tried)


def _of_accounts(
    accounts: Sequence[AccountSettings],
    states: Mapping[str, PollingState],
    rows: Sequence[MeterRow],
    now: datetime,
) -> dict[str, str]:
    newest: dict[str, datetime] = {}
    for row in rows:
        newest[row.account] = max(instant_of(row.last_at), newest.get(row.account, instant_of(row.last_at)))
    paused = {name for name, state in states.items() if state.paused_reason is not None}
    wanted = [one for one in accounts if one.name not in paused]
    stale = [one.name for one in wanted if _is_old(newest.get(one.name), one.poll_every, now)]
    failing = [one.name for one in wanted if one.name in states and _failed(states[one.name])]
    found = {}
    if stale:
        found["stale"] = f"no value for three intervals: {_named(stale)}"
    if failing:
        found["failing"] = f"the last poll failed: {_named(failing)}"
    if stale and len(stale) == len(wanted):
        found[NOTHING_FRESH] = "no account has a value of its last three intervals"
    held = sorted({row.account for row in rows if row.latest < row.good_value})
    if held:
        found["held"] = f"a counter fell and nothing is decided yet: {_named(held)}; `collector resets list` shows it"
    return found


def _is_old(newest: datetime | None, every: timedelta, now: datetime) -> bool:
    return newest is None or now - newest > _STALE_INTERVALS * every


def _failed(state: PollingState) -> bool:
    return state.failures > 0 or state.outcome not in {None, OK, INTERRUPTED}


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(sorted(names)[:_NAMED]) + more


def _ago(age: timedelta) -> str:
    return age_words(int(age.total_seconds()))
