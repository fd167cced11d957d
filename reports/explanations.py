"""What could explain that an invoice and the ledger differ, in sentences for a person.

Tried are the things that usually do: another clock or calendar at the provider, a day more or less, a request that one
side has and the other has not, what was taken back or began again, and where the ledger itself does not know exactly.
Rule for editors: a sentence says what was found, not that it must be so, and nothing here changes a status.

Public: ``explanations``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal

from collector.domain.accounts import Counts
from collector.domain.money import EXACT, rounded
from collector.domain.prices import price_on
from collector.domain.requests import UNRESOLVED
from collector.store.engine import Database
from collector.store.records import RecordRow
from reports.billed_periods import Billed, Relation
from reports.charges import ChargedDay
from reports.closed_matches import closed_matches
from reports.fall_explanations import counted, explaining_falls, recorded_by
from reports.reconciliation import Reconciled, Status, in_another_currency, usage_of
from reports.record_matches import Candidates, record_matches
from reports.rows import scaled
from reports.shifted_windows import Explained, Shifted, chance_matches, explaining_windows, paying_windows
from reports.statement import MeterStatement
from reports.tables import moment, number, share

_MOST_DAYS = 10
_MOST_WINDOWS = 4
_MOST_CHANCES = 2
_MOST_PLACES = 12
_WIDE = Context(prec=100)


@dataclass(frozen=True, slots=True)
class _Difference:
    """A statement, the quantity invoiced for it, and by how much they differ, all in units."""

    database: Database
    row: Reconciled
    statement: MeterStatement
    invoiced: Decimal
    discrepancy: Decimal

    @property
    def smallest(self) -> int | None:
        """The discrepancy in the meter's smallest unit; None where it is no whole number of them."""
        found = self.discrepancy.scaleb(self.statement.asked.row.scale)
        return int(found) if found == found.to_integral_value() else None


def explanations(database: Database, row: Reconciled) -> list[str]:
    """Return what could explain one row of the report, the most telling first; nothing for a row that fits."""
    told = list(row.reasons)
    statement, discrepancy = row.statement, row.discrepancy
    if row.status is not Status.MISMATCH or statement is None or row.billed is None:
        return told
    line = row.billed.line
    if line.quantity is not None and discrepancy:
        difference = _Difference(database, row, statement, line.quantity, discrepancy)
        for part in (_headline, _span, _closed, _decided, _windows, _records, _requests, _days):
            told.extend(part(difference))
    elif line.amount is not None and not in_another_currency(statement, line):
        told.extend(_amounts(database, row, statement, row.billed))
    return told


def _headline(of: _Difference) -> Iterator[str]:
    more = "more" if of.discrepancy > 0 else "less"
    unit = of.statement.asked.row.unit
    yield f"{counted(abs(of.discrepancy), unit)} {more} invoiced than used"
    yield from _other_period(of.row, of.statement)


def _other_period(row: Reconciled, statement: MeterStatement) -> Iterator[str]:
    billed, period = row.billed, statement.asked.period
    if billed is not None and billed.relation is Relation.SHIFTED:
        yield (
            f"the invoice's period is {moment(billed.start)} to {moment(billed.end)}, the account's "
            f"{moment(period.start)} to {moment(period.end)}"
        )


def _closed(of: _Difference) -> Iterator[str]:
    yield from closed_matches(of.database, of.statement, of.invoiced)


def _windows(of: _Difference) -> Iterator[str]:
    billed = of.row.billed
    if billed is None:
        return
    span, inside = (billed.start, billed.end), _holds(of.statement, of.invoiced)
    found = explaining_windows(of.database, of.statement.asked, of.invoiced, span)
    if found and not found[0].exact and inside:
        return  # the period's own bounds say as much
    meant, chance = chance_matches([one.window for one in found], of.statement.asked, span, weak=inside)
    told = [one for one in found if one.window in meant]
    for one in told[:_MOST_WINDOWS]:
        yield _window(one, of.statement.asked.row.scale)
    if len(told) > _MOST_WINDOWS:
        verb = "does" if found[0].exact else "may"
        yield f"so it {verb} for {counted(len(told) - _MOST_WINDOWS, 'other windows')} tried"
    yield from _by_chance(chance)


def _by_chance(windows: Sequence[Shifted]) -> Iterator[str]:
    """Yield in one line that other windows match as well, which is no reason to believe in one of them."""
    if windows:
        nearest = ", or if it ".join(one.words for one in windows[:_MOST_CHANCES])
        many = "1 other window that was" if len(windows) == 1 else f"{len(windows):,} other windows that were"
        yield f"by chance possible: {many} tried would do as well, such as if the provider {nearest}"


def _window(one: Explained, scale: int) -> str:
    if one.exact:
        return f"the invoice matches if the provider {one.window.words}"
    used = one.used
    upper = "open" if used.upper is None else number(scaled(used.upper, scale))
    return (
        f"the invoice may match if the provider {one.window.words}: between {number(scaled(used.lower, scale))} and "
        f"{upper} were used then"
    )


def _records(of: _Difference) -> Iterator[str]:
    asked, size = of.statement.asked, of.smallest
    if asked.row.counts is not Counts.CREDITS or not size:
        return
    found = record_matches(of.database, asked.row.account, (asked.period.start, asked.period.end), abs(size))
    for one in found.singles:
        yield from _candidates(one, missing=size < 0, credits=abs(size))
    if found.pair is not None:
        first, second = found.pair
        verb = "were missing from the invoice" if size < 0 else "were billed twice"
        yield f"it would match if {_record(first)} and {_record(second)} {verb}"


def _candidates(one: Candidates, *, missing: bool, credits: int) -> Iterator[str]:
    """Yield what records would explain; less was never billed because of a request outside of the period."""
    if missing and not one.inside:
        return
    verb = "was billed here, although the ledger has it in the neighbouring period"
    if one.inside:
        verb = "was missing from the invoice, or was refunded" if missing else "was billed twice"
    named = ", ".join(_record(record) for record in one.records)
    if one.total == 1:
        yield f"it would match if {named} {verb}"
        return
    more = "" if one.total == len(one.records) else f" and {one.total - len(one.records):,} more"
    yield f"it would match if any one of {one.total:,} requests of {credits:,} credits {verb}: {named}{more}"


def _record(record: RecordRow) -> str:
    made = moment(record.created_at or record.first_seen_at)
    return f"{record.request_id!r} ({record.status}, {number(record.credits_used)} credits, made {made})"


def _decided(of: _Difference) -> Iterator[str]:
    yield from explaining_falls(of.database, of.statement, of.invoiced)


def _requests(of: _Difference) -> Iterator[str]:
    statement = of.statement
    unresolved = (statement.requests or {}).get(UNRESOLVED, 0)
    if unresolved:
        what = "they" if unresolved != 1 else "it"
        their = "their" if unresolved != 1 else "its"
        yield f"{counted(unresolved, 'requests')} left the list before {their} end, so what {what} used may come later"
    missing = statement.figures.missing_requests
    if missing:
        same = statement.asked.row.counts is Counts.REQUESTS and abs(of.discrepancy) == missing
        were = "were" if missing != 1 else "was"
        shown = ": just what differs" if same else ""
        yield f"{counted(missing, 'requests')} {were} counted that no list ever showed{shown}"
    recorded, scale = recorded_by(statement), statement.asked.row.scale
    if recorded is None:
        return
    if recorded == of.invoiced:
        yield "the invoice equals what the request records of the period used"
    elif not _holds(statement, recorded):
        yield f"{number(scaled(statement.figures.unexplained, scale))} of the usage is in no request record"


def _span(of: _Difference) -> Iterator[str]:
    """Yield within which bounds the ledger knows the usage, and whether the invoice lies within them."""
    figures, scale = of.statement.figures, of.statement.asked.row.scale
    if figures.lower != figures.upper:
        upper = "open" if figures.upper is None else number(scaled(figures.upper, scale))
        lower = number(scaled(figures.lower, scale))
        inside = _holds(of.statement, of.invoiced)
        yield (
            f"the period alone used between {lower} and {upper}; the invoice lies "
            + ("within, so what was used around its ends may be all that differs" if inside else "outside")
        )


def _days(of: _Difference) -> Iterator[str]:
    """Yield the days that the ledger itself does not know exactly."""
    scale = of.statement.asked.row.scale
    days = [day for day in of.statement.charges.days if _is_wide(day, abs(of.discrepancy.scaleb(scale)))]
    ends = {of.statement.charges.days[0], of.statement.charges.days[-1]}
    widest = sorted(days, key=lambda day: (day not in ends, day.coverage, day.day))[:_MOST_DAYS]
    yield from (_day(day, scale) for day in sorted(widest, key=lambda day: day.day))
    if len(days) > len(widest):
        yield f"{len(days) - len(widest)} more days were not wholly observed, or have bounds"


def _holds(statement: MeterStatement, quantity: Decimal) -> bool:
    """Tell whether the bounds of the statement hold a quantity of units."""
    figures, wanted = statement.figures, quantity.scaleb(statement.asked.row.scale)
    return figures.lower <= wanted and (figures.upper is None or wanted <= figures.upper)


def _is_wide(day: ChargedDay, differs: Decimal) -> bool:
    """Tell whether a day can have been otherwise, by as much as ``differs`` or because it was not wholly observed."""
    if day.upper is None:
        return True
    return day.upper != day.lower and (day.coverage < 1 or day.upper - day.lower >= differs)


def _day(day: ChargedDay, scale: int) -> str:
    upper = "open" if day.upper is None else number(scaled(day.upper, scale))
    lower = number(scaled(day.lower, scale))
    return f"{day.day}: {number(scaled(day.usage, scale))}, between {lower} and {upper}, {share(day.coverage)} observed"


def _amounts(database: Database, row: Reconciled, statement: MeterStatement, billed: Billed) -> Iterator[str]:
    """Yield which other window or price would give the invoiced amount."""
    figures, amount, quantity = statement.figures, billed.line.amount, billed.line.quantity
    if amount is None or figures.amount is None or figures.currency is None or figures.amount == amount:
        return
    more = "more" if amount > figures.amount else "less"
    same = "" if quantity is None else " for the same quantity"
    yield f"{abs(amount - figures.amount)} {figures.currency} {more} invoiced than the declared prices give{same}"
    if amount == statement.charges.rating.amount:
        yield "it is what the declared prices give before it is rounded to the currency's minor unit"
        return
    yield from _other_period(row, statement)
    windows = []
    if quantity is None:
        windows = paying_windows(database, statement.asked, amount, (billed.start, billed.end))
    for one in windows[:_MOST_WINDOWS]:
        yield f"the invoice matches if the provider {one.words}"
    if not windows:
        yield from _prices(statement, amount, figures.currency)


def _prices(statement: MeterStatement, amount: Decimal, currency: str) -> Iterator[str]:
    """Yield which price would give the invoiced amount for the same quantity."""
    used = usage_of(statement)
    price = price_on(
        statement.asked.agreement.terms_of(statement.asked.row.name).prices, statement.asked.period.starts_on
    )
    fitting = None if price is not None and price.tiers else _fitting(amount, used, currency)
    if fitting is not None:
        each, declared = (
            "each unit",
            "" if price is None or price.per_unit is None else f"; declared is {price.per_unit}",
        )
        if declared and price is not None and price.included:
            each, declared = "each unit, none of them included", f"{declared} after {price.included:,} included units"
        yield f"it would match at {fitting} {currency} for {each}{declared}"
    if price is not None and price.included and price.per_unit is not None:
        without = rounded(EXACT.multiply(price.per_unit, used), currency)
        if without == amount:
            yield f"it would match if the {price.included:,} included units had not been granted"


def _fitting(amount: Decimal, used: Decimal, currency: str) -> Decimal | None:
    """Return the price with the fewest places that gives ``amount`` for ``used`` units, or None."""
    if used <= 0:
        return None
    for places in range(_MOST_PLACES + 1):
        price = _WIDE.divide(amount, used).quantize(Decimal(1).scaleb(-places), context=_WIDE)
        if price and rounded(EXACT.multiply(price, used), currency) == amount:
            return price
    return None
