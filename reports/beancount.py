"""The ledger as a beancount file: usage and its cost as double entries that ``bean-check`` proves.

Per meter, ``A`` being the account and ``M`` the meter, both as beancount writes names:

    Expenses:Usage:A:M      usage, in the meter's unit as a commodity      against  Equity:Counters:A:M
    Expenses:Cost:A:M       what it cost, in the account's currency        against  Liabilities:Payable:A:M
    Equity:Opening:A:M      what was used before the file begins, which is nobody's usage in it

* ``Equity:Counters`` is minus the ledger's total, which goes on growing over resets. A ``balance`` directive asserts
  it, to the last digit, wherever a billing period ends (calendar months where an account has none). It is looked up
  apart from the days, so a day that was lost or doubled on the way fails ``bean-check``.
* Money is rounded once per billing period: a day's posting is what the rounded sum has grown by, so the postings of a
  period add up to the statement's amount.
* A transaction has the flag ``!`` where its day is not over, was not observed to its end, or holds an undecided fall.
* Dates are the account's own local days.
* The file is of one moment: should a fall be decided while it is written, ``bean-check`` says so; write it again.

Source: beancount language syntax, version 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from collector.domain.calendar import day_of, start_of_day
from collector.domain.instants import instant_of, micros_of
from collector.domain.money import CURRENCIES, EXACT, rounded
from collector.store.engine import Database
from collector.store.reading import edges
from reports.charges import ChargedDay, MeterCharges, PeriodCharges

_LONGEST_COMMODITY = 24
_WORDS = frozenset({"TRUE", "FALSE", "NULL"})  # values of their own in the language
_PLAIN = re.compile(r"[a-z0-9-]")
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Book:
    """How one meter is named in the file.

    Attributes:
        place: What ends the names of its accounts, such as ``Nellie-prod:Credits``.
        commodity: Its unit.
        currency: What it costs; None where that is not known.
    """

    place: str
    commodity: str
    currency: str | None

    @property
    def usage(self) -> str:
        return f"Expenses:Usage:{self.place}"

    @property
    def cost(self) -> str:
        return f"Expenses:Cost:{self.place}"

    @property
    def counter(self) -> str:
        return f"Equity:Counters:{self.place}"

    @property
    def opening(self) -> str:
        return f"Equity:Opening:{self.place}"

    @property
    def payable(self) -> str:
        return f"Liabilities:Payable:{self.place}"

    def opened(self, day: date) -> Iterator[str]:
        """Yield the directives that open its accounts."""
        for account in (self.usage, self.counter, self.opening):
            yield f"{day} open {account} {self.commodity}\n"
        for account in (self.cost, self.payable) if self.currency else ():
            yield f"{day} open {account} {self.currency}\n"


def journal(database: Database, charged: Iterable[MeterCharges]) -> Iterator[str]:
    """Yield a beancount file piece by piece, with the asked days of each meter.

    Args:
        database: Where the ledger's totals are looked up.
        charged: The meters as ``charges_asked`` gives them.
    """
    declared: set[str] = set()
    yield 'option "title" "Usage of metered APIs"\n'
    for one in charged:
        book = _Book(
            f"{account_part(one.row.account)}:{account_part(one.row.name)}",
            commodity_of(one.row.unit),
            one.agreement.billing.currency,
        )
        if book.currency is not None and book.currency not in declared:
            yield f'option "operating_currency" "{book.currency}"\n'
        if book.commodity not in declared:
            yield f"\n1970-01-01 commodity {book.commodity}\n  name: {_quoted(one.row.unit)}\n"
        declared |= {book.commodity, book.currency or book.commodity}
        yield from _meter(database, one, book)


def _meter(database: Database, charged: MeterCharges, book: _Book) -> Iterator[str]:
    row, zone = charged.row, charged.agreement.zone
    opens_on = day_of(instant_of(row.first_at), zone)
    if charged.start is not None:
        opens_on = max(opens_on, charged.start)
    boundaries = _boundaries(charged, opens_on)
    totals = _totals(database, charged, [opens_on, *boundaries])
    yield f"\n; {row.name} of {row.account}, by days of {zone.key}\n"
    yield from book.opened(opens_on)
    if totals[opens_on]:
        head = f"\n{opens_on} * {_quoted(row.account)} {_quoted(f'{row.name}: opening balance')}\n"
        yield head + _both(book.opening, book.counter, totals[opens_on], book.commodity)
    for period in charged.periods:
        yield from _transactions(charged, period, book)
        ends_on = period.period.ends_on
        if ends_on in boundaries:
            # Without a tolerance of its own a balance may be off by one in the last digit.
            yield f"\n{ends_on} balance {book.counter} {EXACT.minus(totals[ends_on]):f} ~ 0 {book.commodity}\n"


def _boundaries(charged: MeterCharges, opens_on: date) -> list[date]:
    """Return the local dates on which a billing period ends within the file and not after the last observation."""
    dates = [one.period.ends_on for one in charged.periods]
    return [
        one
        for one in dates
        if opens_on < one
        and (charged.end is None or one <= charged.end)
        and micros_of(start_of_day(one, charged.agreement.zone)) <= charged.row.last_at
    ]


def _totals(database: Database, charged: MeterCharges, dates: Sequence[date]) -> dict[date, Decimal]:
    """Return the ledger's totals at the local midnights of ``dates``, in units."""
    row = charged.row
    ats = {one: micros_of(start_of_day(one, charged.agreement.zone)) for one in dates}
    with database.read() as connection:
        found = {edge.at: edge.total for edge in edges(connection, [row], {row.id: list(ats.values())})[row.id]}
    return {one: Decimal(found[at]).scaleb(-row.scale, context=EXACT) for one, at in ats.items()}


def _transactions(charged: MeterCharges, period: PeriodCharges, book: _Book) -> Iterator[str]:
    owed = paid = _NOTHING
    for day in period.days:
        owed = EXACT.add(owed, day.charge.amount or _NOTHING)
        due = _NOTHING if book.currency is None else rounded(owed, book.currency)
        if charged.holds(day.day):
            yield from _transaction(period, day, EXACT.subtract(due, paid), book)
        paid = due


def _transaction(period: PeriodCharges, day: ChargedDay, cost: Decimal, book: _Book) -> Iterator[str]:
    if not day.usage and not cost:
        return
    flag = "!" if day.partial or day.held else "*"
    yield f"\n{day.day} {flag} {_quoted(period.row.account)} {_quoted(_narration(period, day))}\n"
    if day.usage:
        yield _both(book.usage, book.counter, day.charge.quantity, book.commodity)
    if cost and book.currency is not None:
        yield _both(book.cost, book.payable, cost, book.currency)


def _narration(period: PeriodCharges, day: ChargedDay) -> str:
    if not day.usage:
        return f"{period.row.name}: minimum charge"
    return f"{period.row.name}{', taken back' if day.usage < 0 else ''}"


def _both(debit: str, credit: str, amount: Decimal, commodity: str) -> str:
    return f"  {debit}  {amount:f} {commodity}\n  {credit}  {EXACT.minus(amount):f} {commodity}\n"


def account_part(name: str) -> str:
    """Return ``name`` as a part of a beancount account: ``nellie_prod`` is ``Nellie-U-prod``.

    Different names stay different: they are in small letters, so a capital within the part marks an escaped character.
    """
    plain = "".join(one if _PLAIN.fullmatch(one) else f"-U{'' if one == '_' else f'{ord(one):X}'}-" for one in name)
    return plain[0].upper() + plain[1:] if plain[:1].isalnum() else f"0{plain}"


def commodity_of(unit: str) -> str:
    """Return a unit as a beancount commodity, never a currency or a value: ``api calls`` is ``API-CALLS``."""
    text = re.sub(r"[^A-Z0-9]+", "-", unit.upper()).strip("-")[:_LONGEST_COMMODITY].strip("-")
    if not text[:1].isalpha() or len(text) == 1 or text in CURRENCIES or text in _WORDS:
        text = f"UNITS-{text}"[:_LONGEST_COMMODITY].strip("-")
    return text


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
