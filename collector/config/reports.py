"""Scheduled reports: checked against the accounts and each other, and turned into plain values.

Public: ``ReportSettings``, ``TargetSource``, ``report_faults``, ``report_settings``, ``report_variables``,
``target_source``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

from collector.config.diagnosis import Fault
from collector.config.model import AccountTable, ConfigFile, ReportTable, ScheduleTable, TargetTable
from collector.config.private_files import read_private, without_line_end
from collector.config.report_values import Missed, ReportFormat
from collector.config.wording import SettingPath, one_of
from collector.domain.cron import Cron
from collector.domain.periods import Billing
from collector.domain.report_schedule import About, ReportKind, Schedule, next_run, runs_between
from collector.domain.secret import Secret
from collector.errors import ConfigError
from collector.providers.contract import Provider

_LONGEST_ADDRESS = 8192
_UTC = ZoneInfo("UTC")
_AT = time(7)
# Any long stretch will do: whether a cron expression can ever be meant does not depend on the year.
_SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC)
_SOME_WEEKS = timedelta(days=60)
_ONLY_WITH = {"weekday": About.WEEK, "day": About.MONTH}


@dataclass(frozen=True, slots=True)
class TargetSource:
    """Where the address to send to is kept: a variable, a file, or a literal address without a password.

    Attributes:
        label: What the place is called in lists, logs and the database; never a key or an address.
    """

    label: str
    env: str | None = None
    file: Path | None = None
    url: str | None = None

    def read(self, environ: Mapping[str, str]) -> Secret:
        """Return the address that is kept there now.

        Raises:
            ConfigError: There is none, or other users can read its file; the message never shows it.
        """
        if self.file is not None:
            kept = read_private(self.file, _LONGEST_ADDRESS)
            kept.refuse_others()
            text = without_line_end(kept.content.decode("utf-8", "replace"))
        else:
            text = self.url or environ.get(self.env or "", "")
        if "://" not in text or not text.isprintable():
            raise ConfigError(
                f"{self.label} holds no address to send to; it must be one such as "
                "mailtos://user:password@mail.example.com?to=team@example.com, alone on one line"
            )
        return Secret(text)


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """A scheduled report as configured.

    Attributes:
        accounts: Whom it is about; every configured account if none was named.
        meters: Which meters; None for all.
        schedule: When it is due, in the zone whose midnights bound its periods.
        billing: The billing periods that its accounts share; none where they differ.
        folder: Where its files are put.
        targets: To whom it is sent.
        wait_for_data: How long it waits after it is due for a poll after its period's end.
        keep: How many periods' files are kept; None for all.
        invoice: Where the invoice of a period lies, ``{period}`` standing for its name; None for nowhere.
    """

    name: str
    report: ReportKind
    accounts: tuple[str, ...]
    meters: tuple[str, ...] | None
    schedule: Schedule
    billing: Billing
    formats: tuple[ReportFormat, ...]
    folder: Path
    targets: tuple[TargetSource, ...]
    subject: str | None
    missed: Missed
    wait_for_data: timedelta
    keep: int | None
    invoice: Path | None = None

    def invoice_of(self, period: str) -> Path | None:
        """Return where the invoice of a period is to lie."""
        return None if self.invoice is None else Path(str(self.invoice).replace("{period}", period))


def report_variables(content: Mapping[str, object]) -> set[str]:
    """Return the variables that hold addresses to send to, as far as an unchecked file names them."""
    reports, notify = content.get("reports"), content.get("notify")
    tables = [one for one in reports if isinstance(one, dict)] if isinstance(reports, list) else []
    lists = [one.get("to") for one in tables] + [notify.get("faults_to") if isinstance(notify, dict) else None]
    places = [place for one in lists if isinstance(one, list) for place in one]
    named = [place.get("env") for place in places if isinstance(place, dict)]
    return {name for name in named if isinstance(name, str)}


def report_faults(config: ConfigFile, providers: Mapping[str, Provider]) -> Iterator[Fault]:
    """Yield what is wrong with the reports of a file whose accounts and single values are right."""
    first: dict[str, int] = {}
    for index, table in enumerate(config.reports):
        where: SettingPath = ("reports", index)
        earlier = first.setdefault(table.name, index)
        if earlier != index:
            yield Fault((*where, "name"), f'must be unique; "{table.name}" is reports[{earlier}] already')
        yield from _account_faults(table, where, config.accounts, providers)
        yield from _schedule_faults(table.schedule, (*where, "schedule"))
        if table.invoice is not None and not table.report.of_billing_period:
            yield Fault((*where, "invoice"), "has a meaning for month and reconcile only")
        for key in ("formats", "accounts", "meters"):
            values = getattr(table, key)
            if len(set(values)) < len(values):
                yield Fault((*where, key), "names one of them twice")
        if len({_label(one) for one in table.to}) < len(table.to):
            yield Fault((*where, "to"), "names one of them twice")


def report_settings(
    table: ReportTable, accounts: Sequence[AccountTable], located: Callable[[str], Path]
) -> ReportSettings:
    """Return the report of a table without faults; ``located`` makes a path of the file absolute."""
    chosen = _chosen(table, accounts)
    zones = {one.timezone for one in chosen}
    zone = table.timezone or (next(iter(zones)) if len(zones) == 1 else _UTC)
    billings = {_billing(one) for one in chosen}
    return ReportSettings(
        name=table.name,
        report=table.report,
        accounts=tuple(one.name for one in chosen),
        meters=tuple(table.meters) or None,
        schedule=_schedule(table.schedule, zone),
        billing=next(iter(billings)) if len(billings) == 1 else Billing(),
        formats=tuple(table.formats),
        folder=located(table.folder),
        targets=tuple(target_source(one, located) for one in table.to),
        subject=table.subject,
        missed=table.missed,
        wait_for_data=table.wait_for_data,
        keep=table.keep,
        invoice=None if table.invoice is None else located(table.invoice),
    )


def _chosen(table: ReportTable, accounts: Sequence[AccountTable]) -> list[AccountTable]:
    return [one for one in accounts if not table.accounts or one.name in table.accounts]


def _billing(account: AccountTable) -> Billing:
    billing = account.billing
    return Billing(billing.period, billing.anchor_day, billing.anchor_month)


def _label(target: TargetTable) -> str:
    if target.env is not None:
        return f"env {target.env}"
    if target.file is not None:
        return f"file {target.file}"
    # Labels are stored and logged, and a literal address names people.
    return f"mail {hashlib.sha256(str(target.url).encode()).hexdigest()[:8]}"


def target_source(target: TargetTable, located: Callable[[str], Path]) -> TargetSource:
    """Return the place of an address to send to; ``located`` makes a path of the file absolute."""
    file = None if target.file is None else located(target.file)
    return TargetSource(_label(target), target.env, file, target.url)


def _account_faults(
    table: ReportTable, where: SettingPath, accounts: Sequence[AccountTable], providers: Mapping[str, Provider]
) -> Iterator[Fault]:
    known = [one.name for one in accounts]
    for index, name in enumerate(table.accounts):
        if name not in known:
            yield Fault((*where, "accounts", index), one_of(name, known))
    chosen = _chosen(table, accounts)
    meters = {meter.name for one in chosen if one.provider in providers for meter in providers[one.provider].meters}
    for index, name in enumerate(table.meters):
        if name not in meters:
            yield Fault((*where, "meters", index), one_of(name, meters))
    if table.report.of_billing_period and len({_billing(one) for one in chosen}) > 1:
        yield Fault(
            (*where, "accounts"),
            "have different billing periods, which one statement cannot be about; write a report for each",
        )


def _schedule_faults(table: ScheduleTable, where: SettingPath) -> Iterator[Fault]:
    if (table.every is None) == (table.cron is None):
        yield Fault(where, 'must be either { every = "day" } ("week", "month"), or { cron = "0 7 * * 1" }')
        return
    if table.every is not None:
        if table.about is not None:
            yield Fault((*where, "about"), "goes with cron; every says already what the report is about")
        for key, kind in _ONLY_WITH.items():
            if getattr(table, key) is not None and table.every is not kind:
                yield Fault((*where, key), f'has a meaning with every = "{kind}" only')
        return
    for key in ("at", "weekday", "day"):
        if getattr(table, key) is not None:
            yield Fault((*where, key), "cannot stand beside cron, which says when")
    yield from _cron_faults(_schedule(table, _UTC), (*where, "cron"))


def _cron_faults(schedule: Schedule, where: SettingPath) -> Iterator[Fault]:
    first = next_run(schedule, _SOME_DAY)
    if first is None:
        yield Fault(where, "names a day that never comes")
        return
    days = (one.date() for one in runs_between(schedule, first - timedelta(seconds=1), first + _SOME_WEEKS))
    if any(len(list(group)) > 1 for _, group in groupby(days)):
        yield Fault(where, "is due several times a day; a report is about a whole day at least, and made once for each")


def _schedule(table: ScheduleTable, zone: ZoneInfo) -> Schedule:
    if table.cron is not None:
        return Schedule(table.about or _about(table.cron), zone, cron=table.cron)
    return Schedule(
        about=table.every or About.DAY,
        zone=zone,
        at=table.at or _AT,
        weekday=table.weekday or 1,
        day=table.day or 1,
    )


def _about(cron: Cron) -> About:
    """Return what a report on this schedule is about if nobody says: the stretch from one time to the next."""
    if cron.days is not None and len(cron.days) == 1 and cron.weekdays is None:
        return About.MONTH
    if cron.days is None and cron.weekdays is not None and len(cron.weekdays) == 1:
        return About.WEEK
    return About.DAY
