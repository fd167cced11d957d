"""The leases of one collector: taking those that are due, and giving them back, also later than meant.

Public: ``Leases``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from collector.app.clock import Clock, lease_owner
from collector.errors import CollectorError
from collector.store.accounts import CLAIM_SECONDS, Lease, claim_due, release
from collector.store.engine import Database


class Leases:
    """Takes and gives back.

    Args:
        database: Where the accounts are.
        clock: Time.
        length: How long a lease lasts.

    Attributes:
        owner: By what we sign.
        length: How long a lease lasts.
    """

    def __init__(self, database: Database, clock: Clock, length: timedelta) -> None:
        self.owner = lease_owner()
        self.length = length
        self._database = database
        self._clock = clock
        self._unreleased: dict[int, Lease] = {}

    @property
    def until(self) -> datetime:
        """When a lease ends that begins now."""
        return self._clock.now() + self.length

    def take(self, accounts: Sequence[int], most: int) -> list[Lease]:
        """Take the leases of at most ``most`` accounts that are due, the longest due first."""
        now = self._clock.now()
        return claim_due(self._database, accounts, self.owner, now, now + self.length, most)

    def refuse(self, lease: Lease) -> None:
        """Give a lease back that cannot be used."""
        release(self._database, lease)

    def give_back(self, lease: Lease) -> None:
        """Give a lease back, or do so before the next claim: until it ends nobody could poll the account."""
        try:
            release(self._database, lease, CLAIM_SECONDS)
        except CollectorError:
            self._unreleased[lease.account] = lease

    def give_back_the_rest(self) -> None:
        """Give back what could not be given back before.

        Raises:
            StorageError: It still cannot.
        """
        for lease in list(self._unreleased.values()):
            release(self._database, lease, CLAIM_SECONDS)
            self._unreleased.pop(lease.account, None)
