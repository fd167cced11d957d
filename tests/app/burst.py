"""An account of the simulator, polled when it is due under a simulated clock: whole days pass in seconds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from collector.domain.accounts import Account
from collector.domain.requests import RequestRecord
from collector.domain.secret import Secret
from collector.http import HttpAnswer, load_json
from collector.polling.one_poll import Polled, Poller, Target
from collector.providers import provider_named
from collector.simulator.answers import Question, answer
from collector.simulator.rhythm import Workload
from collector.simulator.switches import Switches
from collector.simulator.traffic import History, Traffic
from collector.store import schema
from collector.store.accounts import Lease, claim, register
from collector.store.engine import Database


class Play:
    """One Nellie account and what was recorded of it.

    Args:
        database: Where it is kept.
        account: The account as configured.
        workload: What the provider's accounts are used for.
        start: When it is polled first.
    """

    def __init__(self, database: Database, account: Account, workload: Workload, start: datetime) -> None:
        self.database = database
        self.account = account
        self.clock = start
        self.polled: list[Polled] = []
        self._traffic = Traffic(1, workload)
        provider = provider_named(account.provider)
        row = register(database, [(account, provider.meters)])[account.name]
        self.target = Target(account, provider, row)
        self._poller = Poller(database, self, lambda: self.clock)

    @property
    def truth(self) -> History:
        """What the account really used."""
        return self._traffic.history(self.account.key.reveal())

    def get_json(self, url: str, *, key_header: str, key: Secret, allow_close_delimited: bool = False) -> HttpAnswer:
        """Answer as the simulator does, at once."""
        asked = Question("GET", "/v1/usage", {key_header: key.reveal()}, self.clock)
        body = answer(asked, self._traffic, Switches(), lambda _: True).body
        return HttpAnswer(load_json(body), self.clock, server_date=self.clock, age_seconds=None, body=body)

    def poll(self) -> Polled:
        """Poll now."""
        until = self.clock + timedelta(minutes=1)
        lease = claim(self.database, self.target.row.id, "us", self.clock, until, force=True)
        assert isinstance(lease, Lease)
        self.polled.append(self._poller.poll(self.target, lease))
        return self.polled[-1]

    def poll_until(self, end: datetime) -> None:
        """Poll whenever it is due, until ``end``."""
        while self.clock < end:
            self.clock = self.poll().next_poll_at

    def never_listed(self) -> list[RequestRecord]:
        """Return the requests made between the first and the last poll that are not in the ledger."""
        known = {row.request_id for row in self.rows("usage_request")}
        made = self.truth.requests_between(self.polled[0].finished_at, self.polled[-1].finished_at)
        return [one for one in made if one.request_id not in known]

    def rows(self, table: str) -> list[Any]:
        """Return every row of a table in order of its key."""
        found = schema.metadata.tables[table]
        with self.database.read() as connection:
            return list(connection.execute(select(found).order_by(*found.primary_key.columns)).all())
