"""How complete each account's list of requests was lately, and how often the account is asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from collector.config import AccountSettings, Settings
from collector.domain.pace import Bounds
from collector.polling.one_poll import bounds_of
from collector.providers import provider_named
from collector.store.completeness import ListSums, list_sums
from collector.store.engine import Database
from collector.store.pacing import interval_of, listers
from reports.question import Question

RECENT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ListState:
    """What is known of one account.

    Attributes:
        missed_requests: Requests of the last seven days that no list will ever show; None without a list.
        unexplained: Credits of the same days that no listed request explains, with their sign; None without a list.
        poll_every_seconds: The interval that is kept now; None for an account that is not configured.
    """

    missed_requests: int | None = None
    unexplained: int | None = None
    poll_every_seconds: int | None = None


def list_states(settings: Settings, database: Database, question: Question) -> dict[str, ListState]:
    """Return what is known of the asked accounts, configured or recorded, by name."""
    configured = {one.name: one for one in settings.accounts}
    with database.read() as connection:
        known = listers(connection, question.accounts)
        sums = {name: list_sums(connection, one.account, question.now - RECENT) for name, one in known.items()}
        paced = {
            name: interval_of(connection, one.account, one.meter, bounds)
            for name, one in known.items()
            if name in configured and (bounds := _bounds(configured[name])) is not None
        }
    intervals = {name: one.poll_every for name, one in configured.items()} | paced
    return {name: _state(sums.get(name), intervals.get(name)) for name in configured.keys() | known.keys()}


def _bounds(account: AccountSettings) -> Bounds | None:
    return bounds_of(provider_named(account.provider), account.poll_every, account.poll_every_min)


def _state(sums: ListSums | None, every: timedelta | None) -> ListState:
    return ListState(
        None if sums is None else sums.missed,
        None if sums is None else sums.unexplained,
        None if every is None else round(every.total_seconds()),
    )
