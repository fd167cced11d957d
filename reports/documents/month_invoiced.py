"""What an invoice is about: which accounts it names, for which period, and so what of a month it can be held against.

    named, this period          judged by ``month_verdict``
    named, another period       Wrong period: which one the invoice is for, and what to ask
    not named by any line       Not on this invoice: told without fault, and no part of the verdict

Rule for editors: this is how ``month`` reads an invoice; ``reconcile`` keeps every row and its own exit code.

Public: ``Judgement``, ``judged``, ``INVOICED``, ``invoiced_cells``, ``invoiced_of``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from collector.domain.calendar import day_of
from collector.domain.named_periods import name_of
from collector.domain.periods import period_of
from reports.billed_periods import Billed
from reports.documents.month_before import kind_of
from reports.documents.month_judged import ELSEWHERE, WRONG, billed_words
from reports.documents.month_verdict import Verdict, verdict_of
from reports.documents.month_words import named, period_text
from reports.invoices import Invoice
from reports.month import MonthRow
from reports.reconciliation import Reconciled, Reconciliation
from reports.rendering import Row
from reports.statement import MeterStatement
from reports.statement_views import view_of

INVOICED = ("verdict", "invoiced_quantity", "invoiced_amount", "discrepancy", "invoice_status")
_NOT_INVOICED: Row = dict.fromkeys(INVOICED)
_MOST_SPANS = 3
_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an invoice comes to.

    Attributes:
        verdicts: By account and meter, also of what the invoice does not name.
        unnamed: Accounts that no line of the invoice names.
        exit_code: As of ``reconcile``, for the accounts that the invoice names; 1 for another period's.
        cells: By account and meter, the columns of ``INVOICED``.
    """

    verdicts: Mapping[_Key, Verdict]
    unnamed: tuple[str, ...]
    exit_code: int
    cells: Mapping[_Key, Row]


def judged(held: Reconciliation, invoice: Invoice, told: Mapping[_Key, Sequence[str]]) -> Judgement:
    """Return what ``invoice`` comes to, given its reconciliation; ``told`` is what ``explanations`` found.

    An invoice that names none of the accounts asked for is held against all of them.
    """
    accounts = {one.account for one in held.rows}
    names = {line.account for line in invoice.lines}
    unnamed = accounts - names if names & accounts else set()
    placed = {one.account for one in held.rows if one.billed is not None}
    elsewhere: dict[_Key, list[Billed]] = {}
    for billed in held.elsewhere:
        elsewhere.setdefault((billed.line.account, billed.line.meter), []).append(billed)
    strays = {account for account, _ in elsewhere} - placed
    verdicts: dict[_Key, Verdict] = {}
    for one in held.rows:
        key = one.account, one.meter
        if one.account in unnamed:
            verdicts[key] = Verdict(*key, ELSEWHERE, f"it does not name the account {named(one.account)}", (), False)
        elif one.account in strays and one.statement is not None:
            verdicts[key] = _stray(one, one.statement, elsewhere.get(key, ()))
        else:
            verdicts[key] = verdict_of(one, told[key])
    deciding = [one for one in held.rows if verdicts[one.account, one.meter].decides]
    is_stray = any(one.word == WRONG for one in verdicts.values())
    code = 1 if is_stray else Reconciliation(tuple(deciding)).exit_code(invoiced=True)
    cells = {(one.account, one.meter): invoiced_cells(one, verdicts[one.account, one.meter]) for one in held.rows}
    return Judgement(verdicts, tuple(sorted(unnamed)), code, cells)


def invoiced_cells(row: Reconciled, verdict: Verdict) -> Row:
    """Return what an invoice says of a meter, and whether it fits; the status is empty where it names it nowhere."""
    cells = row.row
    status = None if verdict.word in {ELSEWHERE, WRONG} else row.status.value
    kept = {key: cells[key] for key in INVOICED[1:-1]}
    return {"verdict": verdict.headline, **kept, "invoice_status": status}


def invoiced_of(row: MonthRow, invoiced: Mapping[tuple[str, str], Row]) -> Row:
    """Return the columns of ``INVOICED`` of a meter; empty cells where no invoice was given."""
    return invoiced.get((row.shown.account, row.shown.meter), _NOT_INVOICED)


def _stray(row: Reconciled, statement: MeterStatement, each: Sequence[Billed]) -> Verdict:
    """Return the verdict on a meter whose account is billed for other periods than the one asked for."""
    if not each:
        return Verdict(row.account, row.meter, ELSEWHERE, f"it does not name the meter {named(row.meter)}", (), False)
    asked, view = statement.asked, view_of(statement)
    zone = asked.agreement.zone
    spans = {(one.start, one.end): one for one in each}
    shown = [period_text(*span, zone) for span in list(spans)[:_MOST_SPANS]]
    more = f" and {len(spans) - _MOST_SPANS:,} more periods" if len(spans) > _MOST_SPANS else ""
    bills = billed_words(replace(row, billed=each[0]), view).removeprefix("the invoice ") if len(each) == 1 else ""
    hints = [name for one in list(spans.values())[:_MOST_SPANS] if (name := _name(statement, one))]
    way = (
        f"hold it against its own with --period {' or --period '.join(hints)}"
        if hints
        else "no billing period of the account has just these days; accounts.billing says when they begin"
    )
    own = period_text(asked.period.start, asked.period.end, zone)
    beside = f" (it {bills})" if bills else ""
    text = f"this invoice is for {' and '.join(shown)}{more}{beside}, and {own} was asked for; {way}"
    return Verdict(row.account, row.meter, WRONG, text, bills=bills)


def _name(statement: MeterStatement, billed: Billed) -> str:
    """Return how the billed period is asked for; empty where it is no period of the account."""
    agreement = statement.asked.agreement
    billing = kind_of(agreement.billing, statement.asked.name)
    own = period_of(day_of(billed.start, agreement.zone), billing, agreement.zone)
    return name_of(own, billing) if (own.start, own.end) == (billed.start, billed.end) else ""
