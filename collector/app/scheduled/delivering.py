"""Delivers what is in the outbox: one claimed delivery at a time, marked before it leaves and after.

What a failure means is decided by its type: one that is for good ends the delivery, any other is tried again with
growing pauses for five days, as mail servers do (RFC 5321, section 4.5.4.1), of which those without an attempt do not
count. Whoever has a message is remembered by fingerprint and not sent it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
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
    give_back_delivery,
    put_off_delivery,
    recorded_deliveries,
)
from collector.store.report_runs import recorded_run

_SOON, _SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
_GIVEN_UP_AFTER = timedelta(days=5)
# For so long only the machine that has a report's letter sends it; if it does not come back, any other makes it anew.
_LEFT_TO_ITS_MAKER = timedelta(days=1)
# Half of what five days have room for at an attempt an hour.
_ENOUGH_ATTEMPTS = 60


@dataclass(frozen=True, slots=True)
class Result:
    """How a delivery went.

    Attributes:
        reached: Fingerprints of those who have it.
        error: Why somebody does not.
        again_in: When it is tried again; None if it is over.
    """

    state: DeliveryState
    reached: frozenset[str]
    error: str | None = None
    again_in: timedelta | None = None


class Sends(Protocol):
    """What delivers a message; see ``collector.notifications.transport.send``."""

    def __call__(self, address: Secret, message: Message, reached: frozenset[str], *, allow_private: bool) -> Outcome:
        """Send ``message`` to whoever lacks it and return who has it."""


@dataclass(frozen=True, slots=True)
class Post:
    """What delivering needs: what making needs, the way out, the environment with the addresses, and chance.

    Attributes:
        chance: Returns a random number in [0, 1).
        wait: Sleeps for some seconds; returns True, at once, if the program is stopping.
        unrecorded: How deliveries went, by report, period and target, that could not be recorded yet.
    """

    bench: Bench
    send: Sends
    environ: Mapping[str, str]
    chance: Callable[[], float]
    wait: Callable[[float], bool]
    unrecorded: dict[tuple[str, str, str], Result] = field(default_factory=dict)


def deliver(post: Post, report: ReportSettings, claimed: ClaimedDelivery, now: Callable[[], datetime]) -> DeliveryState:
    """Make one claimed delivery, record how it went, and return its state.

    How it went is recorded before anything else happens to the delivery: what could not be recorded is remembered, and
    recorded at the next claim instead of sending again.

    Raises:
        LeaseLostError: Another collector took it over meanwhile.
        StorageError: How it went could not be recorded before the lease ended.
    """
    key = claimed.report, claimed.period, claimed.target
    if key not in post.unrecorded and _lies_elsewhere(post, report, claimed, now()):
        give_back_delivery(post.bench.database, claimed, now() + _SHORTEST)
        _log(claimed).debug("a report is left to the collector that made it")
        return DeliveryState.PENDING
    result = post.unrecorded.pop(key, None) or _tried(post, report, claimed, now())
    try:
        _record(post, claimed, result, now)
    except CollectorError as error:
        # What another collector does with it is its own; but whoever has the message must not get it again.
        if result.state is DeliveryState.SENT or not isinstance(error, LeaseLostError):
            post.unrecorded[key] = result
        raise
    _tell(claimed, result)
    if result.state is not DeliveryState.PENDING:
        _forget_letter(post, report, claimed)
    return result.state


def _lies_elsewhere(post: Post, report: ReportSettings, claimed: ClaimedDelivery, now: datetime) -> bool:
    """Tell whether another machine, which shares the database, made the report lately and has what is to be sent.

    What this one would make of the ledger as it is now could say something else to those who come later.
    """
    if post.bench.database.path is not None or read(letter_path(report.folder, report.name, claimed.period)):
        return False
    with post.bench.database.read() as connection:
        run = recorded_run(connection, report.name, claimed.period)
    return run is not None and run.made_at is not None and timedelta(0) <= now - run.made_at < _LEFT_TO_ITS_MAKER


def _tried(post: Post, report: ReportSettings, claimed: ClaimedDelivery, now: datetime) -> Result:
    try:
        outcome = _sent(post, report, claimed, now)
    except PermanentNotifyError as error:
        return Result(_ended(claimed.reached), claimed.reached, str(error))
    except CollectorError as error:
        return _later(post, claimed, now, str(error), claimed.reached)
    except Exception as error:  # noqa: BLE001 - a delivery's edge
        _log(claimed).error("a report could not be sent", exc_info=error)
        said = f"unexpected: {type(error).__name__}; the log has more"
        return _later(post, claimed, now, said, claimed.reached)
    if outcome.later:
        return _later(post, claimed, now, _refusals((*outcome.later, *outcome.never)), outcome.reached)
    if outcome.never:
        return Result(_ended(outcome.reached), outcome.reached, _refusals(outcome.never))
    return Result(DeliveryState.SENT, outcome.reached)


def _ended(reached: frozenset[str]) -> DeliveryState:
    return DeliveryState.PARTLY if reached else DeliveryState.FAILED


def _record(post: Post, claimed: ClaimedDelivery, result: Result, now: Callable[[], datetime]) -> None:
    """Record how a delivery went; while the database cannot, try again until the lease ends or the program stops."""
    for tries in count(1):
        try:
            if result.again_in is not None:
                error = result.error or ""
                put_off_delivery(post.bench.database, claimed, now() + result.again_in, result.reached, error)
            else:
                finish_delivery(post.bench.database, claimed, (result.state, result.error), now(), result.reached)
        except LeaseLostError:
            raise
        except CollectorError:
            wait = backoff(tries, _SOON, _SHORTEST, post.chance())
            if now() + wait >= claimed.until or post.wait(wait.total_seconds()):
                raise
        else:
            return


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
    letter = made(post.bench, report, run_called(report, claimed.period, now), (missing, now), folder).letter
    keep_letter(path, letter)
    return letter


def _later(post: Post, claimed: ClaimedDelivery, now: datetime, error: str, reached: frozenset[str]) -> Result:
    """Return that a delivery is tried again, or that it is given up; days in which nobody tried do not count."""
    if claimed.attempts + 1 >= _ENOUGH_ATTEMPTS and now - claimed.tried_since > _GIVEN_UP_AFTER:
        return Result(_ended(reached), reached, f"given up after {_GIVEN_UP_AFTER.days} days: {error}")
    wait = backoff(claimed.attempts + 1, _SHORTEST, _LONGEST, post.chance())
    return Result(DeliveryState.PENDING, reached, error, wait)


def _tell(claimed: ClaimedDelivery, result: Result) -> None:
    log = _log(claimed)
    if result.again_in is not None:
        again_in = str(result.again_in)
        log.warning("a report could not be sent and is tried again", error=result.error, again_in=again_in)
    elif result.state is DeliveryState.SENT:
        log.info("sent a report", attempts=claimed.attempts + 1)
    else:
        log.error("a report could not be sent", state=result.state.value, error=result.error)


def _forget_letter(post: Post, report: ReportSettings, claimed: ClaimedDelivery) -> None:
    """Remove the letter of a period once nobody waits for it any more."""
    try:
        with post.bench.database.read() as connection:
            every = recorded_deliveries(connection, [claimed.report], claimed.period)
    except CollectorError as error:
        _log(claimed).warning("a letter that is not needed any more stays in the folder", error=str(error))
        return
    if all(one.finished_at is not None for one in every):
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
