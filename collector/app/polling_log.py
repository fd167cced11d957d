"""Logs polls without drowning the reader: a fault is told once, then once an hour, and when it is over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from collector.domain.accounts import Account
from collector.errors import CollectorError
from collector.polling.one_poll import Polled

_REPEAT_SECONDS = 3600.0


@dataclass(slots=True)
class _Trouble:
    count: int
    told_at: float


class PollingLog:
    """Tells what polls did, per account.

    Args:
        monotonic: Seconds of a clock that never steps.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._troubles: dict[str, _Trouble] = {}
        self._fields_told: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def polled(self, account: Account, polled: Polled) -> None:
        """Log one stored poll."""
        log = structlog.get_logger().bind(account=account.name)
        if not polled.ok:
            if polled.outcome != "interrupted":
                self._trouble(account.name, f"poll failed: {polled.error}", polled.outcome)
            return
        recovered = self._recovered(account.name)
        if recovered:
            log.info("polling works again", failed_polls=recovered)
        log.debug("polled", values={name: value for name, (value, _) in polled.stored.growth.items()})
        for meter, decisions in polled.stored.decisions.items():
            log.warning("the counter fell", meter=meter, decided=decisions[-1].kind.value, reason=decisions[-1].reason)
        if polled.flags:
            log.warning("the answer deserves a review", flags=list(polled.flags))
        self._tell_new_fields(account.name, polled)

    def not_stored(self, account: Account, error: CollectorError) -> None:
        """Log a poll that could not be stored."""
        self._trouble(account.name, f"poll not stored: {error}", type(error).__name__)

    def _trouble(self, account: str, words: str, outcome: str) -> None:
        now = self._monotonic()
        with self._lock:
            trouble = self._troubles.setdefault(account, _Trouble(0, -_REPEAT_SECONDS))
            trouble.count += 1
            due = now - trouble.told_at >= _REPEAT_SECONDS or trouble.count == 1
            if due:
                trouble.told_at = now
            count = trouble.count
        if due:
            structlog.get_logger().warning(words, account=account, outcome=outcome, failed_polls=count)

    def _recovered(self, account: str) -> int:
        with self._lock:
            trouble = self._troubles.pop(account, None)
        return 0 if trouble is None else trouble.count

    def _tell_new_fields(self, account: str, polled: Polled) -> None:
        """Mention each field the provider's documents do not know once."""
        fields = () if polled.answer is None else polled.answer.unknown_fields
        with self._lock:
            fresh = [name for name in fields if (account, name) not in self._fields_told]
            self._fields_told.update((account, name) for name in fresh)
        if fresh:
            structlog.get_logger().info(
                "the provider sends fields its documents do not mention", account=account, fields=fresh
            )
