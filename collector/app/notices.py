"""Tells people when something needs them: a key that is rejected, answers that cannot be stored, an end for good.

Whoever notices a fault only drops a note into a bounded queue and goes on; a thread of its own decides, writes and
sends. Of one kind and account at most one notice leaves per hour, and one that it is over. What a provider said is in
none of them, nor any key.

Whether a rejected key is news is read from the polls that are stored, so a restart and a second collector tell nobody
again. A spool that a process before this one left behind is no news either.

Public: ``Notices``, ``Silent``, ``Tells``.
"""

from __future__ import annotations

import hashlib
import queue
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from collector.app.clock import Clock
from collector.app.notice_words import WORDS, notice
from collector.app.scheduled.delivering import Sends, address_of
from collector.app.troubles import Troubles
from collector.config import Settings, TargetSource
from collector.errors import ClockError, CollectorError, LeaseLostError, PermanentNotifyError, StorageError
from collector.notifications.message import Message
from collector.polling.one_poll import INTERRUPTED, Polled
from collector.store.engine import Database
from collector.store.entries import OK
from collector.store.polls import polls_before

REJECTED = {"http_401": "key_rejected", "http_403": "key_not_allowed"}
_NOT_STORED, _ENDED = "not_stored", "ended"
_LEFT_BEHIND = frozenset({"spooling", "spool_full", "refused"})
_HOUR = timedelta(hours=1)
_MOST_WAITING = 200
_PAUSES = (10.0, 60.0, 300.0)


class Tells(Protocol):
    """What polling tells of what happened; none of it waits, and none of it fails."""

    def polled(self, account: str, failures: int, polled: Polled) -> None:
        """Take note of a stored poll; ``failures`` is how many failed in a row before it."""

    def not_stored(self, error: CollectorError) -> None:
        """Take note of a poll that could not be stored."""


class Silent:
    """Tells nobody."""

    def polled(self, account: str, failures: int, polled: Polled) -> None:
        """Forget it."""

    def not_stored(self, error: CollectorError) -> None:
        """Forget it."""


@dataclass(frozen=True, slots=True)
class _Note:
    """What happened: the kind of fault, or that it is over; of a poll also whether the stored polls must be asked."""

    kind: str
    at: datetime
    account: str = ""
    over: bool = False
    of_poll: bool = False
    reason: str = ""


class Notices:
    """Sends notices to those whom the settings name.

    Args:
        settings: Who is told.
        database: Where the polls are stored.
        clock: Time, and the switch that stops us.
        send: The way out.
        environ: Where addresses are read from.
    """

    def __init__(
        self, settings: Settings, database: Database, clock: Clock, send: Sends, environ: Mapping[str, str]
    ) -> None:
        self._database, self._clock, self._send, self._environ = database, clock, send, environ
        self._notes: queue.Queue[_Note | None] = queue.Queue(_MOST_WAITING)
        self._told: dict[tuple[str, str, bool], float] = {}
        self._faults = Troubles(clock.monotonic)
        self._seen: frozenset[str] | None = None
        self._storing_fails = False
        self._stopping = threading.Event()
        self._worker: threading.Thread | None = None
        self._targets: tuple[TargetSource, ...] = ()
        self._allow_private = False
        self.take(settings)

    def take(self, settings: Settings) -> None:
        """Tell those whom ``settings`` name from now on."""
        self._allow_private = settings.collector.allow_private
        self._targets = settings.faults_to
        if self._targets and self._worker is None:
            self._worker = threading.Thread(target=self._work, name="notices", daemon=True)
            self._worker.start()

    def polled(self, account: str, failures: int, polled: Polled) -> None:
        """Take note of a stored poll; ``failures`` is how many failed in a row before it."""
        kind = REJECTED.get(polled.outcome)
        if kind is not None:
            self._note(_Note(kind, polled.finished_at, account, of_poll=True))
        elif polled.outcome == OK and failures:
            self._note(_Note("key_rejected", polled.finished_at, account, over=True, of_poll=True))
        if self._storing_fails:
            self._storing_fails = False
            self._note(_Note(_NOT_STORED, self._clock.now(), over=True))

    def not_stored(self, error: CollectorError) -> None:
        """Take note of a poll that could not be stored; one that another collector stored is none."""
        if isinstance(error, StorageError) and not isinstance(error, LeaseLostError | ClockError):
            self._storing_fails = True
            self._note(_Note(_NOT_STORED, self._clock.now(), reason=str(error)))

    def troubled(self, troubles: Iterable[str]) -> None:
        """Take note of all that is wrong now: what is new began, what is missing is over."""
        now = frozenset(troubles)
        before = now & _LEFT_BEHIND if self._seen is None else self._seen
        self._seen = now
        for kind in sorted((now - before) & WORDS.keys()):
            self._note(_Note(kind, self._clock.now()))
        for kind in sorted((before - now) & WORDS.keys()):
            self._note(_Note(kind, self._clock.now(), over=True))

    def watching(self, troubles: Callable[[], set[str]]) -> Callable[[], set[str]]:
        """Return ``troubles`` with an eye on what it returns."""

        def look() -> set[str]:
            found = troubles()
            self.troubled(found)
            return found

        return look

    def ended(self, error: CollectorError | None) -> None:
        """Take note that the collector ends although nobody told it to."""
        reason = "polling had stopped, and the service manager is to start it again" if error is None else str(error)
        self._note(_Note(_ENDED, self._clock.now(), reason=reason))

    def stop(self, seconds: float) -> bool:
        """Send what waits and end; return False if that takes longer than ``seconds``."""
        self._stopping.set()
        if self._worker is None:
            return True
        with suppress(queue.Full):
            self._notes.put_nowait(None)
        self._worker.join(max(0.0, seconds))
        return not self._worker.is_alive()

    def _note(self, note: _Note) -> None:
        if not self._targets:
            return
        try:
            self._notes.put_nowait(note)
        except queue.Full:
            self._tell("queue", "there are too many notices to send; one was left out")

    def _work(self) -> None:
        while (note := self._notes.get()) is not None:
            try:
                if self._is_news(note) and self._is_first_of_the_hour(note):
                    self._deliver(note)
            except Exception as error:  # noqa: BLE001 - a notice's edge: the next one is to be sent all the same
                structlog.get_logger().error("a notice could not be sent", kind=note.kind, exc_info=error)
            if self._stopping.is_set() and self._notes.empty():
                return  # there may have been no room for the note that ends us

    def _is_news(self, note: _Note) -> bool:
        """Tell whether a poll's outcome began something or ended it, as far as the stored polls can tell."""
        if not note.of_poll:
            return True
        try:
            with self._database.read() as connection:
                before = polls_before(connection, note.account, note.at)
        except CollectorError:
            return not note.over
        known = [(at, outcome) for at, outcome in before if outcome != INTERRUPTED]
        if note.over:
            return bool(known) and known[0][1] in REJECTED
        lately = [outcome for at, outcome in known if note.at - at < _HOUR]
        return not any(outcome in REJECTED for outcome in (*(one for _, one in known[:1]), *lately))

    def _is_first_of_the_hour(self, note: _Note) -> bool:
        key, now = (note.kind, note.account, note.over), self._clock.monotonic()
        told = self._told.get(key)
        if told is not None and now - told < _HOUR.total_seconds():
            return False
        self._told[key] = now
        return True

    def _deliver(self, note: _Note) -> None:
        """Send one notice to everybody; whom it does not reach at once is tried a few times more."""
        name = f"{note.kind}|{note.account}|{note.over}|{note.at.isoformat()}|{socket.gethostname()}"
        message_id = f"{hashlib.sha256(name.encode()).hexdigest()[:32]}@usage-collector.invalid"
        message = notice(message_id, note.kind, note.account, note.at, (note.over, note.reason))
        reached: dict[str, frozenset[str]] = {}
        left: Sequence[TargetSource] = self._targets
        for pause in (*_PAUSES, 0.0):
            left = [one for one in left if not self._reaches(one, message, reached)]
            if not left or not pause or self._stopping.wait(pause):
                return

    def _reaches(self, target: TargetSource, message: Message, reached: dict[str, frozenset[str]]) -> bool:
        """Send to one target; return False if trying again may help."""
        have = reached.get(target.label, frozenset())
        try:
            address = address_of(target, self._environ)
            outcome = self._send(address, message, have, allow_private=self._allow_private)
        except CollectorError as error:
            self._tell(target.label, f"a notice could not be sent: {error}")
            return isinstance(error, PermanentNotifyError)
        reached[target.label] = outcome.reached
        refused = (*outcome.later, *outcome.never)
        if refused:
            self._tell(target.label, f"a notice could not be sent to everybody: {'; '.join(refused)}")
        else:
            self._faults.over(target.label)
        return not outcome.later

    def _tell(self, name: str, words: str) -> None:
        failed = self._faults.again(name, "notice")
        if failed is not None:
            structlog.get_logger().warning(words, target=name, failed_notices=failed)
