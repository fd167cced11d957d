"""Scheduled reports under a clock that is moved by hand: a ledger, a folder, and whoever gets the mail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from collector.app.scheduled.delivering import Sends
from collector.app.scheduled.rendering import Drawing, Renders
from collector.app.scheduled.work import ScheduledReports
from collector.app.wiring import load_settings
from collector.config import ReportFormat, Settings
from collector.domain.accounts import Account
from collector.domain.report_schedule import ReportKind
from collector.domain.secret import Secret
from collector.errors import CollectorError
from collector.notifications.message import Message, Outcome
from collector.store.deliveries import RecordedDelivery, recorded_deliveries
from collector.store.engine import Database
from collector.store.report_runs import RecordedRun, recorded_runs
from reports.document import Column, Document, Fact, Table
from reports.question import Question
from tests.app.timepiece import Timepiece
from tests.reports.conftest import Ledger

TO = "MAIL_URL"
EVERYBODY = frozenset({"everybody"})


class PlainRenderer:
    """Renders a document that says what it was asked; it can be told to fail."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Question]] = []
        self.fails: CollectorError | None = None

    def document(
        self, database: Database, kind: ReportKind, question: Question, period: str, invoice: Path | None
    ) -> Document:
        """Return a document with one fact."""
        if self.fails is not None:
            raise self.fails
        self.asked.append((period, question))
        records = Table("records", "Records", (Column("period", "Period"),), [{"period": period}])
        return Document(kind.value, f"{kind.value} {period}", "a", question.now, records, (Fact("Usage", "7 credits"),))

    def write(self, document: Document, format_: ReportFormat, out: BinaryIO) -> None:
        """Write the title and the sentences."""
        out.write("\n".join([document.title, *document.paragraphs]).encode())

    def drawings(self, document: Document, most: int) -> Iterator[Drawing]:
        """Draw nothing."""
        return iter(())


class Postman:
    """Takes every message; it can be told what happens instead."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.addresses: list[str] = []
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    def __call__(self, address: Secret, message: Message, reached: frozenset[str], *, allow_private: bool) -> Outcome:
        """Take a message."""
        self.before()
        self.taken.append(message)
        self.addresses.append(address.reveal())
        self.after()
        return Outcome(EVERYBODY)

    @property
    def subjects(self) -> list[str]:
        """What was taken, by subject."""
        return [one.subject for one in self.taken]


class ReportDesk:
    """One account ``a``, the reports of a settings text, and everything around them.

    Args:
        database: The ledger.
        folder: Where settings and reports are.
        make_account: Builds the account.
        text: The ``[[reports]]`` tables.
        start: What the clock says at first.
    """

    def __init__(
        self, database: Database, folder: Path, make_account: Callable[..., Account], text: str, start: datetime
    ) -> None:
        path = folder / "reports.toml"
        path.write_text(
            "[notify]\nallow_private = true\n[[accounts]]\nname = 'a'\nprovider = 'nellie'\n"
            f"timezone = 'Europe/Berlin'\n{text}"
        )
        self.settings: Settings = load_settings(path, {})
        self.database = database
        self.clock = Timepiece(start)
        self.renderer = PlainRenderer()
        self.postman = Postman()
        self.environ: Mapping[str, str] = {TO: "json://hooks.example.com/Canary-0123456789"}
        self.folder = folder / "reports"
        self._ledger = Ledger(database, make_account)
        self._ledger.open("a", zone=self.settings.accounts[0].zone)

    def work(self, send: Sends | None = None, renderer: Renders | None = None) -> ScheduledReports:
        """Return a collector that makes and sends reports."""
        ways = renderer or self.renderer, send or self.postman
        return ScheduledReports(self.settings, self.database, self.clock, ways, self.environ, lambda: 0.0)

    def poll(self, value: int = 0) -> None:
        """Store a good poll now."""
        self._ledger.poll(self.clock.now(), value, "a")

    def fails(self) -> None:
        """Store a poll that failed now."""
        self._ledger.poll(self.clock.now(), {}, "a", outcome="network")

    def runs(self, report: str) -> list[RecordedRun]:
        """Return every run of a report, the oldest first."""
        with self.database.read() as connection:
            return recorded_runs(connection, [report], latest=10_000)[::-1]

    def deliveries(self) -> list[RecordedDelivery]:
        """Return every delivery."""
        with self.database.read() as connection:
            return recorded_deliveries(connection, [one.name for one in self.settings.reports])

    @property
    def files(self) -> list[str]:
        """The names in the folder, letters included, links marked."""
        return sorted(f"{one.name}{' →' if one.is_symlink() else ''}" for one in self.folder.iterdir())
