"""Logs polls without drowning the reader: a fault is told once, then once an hour, and when it is over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import structlog

from collector.app.troubles import Troubles
from collector.domain.accounts import Account
from collector.domain.instants import format_instant, instant_of
from collector.errors import CollectorError
from collector.polling.one_poll import INTERRUPTED, Polled
from collector.providers.contract import Answer

_MOST_FIELDS = 50


class PollingLog:
    """Tells what polls did, per account.

    Args:
        monotonic: Seconds of a clock that never steps.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._faults = Troubles(monotonic)
        self._delays = Troubles(monotonic)
        self._reviews = Troubles(monotonic)
        self._refusals = Troubles(monotonic)
        self._repeats = Troubles(monotonic)
        self._overruns = Troubles(monotonic)
        self._fields_told: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def polled(self, account: Account, polled: Polled, took: timedelta) -> None:
        """Log one stored poll, which took so long by a clock that never steps."""
        if polled.outcome == INTERRUPTED:
            return
        self._tell_delay(account, took)
        if polled.ok:
            self._tell_good(account, polled)
        else:
            self._tell_fault(account, polled)

    def not_stored(self, account: Account, error: CollectorError) -> None:
        """Log a poll that could not be stored."""
        failed = self._faults.again(account.name, type(error).__name__)
        if failed is not None:
            _log(account).warning(f"poll not stored: {error}", outcome=type(error).__name__, failed_polls=failed)

    def ended_unexpectedly(self, account: Account, error: BaseException) -> None:
        """Log a poll that a fault of our own program ended before anything could be stored."""
        failed = self._faults.again(account.name, type(error).__name__)
        if failed is not None:
            _log(account).error("a poll ended unexpectedly", failed_polls=failed, exc_info=error)

    def _tell_fault(self, account: Account, polled: Polled) -> None:
        failed = self._faults.again(account.name, polled.outcome)
        if failed is not None:
            _log(account).warning(
                f"poll failed: {polled.error}", outcome=polled.outcome, failed_polls=failed, exc_info=polled.cause
            )

    def _tell_good(self, account: Account, polled: Polled) -> None:
        log = _log(account)
        failed = self._faults.over(account.name)
        if failed:
            log.info("polling works again", failed_polls=failed)
        log.debug("polled", values={name: value for name, (value, _) in polled.stored.growth.items()})
        for meter, decisions in polled.stored.decisions.items():
            log.warning("the counter fell", meter=meter, decided=decisions[-1].kind.value, reason=decisions[-1].reason)
        self._tell_missed(account, polled)
        self._tell_flags(account, polled)
        if polled.answer is not None:
            self._tell_records(account, polled.answer)
        self._tell_new_fields(account, polled)

    def _tell_missed(self, account: Account, polled: Polled) -> None:
        """Warn of requests that no list will ever show: of a stretch of such polls once, then once an hour."""
        listing = polled.stored.listing
        if listing.missed_before is None:
            self._overruns.over(account.name)
            return
        missed = self._overruns.again(account.name, "overrun", 0 if listing.missed is None else listing.missed)
        if missed is not None:
            _log(account).warning(
                "requests were missed: more were made between two polls than the provider lists",
                missed_requests=missed,
                **{
                    name: None if instant is None else format_instant(instant_of(instant))
                    for name, instant in (
                        ("missed_after", listing.missed_after),
                        ("missed_before", listing.missed_before),
                    )
                },
            )

    def _tell_flags(self, account: Account, polled: Polled) -> None:
        if not polled.flags:
            self._reviews.over(account.name)
        elif self._reviews.again(account.name, " ".join(polled.flags)) is not None:
            _log(account).warning("the answer deserves a review", flags=list(polled.flags))

    def _tell_records(self, account: Account, answer: Answer) -> None:
        """Tell of records that were refused alone, and of records listed twice."""
        reasons = sorted({one.reason for one in answer.rejections})
        if not reasons:
            self._refusals.over(account.name)
        elif self._refusals.again(account.name, " ".join(reasons)) is not None:
            told = {"rejected_requests": len(answer.rejections), "reasons": reasons[:_MOST_FIELDS]}
            _log(account).warning("records of the list were refused; all else of the answer stands", **told)
        if not answer.repeated:
            self._repeats.over(account.name)
        elif self._repeats.again(account.name, "repeated") is not None:
            _log(account).info("records were listed twice and count once", repeated_requests=answer.repeated)

    def _tell_delay(self, account: Account, took: timedelta) -> None:
        """Warn of polls that take longer than their interval: the slots they cover fall out."""
        skipped = took // account.poll_every
        if skipped <= 0:
            return
        total = self._delays.again(account.name, "slow", skipped)
        if total is not None:
            _log(account).warning("polls take longer than poll_every, so slots fall out", skipped_polls=total)

    def _tell_new_fields(self, account: Account, polled: Polled) -> None:
        """Mention each field the provider's documents do not know once; a provider that invents names is cut short."""
        fields = () if polled.answer is None else polled.answer.unknown_fields
        with self._lock:
            told = self._fields_told.setdefault(account.name, set())
            fresh = [name for name in fields if name not in told][: _MOST_FIELDS - len(told)]
            told.update(fresh)
        if fresh:
            _log(account).info("the provider sends fields its documents do not mention", fields=fresh)


def _log(account: Account) -> structlog.typing.FilteringBoundLogger:
    bound: structlog.typing.FilteringBoundLogger = structlog.get_logger().bind(account=account.name)
    return bound
