"""When to ask next: stable slots, a poll on each side of every midnight, and patience after faults.

Slots are a grid of ``poll_every``, shifted per account by a stable phase in [0, 1), so ten thousand accounts spread
over the interval and each keeps its place over restarts. A shorter interval (``pace``) parts the time between two
slots, and longer and shorter ones share their slots. A poll just before and just after each local midnight, where days
and billing periods begin, keeps their bounds tight.

    ───●───────────●────────●│●─────────●───────────●───
     slot         slot     lead trail  slot
                         midnight
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.domain.accounts import Account
from collector.domain.calendar import day_of, start_of_day
from collector.domain.instants import EPOCH

_LEAD = timedelta(seconds=6)
_TRAIL = timedelta(seconds=5)
_SPREAD = timedelta(seconds=25)
_MOST_FLOOR = timedelta(seconds=10)
_FIRST_BACKOFF = timedelta(minutes=1)
_MOST_BACKOFF = timedelta(minutes=15)
_PATIENT_AFTER = 5
_PATIENCE = 6


@dataclass(frozen=True, slots=True)
class Failure:
    """How the last poll failed.

    Attributes:
        transient: Whether asking again soon may help.
        in_a_row: How many polls failed one after another, this one included.
        not_before: Until when the provider told us to wait.
    """

    transient: bool
    in_a_row: int
    not_before: datetime | None = None


def phase_of(name: str) -> float:
    """Return an account's stable place in [0, 1) within every interval."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48


def next_poll_at(
    account: Account, now: datetime, failure: Failure | None = None, every: timedelta | None = None
) -> datetime:
    """Return when to ask ``account`` again after a poll that ended at ``now``.

    Args:
        account: Whom.
        now: When the poll ended.
        failure: How it failed, if it did.
        every: The interval to keep, at most ``poll_every``; None for ``poll_every`` itself.

    After a transient fault: 1, 2, 4 … at most 15 minutes, up to a quarter less so that accounts do not come back
    together, never past the next slot. After a terminal fault the next slot, from the fifth in a row on six times
    slower. Never before the provider's own ``Retry-After``.
    """
    phase = phase_of(account.name)
    slot = _next_slot(account, now, account.poll_every if every is None else every, phase)
    if failure is None:
        return slot
    if failure.transient:
        backoff = min(_FIRST_BACKOFF * 2 ** min(failure.in_a_row - 1, 10), _MOST_BACKOFF)
        slot = min(slot, now + backoff * (0.75 + phase / 4))
    elif failure.in_a_row >= _PATIENT_AFTER:
        slot = _on_grid(now, account.poll_every * _PATIENCE, phase)
    return slot if failure.not_before is None else max(slot, failure.not_before)


def at_the_latest(account: Account, now: datetime) -> tuple[datetime, datetime]:
    """Return until when ``account`` must be asked again: while its polls are good, and while they fail."""
    return now + account.poll_every, now + account.poll_every * _PATIENCE


def _next_slot(account: Account, now: datetime, every: timedelta, phase: float) -> datetime:
    """Return the next slot or side of a midnight, but no poll within ten seconds of the last one."""
    earliest = now + min(_MOST_FLOOR, every * 0.9)
    slot = max(_parted_slot(account, now, every, phase), earliest)
    for boundary in _boundaries(account, now):
        before = max(boundary - _LEAD - _SPREAD * phase, earliest)
        after = boundary + _TRAIL + _SPREAD * phase
        if before < boundary and boundary - _LEAD - _SPREAD * phase > now:
            slot = min(slot, before)
        if after > now:
            slot = min(slot, max(after, earliest))
    return slot


def _parted_slot(account: Account, now: datetime, every: timedelta, phase: float) -> datetime:
    """Return the next slot of an interval that parts the time between two slots of ``poll_every``."""
    whole = _on_grid(now, account.poll_every, phase)
    begin = whole - account.poll_every
    return min(whole, begin + every * ((now - begin) // every + 1))


def _on_grid(now: datetime, every: timedelta, phase: float) -> datetime:
    shift = every * phase
    count = (now - EPOCH - shift) // every + 1
    return EPOCH + shift + every * count


def _boundaries(account: Account, now: datetime) -> Iterable[datetime]:
    """Yield the midnights around ``now`` (the last one may still want its poll); billing periods start on one."""
    today = day_of(now, account.zone)
    yield start_of_day(today, account.zone)
    yield start_of_day(today + timedelta(days=1), account.zone)
