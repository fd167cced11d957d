"""Delivers what is in the outbox: one claimed delivery at a time, marked before it leaves and after.

What a failure means is decided by its type: one that is for good ends the delivery, any other is tried again with
growing pauses for five days, as mail servers do (RFC 5321, section 4.5.4.1). Whoever has a message is remembered by
fingerprint and never sent it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from collector.app import logs
from collector.app.scheduled.folder import letter_path, ready_folder, remove_files
from collector.app.scheduled.letters import Letter, read
from collector.app.scheduled.making import Bench, keep_letter, made
from collector.app.scheduled.planning import run_called
from collector.config import ReportSettings, TargetSource
from collector.domain.report_schedule import backoff
from collector.domain.secret import Secret
from collector.errors import CollectorError, LeaseLostError, PermanentNotifyError
from collector.notifications.message import Message, Outcome
from collector.store.deliveries import (
    ClaimedDelivery,
    DeliveryState,
    finish_delivery,
    put_off_delivery,
    recorded_deliveries,
)
from collector.store.report_runs import recorded_run

_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(hours=1)
_GIVEN_UP_AFTER = timedelta(days=5)


class Sends(Protocol):
    """What delivers a message; see ``collector.notifications.transport.send``."""

    def __call__(self, address: Secret, message: Message, reached: frozenset[str], *, allow_private: bool) -> Outcome:
        """Send ``message`` to whoever lacks it and return who has it."""


@dataclass(frozen=True, slots=True)
class Post:
    """What delivering needs: what making needs, the way out, the environment with the addresses, and chance.

    Attributes:
        chance: Returns a random number in [0, 1).
    """

    bench: Bench
    send: Sends
    environ: Mapping[str, str]
    chance: Callable[[], float]


def deliver(post: Post, report: ReportSettings, claimed: ClaimedDelivery, now: Callable[[], datetime]) -> DeliveryState:
    """Make one claimed delivery, record how it went, and return its state.

    Raises:
        LeaseLostError: Another collector took it over meanwhile.
        StorageError: How it went cannot be recorded; it will be tried again under the same message id.
    """
    try:
        outcome = _sent(post, report, claimed, now())
    except LeaseLostError:
        raise
    except PermanentNotifyError as error:
        return _finished(post, claimed, DeliveryState.FAILED, now(), str(error), claimed.reached)
    except CollectorError as error:
        return _later(post, claimed, now(), str(error), claimed.reached)
    if outcome.later:
        return _later(post, claimed, now(), _refusals((*outcome.later, *outcome.never)), outcome.reached)
    if outcome.never:
        state = DeliveryState.PARTLY if outcome.reached else DeliveryState.FAILED
        return _finished(post, claimed, state, now(), _refusals(outcome.never), outcome.reached)
    return _finished(post, claimed, DeliveryState.SENT, now(), None, outcome.reached)


def _sent(post: Post, report: ReportSettings, claimed: ClaimedDelivery, now: datetime) -> Outcome:
    target = next((one for one in report.targets if one.label == claimed.target), None)
    if target is None:
        raise PermanentNotifyError(f"report {report.name} names {claimed.target} no longer")
    address = address_of(target, post.environ)
    letter = _letter(post, report, claimed, now)
    allow = post.bench.settings.collector.allow_private
    return post.send(address, letter.message(claimed.message_id), claimed.reached, allow_private=allow)


def address_of(target: TargetSource, environ: Mapping[str, str]) -> Secret:
    """Return the address of a target; from now on no log shows it.

    Raises:
        ConfigError: There is none.
    """
    address = target.read(environ)
    logs.protect([address])
    return address


def _letter(post: Post, report: ReportSettings, claimed: ClaimedDelivery, now: datetime) -> Letter:
    """Return what was made for the period; if it is gone, what the ledger says about it now."""
    folder = ready_folder(report)
    path = letter_path(folder, report.name, claimed.period)
    kept = read(path)
    if kept is not None:
        return kept
    with post.bench.database.read() as connection:
        run = recorded_run(connection, report.name, claimed.period)
    missing = list(run.missing) if run is not None else []
    letter, _ = made(post.bench, report, run_called(report, claimed.period, now), (missing, now), folder)
    keep_letter(path, letter)
    return letter


def _later(post: Post, claimed: ClaimedDelivery, now: datetime, error: str, reached: frozenset[str]) -> DeliveryState:
    with post.bench.database.read() as connection:
        run = recorded_run(connection, claimed.report, claimed.period)
    since = None if run is None else run.made_at
    if since is not None and now - since > _GIVEN_UP_AFTER:
        state = DeliveryState.PARTLY if reached else DeliveryState.FAILED
        return _finished(post, claimed, state, now, f"given up after {_GIVEN_UP_AFTER.days} days: {error}", reached)
    wait = backoff(claimed.attempts + 1, _SHORTEST, _LONGEST, post.chance())
    put_off_delivery(post.bench.database, claimed, now + wait, reached, error)
    _log(claimed).warning("a report could not be sent and is tried again", error=error, again_in=str(wait))
    return DeliveryState.PENDING


def _finished(
    post: Post,
    claimed: ClaimedDelivery,
    state: DeliveryState,
    now: datetime,
    error: str | None,
    reached: frozenset[str],
) -> DeliveryState:
    finish_delivery(post.bench.database, claimed, (state, error), now, reached)
    _forget_letter(post, claimed)
    if state is DeliveryState.SENT:
        _log(claimed).info("sent a report", attempts=claimed.attempts + 1)
    else:
        _log(claimed).error("a report could not be sent", state=state.value, error=error)
    return state


def _forget_letter(post: Post, claimed: ClaimedDelivery) -> None:
    """Remove the letter of a period once nobody waits for it any more."""
    with post.bench.database.read() as connection:
        every = recorded_deliveries(connection, [claimed.report], claimed.period)
    if all(one.finished_at is not None for one in every):
        report = next(one for one in post.bench.settings.reports if one.name == claimed.report)
        remove_files(report.folder, [str(letter_path(report.folder, claimed.report, claimed.period))])


def _log(claimed: ClaimedDelivery) -> structlog.stdlib.BoundLogger:
    log: structlog.stdlib.BoundLogger = structlog.get_logger()
    return log.bind(report=claimed.report, period=claimed.period, target=claimed.target)


def _refusals(reasons: tuple[str, ...]) -> str:
    return f"{len(reasons)} recipient{'s' if len(reasons) > 1 else ''} refused: {'; '.join(sorted(set(reasons)))}"


def trial(post: Post, target: TargetSource, message: Message) -> str | None:
    """Send a message without recording it; return why it could not be sent, or None."""
    try:
        address = address_of(target, post.environ)
        allow = post.bench.settings.collector.allow_private
        outcome = post.send(address, message, frozenset(), allow_private=allow)
    except CollectorError as error:
        return str(error)
    refused = (*outcome.later, *outcome.never)
    return _refusals(refused) if refused else None
