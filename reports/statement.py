"""The statement of a billing period: what each meter of an account used, how well that is known, and what it costs.

    opening ── usage ──→ closing        the ledger's totals at the period's two ends and their difference, exactly

A statement is *incomplete* where its figures may still change by themselves: the period is not over at the last
observation, begins before the first one, or a fall of the counter in it is held. Nothing is ever put in for what was
not observed.

Public: ``Figures``, ``MeterStatement``, ``Asked``, ``periods_named``, ``left_out``, ``asked_for``, ``statements``.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from collector.domain.accounts import Agreement, Counts
from collector.domain.edges import Edge, usage_between
from collector.domain.instants import instant_of, micros_of
from collector.domain.money import rounded
from collector.domain.named_periods import name_of, period_named, span_of
from collector.domain.periods import Period
from collector.errors import UsageError
from collector.store.accounts import recorded_zones
from collector.store.engine import Database
from collector.store.reading import MeterRow, edges, meters
from collector.store.request_sums import RequestSums, request_sums
from reports.charges import PeriodCharges, period_charges
from reports.question import Question
from reports.windows import meters_asked

_PLACES = 6


@dataclass(frozen=True, slots=True)
class Figures:
    """What one meter used in a period, in the meter's smallest unit; money is rounded once, to the minor unit.

    Attributes:
        upper: None where a reset or a held fall left it open.
        coverage: The observed share of the period, 0..1; 1 only where nothing is missing.
        request_credits: What the request records of the period used; None on meters that do not count credits.
        unexplained: Usage less ``request_credits``.
        missing_requests: Requests that were counted for certain and no list showed; None without a request list.
        amount: None where no price was in force.
        unpriced: Units, net, of the days on which no price was in force; None where ``amount`` is.
    """

    opening: int
    closing: int
    usage: int
    lower: int
    upper: int | None
    coverage: float
    snapshots: int
    resets: int
    corrections: int
    held: int
    request_credits: int | None
    unexplained: int | None
    missing_requests: int | None
    amount: Decimal | None
    currency: str | None
    unpriced: Decimal | None


@dataclass(frozen=True, slots=True)
class Asked:
    """One meter, what is agreed for it, and the period that is asked for by ``name``."""

    row: MeterRow
    agreement: Agreement
    period: Period
    name: str

    @property
    def key(self) -> tuple[str, str]:
        """Account and meter."""
        return self.row.account, self.row.name

    @property
    def has_history(self) -> bool:
        """True where something of the meter was observed in the period."""
        start, end = micros_of(self.period.start), micros_of(self.period.end)
        return self.row.first_at < end and self.row.last_at >= start


@dataclass(frozen=True, slots=True)
class MeterStatement:
    """The statement of one meter, as now known.

    Attributes:
        charges: Usage and cost by day, and the price lines.
        requests: The account's requests of the period by status; None without a request list.
        pending: Why the figures may still change by themselves.
        late_start: That the history begins within the period, or None.
    """

    asked: Asked
    figures: Figures
    charges: PeriodCharges
    requests: Mapping[str, int] | None
    pending: tuple[str, ...]
    late_start: str | None

    @property
    def incomplete(self) -> tuple[str, ...]:
        """Why the statement cannot be held against an invoice; empty for a complete one."""
        return self.pending if self.late_start is None else (self.late_start, *self.pending)


def periods_named(database: Database, question: Question, text: str) -> dict[str, tuple[Agreement, Period]]:
    """Return, by account, what is agreed and the period that ``text`` names; accounts where it names none are left out.

    Accounts are those of the settings and of the history; one that is only in the history has its recorded zone.

    Raises:
        UsageError: The text names no period at all, or of no account that is asked for.
    """
    found, refused = _named(database, question, text)
    if refused and not found:
        name, error = next(iter(refused.items()))
        raise UsageError(f"no statement for {text!r}: {error} (account {name})")
    return found


def left_out(database: Database, question: Question, text: str, found: Container[str]) -> list[str]:
    """Return a note for each account asked for of which ``text`` names no period, but for those in ``found``."""
    _, refused = _named(database, question, text)
    return [f"the account {name} is left out: {error}" for name, error in refused.items() if name not in found]


def _named(
    database: Database, question: Question, text: str
) -> tuple[dict[str, tuple[Agreement, Period]], dict[str, str]]:
    """Return the periods by account, and why there is none by account."""
    try:
        span_of(text)
    except ValueError as error:
        raise UsageError(f"no statement for {text!r}: {error}") from None
    zones = recorded_zones(database)
    found: dict[str, tuple[Agreement, Period]] = {}
    refused: dict[str, str] = {}
    for name in sorted({*zones, *question.agreements}):
        if question.accounts is None or name in question.accounts:
            agreement = question.agreement_of(name, zones.get(name, "UTC"))
            try:
                found[name] = agreement, period_named(text, agreement.billing, agreement.zone)
            except ValueError as error:
                refused[name] = str(error)
    return found, refused


def asked_for(database: Database, question: Question, periods: Mapping[str, tuple[Agreement, Period]]) -> list[Asked]:
    """Return the meters asked for that have a history in their account's period of ``periods``."""
    found = [
        Asked(row, agreement, period, name_of(period, agreement.billing))
        for row in meters_asked(database, question)
        if row.account in periods
        for agreement, period in [periods[row.account]]
    ]
    return [one for one in found if one.has_history]


def statements(database: Database, wanted: Sequence[Asked]) -> list[MeterStatement]:
    """Return the statement of each wanted meter and period as now known, in the given order."""
    charges = period_charges(database, [(one.row, one.agreement, one.period) for one in wanted])
    counters = _request_counters(database, wanted)
    ends = _edges_of(database, [*((one.row, one.period) for one in wanted), *counters.values()])
    counted = _counted(database, wanted)
    found = []
    for one, charged in zip(wanted, charges, strict=True):
        start, end = ends[one.row.id, one.period.start], ends[one.row.id, one.period.end]
        figures = _figures(one, start, end, charged)
        key = one.row.account_id, one.period
        sums, counter = counted.get(key), counters.get(key)
        if sums is not None:
            made = None if counter is None else _least_growth(ends, *counter)
            figures = _with_requests(figures, one.row.counts, sums, made)
        requests = None if sums is None else sums.statuses
        pending = tuple(_pending(one, end))
        found.append(MeterStatement(one, figures, charged, requests, pending, _late_start(one, start)))
    return found


_Ends: TypeAlias = Mapping[tuple[int, datetime], Edge]


def _request_counters(database: Database, wanted: Sequence[Asked]) -> dict[tuple[int, Period], tuple[MeterRow, Period]]:
    """Return the meter that counts requests of each account that has a request list, whatever meters are asked for."""
    listing = {one.row.account: one.row.account_id for one in wanted if one.row.counts is not None}
    if not listing:
        return {}
    with database.read() as connection:
        counters = {row.account_id: row for row in meters(connection, sorted(listing)) if row.counts is Counts.REQUESTS}
    return {
        (one.row.account_id, one.period): (counters[one.row.account_id], one.period)
        for one in wanted
        if one.row.account_id in counters
    }


def _edges_of(database: Database, wanted: Sequence[tuple[MeterRow, Period]]) -> _Ends:
    """Return the edges at both ends of every wanted period, by meter and instant."""
    rows = {row.id: row for row, _ in wanted}
    boundaries: dict[int, set[int]] = {}
    for row, period in wanted:
        boundaries.setdefault(row.id, set()).update((micros_of(period.start), micros_of(period.end)))
    with database.read() as connection:
        found = edges(connection, list(rows.values()), {key: sorted(ats) for key, ats in boundaries.items()})
    return {(meter, instant_of(edge.at)): edge for meter, each in found.items() for edge in each}


def _least_growth(ends: _Ends, row: MeterRow, period: Period) -> int:
    """Return by how much the counter grew in the period for certain: its records show what was made around its ends."""
    return usage_between(ends[row.id, period.start], ends[row.id, period.end]).lower


def _counted(database: Database, wanted: Sequence[Asked]) -> dict[tuple[int, Period], RequestSums]:
    """Return the sums of request records by account and period, for accounts that have a request list."""
    keys = {(one.row.account_id, one.period) for one in wanted if one.row.counts is not None}
    found = {}
    with database.read() as connection:
        for account, period in sorted(keys, key=lambda key: (key[0], key[1].start)):
            found[account, period] = request_sums(connection, account, period.start, period.end)
    return found


def _with_requests(figures: Figures, counts: Counts | None, sums: RequestSums, made: int | None) -> Figures:
    """Return the figures of a meter with what the records say, on the meters they say it of."""
    if counts is None:
        return figures
    missing = None if made is None else max(0, made - sums.made)
    if counts is Counts.REQUESTS:
        return replace(figures, missing_requests=missing)
    return replace(
        figures,
        request_credits=sums.credits,
        unexplained=figures.usage - sums.credits,
        missing_requests=missing,
    )


def _figures(asked: Asked, start: Edge, end: Edge, charged: PeriodCharges) -> Figures:
    used = usage_between(start, end)
    currency = asked.agreement.billing.currency
    amount = charged.rating.amount
    return Figures(
        opening=start.total,
        closing=end.total,
        usage=used.usage,
        lower=used.lower,
        upper=used.upper,
        coverage=_share(end.covered - start.covered, end.at - start.at),
        snapshots=end.snapshots - start.snapshots,
        resets=end.resets - start.resets,
        corrections=end.corrections - start.corrections,
        held=end.held - start.held,
        request_credits=None,
        unexplained=None,
        missing_requests=None,
        amount=None if amount is None or currency is None else rounded(amount, currency),
        currency=currency,
        unpriced=None if amount is None else charged.rating.unpriced,
    )


def _share(observed: int, whole: int) -> float:
    """Return the observed share to six places, and 1 only where nothing is missing."""
    return 1.0 if observed >= whole else min(round(observed / whole, _PLACES), 1.0 - 10.0**-_PLACES)


def _late_start(asked: Asked, start: Edge) -> str | None:
    begins = asked.row.first_at
    return f"the history begins within it, at {_shown(begins)}" if begins > start.at else None


def _pending(asked: Asked, end: Edge) -> Iterator[str]:
    row, period = asked.row, asked.period
    if row.last_at < end.at:
        ends = _shown(micros_of(period.end))
        yield f"it is not over at the last observation, {_shown(row.last_at)}; it ends at {ends}"
    elif row.good_at < end.at and not end.held:
        yield f"its end was observed only by values that are held or left out, after {_shown(row.good_at)}"
    if end.held:
        yield "a fall of the counter is held; `collector resets list` shows it, `collector resets decide` settles it"


def _shown(micros: int) -> str:
    return instant_of(micros).strftime("%Y-%m-%d %H:%M:%SZ")
