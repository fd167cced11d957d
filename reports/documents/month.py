"""The month report as a document: the page from which a finance person can tell whether to pay, and why.

It reads from top to bottom: whether to pay, how much, how sure, how it compares, what is ahead, which requests; then
each meter with the same in full; then the tables. Sentences are made from the rows of the report ``month`` and of
``reconcile``, so no figure is reckoned twice.

Public: ``month_document``, ``month_answer``, ``MonthAnswer``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from collector.store.engine import Database
from reports.document import Block, Document, Section
from reports.documents.month_charts import day_chart, earlier_chart, earlier_table, quota_chart, status_chart
from reports.documents.month_compare import ahead_sentences, ahead_shortly, compare_sentences, compare_shortly
from reports.documents.month_facts import facts_of, head_facts, should_say, taken_back
from reports.documents.month_invoiced import invoiced_of
from reports.documents.month_meters import MeterMonth, Month, month_of
from reports.documents.month_requests import MOST, AccountRequests
from reports.documents.month_sure import closed_shortly, sure_sentences, sure_shortly
from reports.documents.month_tables import (
    day_table,
    fall_table,
    figure_table,
    gap_table,
    missed_table,
    overview,
    price_table,
    record_table,
    records_table,
)
from reports.documents.month_verdict import overall
from reports.documents.month_words import counted, money, named, period_text, sentence
from reports.invoices import Invoice
from reports.month import As, object_of
from reports.question import Question
from reports.rendering import Row
from reports.tables import share

_NOTHING = "Nothing was recorded in this period; `collector poll` records, `collector status` tells more."
_FOOTER = (
    "Made from the ledger by `collector report month`. Used: by how much the counter grew in the period. At least, at "
    "most: what the readings around the period's ends allow. Observed: the share of the period in which no silence was "
    "longer than the account's polls allow.",
    "Amounts are rounded once, half to even, to the currency's minor unit; instants in tables are UTC where the column "
    "does not name a zone, those in sentences name theirs.",
)
_PLAIN_WORDS = frozenset({"All", "No", "Nothing", "On", "The", "There"})
_MOST_WHY = 3
_MOST_TOLD = 4


@dataclass(frozen=True, slots=True)
class MonthAnswer:
    """The document, and how the command ends: 0, or as ``reconcile`` does for the accounts that the invoice names.

    Attributes:
        invoiced: By account and meter, the columns ``month_invoiced.INVOICED``; nothing without an invoice.
    """

    document: Document
    exit_code: int
    invoiced: Mapping[tuple[str, str], Row]


def month_document(
    database: Database, question: Question, text: str, which: As = As.NOW, invoice: Invoice | None = None
) -> Document:
    """Return the report ``month`` of the period that ``text`` names, with a verdict where an ``invoice`` is given.

    Raises:
        UsageError: The text names no period, closed figures are asked for in another zone, or a line of the invoice
            cannot be meant as it stands.
        NotEnoughDataError: Closed figures are asked for, and no such period is closed.
    """
    return month_answer(database, question, text, which, invoice).document


def month_answer(
    database: Database, question: Question, text: str, which: As = As.NOW, invoice: Invoice | None = None
) -> MonthAnswer:
    """Return the document of ``month_document`` and the exit code; errors are those of ``month_document``."""
    found = month_of(database, question, text, which, invoice)
    if found.judgement is None:
        return MonthAnswer(_document(found), 0, {})
    return MonthAnswer(_document(found), found.judgement.exit_code, found.judgement.cells)


def _document(found: Month) -> Document:
    empty = "" if found.meters or found.verdicts else _NOTHING
    invoiced = {} if found.judgement is None else found.judgement.cells
    return Document(
        name="month",
        title=_title(found),
        subtitle=_subtitle(found),
        made_at=found.now,
        records=records_table(found),
        facts=head_facts(found),
        paragraphs=() if empty else tuple(_answer(found)),
        sections=() if empty else tuple(_sections(found)),
        footer=(*(sentence(note) for note in found.notes), *_FOOTER),
        empty=empty,
        objects=[{**object_of(row, found.which), **invoiced_of(row, invoiced)} for row in found.rows],
        foretold=tuple(one.foretold for one in found.meters if one.foretold is not None),
    )


def _title(found: Month) -> str:
    names = {period_text(one.view.start, one.view.end, one.zone) for one in found.meters}
    name = names.pop() if len(names) == 1 else f"period {found.text}"
    return f"Usage, {name}" if "–" in name or name.startswith("period") else f"Usage in {name}"


def _subtitle(found: Month) -> str:
    accounts = sorted({one.view.account for one in found.meters})
    zones = sorted({one.zone.key for one in found.meters})
    if not accounts:
        return f"Period {found.text}"
    shown = ", ".join(named(each) for each in accounts[:_MOST_TOLD])
    more = f" and {len(accounts) - _MOST_TOLD:,} more" if len(accounts) > _MOST_TOLD else ""
    kind = {As.CLOSED: "as closed", As.BOTH: "as now known, beside the figures as closed"}.get(found.which)
    return f"{shown}{more} · {', '.join(zones)}{f' · {kind}' if kind else ''}"


def _answer(found: Month) -> Iterator[str]:
    """Yield the answer in sentences: pay or not and why, then how sure, compared with what, ahead, requests."""
    verdict = overall(found.verdicts)
    main = _main(found)
    if verdict is not None:
        yield verdict.headline
        yield from verdict.explained[:_MOST_WHY]
        if found.which is As.CLOSED:
            yield "The verdict is on what is now known of the period; the figures shown are those as closed."
        yield from _unnamed(found)
    elif found.judgement is not None:
        yield "The invoice bills nothing that could be held against this period."
    else:
        yield from (should_say(one) for one in main[:_MOST_TOLD])
    if len(main) == 1:
        yield from _shortly(main[0])
    else:
        yield from (_in_one(one) for one in main[:_MOST_TOLD])
    if len(main) > _MOST_TOLD:
        yield f"{len(main) - _MOST_TOLD:,} more meters are told below."
    if len(found.requests) == 1:
        yield from (f"Requests: {_requests_shortly(each)}" for each in found.requests.values())


def _unnamed(found: Month) -> Iterator[str]:
    """Yield which accounts the invoice does not cover."""
    names = () if found.judgement is None else found.judgement.unnamed
    if names:
        shown = ", ".join(named(each) for each in names[:_MOST_TOLD])
        more = f" and {len(names) - _MOST_TOLD:,} more" if len(names) > _MOST_TOLD else ""
        which = "is an account that" if len(names) == 1 else "are accounts that"
        yield f"Not part of this verdict {which} the invoice does not name: {shown}{more}."


def _in_one(one: MeterMonth) -> str:
    """Return a meter of several in a paragraph: how much, how sure, compared with what."""
    figures = one.view.figures
    cost = "" if figures["amount"] is None else f" for {money(figures['amount'], figures['currency'])}"
    used = sentence(f"{counted(figures['usage'], one.view.unit)}{cost}")
    told = " ".join(_begun(each) for each in (sure_shortly(one), taken_back(one), compare_shortly(one)) if each)
    return f"{named(one.view.account)}, {one.view.meter}: {used} {told}"


def _shortly(one: MeterMonth) -> Iterator[str]:
    """Yield how sure, compared with what, and what is ahead of one meter, each in a sentence."""
    for name, text in (
        ("How sure", sure_shortly(one)),
        ("Taken back", taken_back(one)),
        ("Closed", closed_shortly(one)),
        ("Compared", compare_shortly(one)),
        ("Ahead", ahead_shortly(one)),
    ):
        if text:
            yield f"{name}: {_within(text)}"


def _within(text: str) -> str:
    """Return a sentence as it goes on behind a colon; a name keeps its capital."""
    first = text.split(" ", 1)[0]
    return text[:1].lower() + text[1:] if first in _PLAIN_WORDS else text


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]


def _main(found: Month) -> Sequence[MeterMonth]:
    """Return the meters that money is about: those billed or priced, else the first one of each account."""
    decided = [one for one in found.meters if one.verdict is not None and one.verdict.decides]
    priced = [one for one in found.meters if one.view.figures["amount"] is not None]
    firsts = {one.view.account: one for one in reversed(found.meters)}
    return decided or priced or [firsts[name] for name in sorted(firsts)]


def _requests_shortly(requests: AccountRequests) -> str:
    if not requests.total:
        return "No request was made in the period, as far as the provider's list tells."
    failed = "none failed"
    if requests.failed:
        failed = f"{requests.failed:,} of them failed ({share(requests.failed / requests.total)})"
    open_ = len(requests.unresolved)
    left = "" if not open_ else f"; of {requests.statuses.get('unresolved', open_):,} nobody knows how they ended"
    return f"{_begun(counted(requests.total, 'requests'))} were listed; {failed}{left}."


def _sections(found: Month) -> Iterator[Section]:
    if len(found.meters) > 1 or len(found.verdicts) > 1:
        yield Section("overview", "Accounts and meters at a glance", blocks=(overview(found),))
    main = list(_main(found))
    shown: set[str] = set()
    for one in found.meters:
        yield from _meter(one, alone=main == [one])
        account = one.view.account
        last = [each for each in found.meters if each.view.account == account][-1] is one
        if last and account in found.requests and account not in shown:
            shown.add(account)
            yield _requests(one.prefix, account, found.requests[account])
    for number, verdict in enumerate(found.verdicts, 1):
        if (verdict.account, verdict.meter) not in {(one.view.account, one.view.meter) for one in found.meters}:
            title = f"Only on the invoice: {named(verdict.account)} · {named(verdict.meter)}"
            yield Section(f"v{number}", title, paragraphs=(verdict.headline, *verdict.why))
    yield from _tables(found.meters)


def _blocks(blocks: Iterable[Block | None]) -> tuple[Block, ...]:
    return tuple(block for block in blocks if block is not None)


def _meter(one: MeterMonth, *, alone: bool) -> Iterator[Section]:
    prefix, view = one.prefix, one.view
    name = f"{named(view.account)} · {view.meter}"
    told = () if one.verdict is None else (*(() if alone else (one.verdict.headline,)), *one.verdict.why)
    said = () if alone or one.verdict is not None or one.view.figures["amount"] is None else (should_say(one),)
    yield Section(
        prefix,
        name,
        facts=facts_of(one, verdict=not alone),
        paragraphs=(*told, *said),
        blocks=_blocks([day_chart(one)]),
    )
    yield Section(
        f"{prefix}_sure",
        "How sure are we?",
        3,
        paragraphs=sure_sentences(one),
        blocks=_blocks([gap_table(one), fall_table(one), missed_table(one)]),
    )
    yield Section(
        f"{prefix}_compared",
        "How does it compare?",
        3,
        paragraphs=tuple(_begun(each) for each in compare_sentences(one)),
        blocks=_blocks([earlier_chart(one), earlier_table(one) if one.earlier else None]),
    )
    ahead, chart = ahead_sentences(one), quota_chart(one)
    if ahead or chart is not None:
        yield Section(f"{prefix}_ahead", "What is ahead?", 3, paragraphs=ahead, blocks=_blocks([chart]))


def _requests(prefix: str, account: str, requests: AccountRequests) -> Section:
    return Section(
        f"{prefix}_requests",
        f"Which requests: {named(account)}",
        paragraphs=(_requests_shortly(requests),),
        blocks=_blocks(
            [
                status_chart(requests, prefix),
                record_table(f"{prefix}_biggest", f"The requests that used most (up to {MOST})", requests.biggest),
                record_table(f"{prefix}_longest", f"The requests that took longest (up to {MOST})", requests.longest),
                record_table(f"{prefix}_open", "Requests that left the list before their end", requests.unresolved),
            ]
        ),
    )


def _tables(months: Sequence[MeterMonth]) -> Iterator[Section]:
    for one in months:
        yield Section(
            f"{one.prefix}_tables",
            f"Tables: {named(one.view.account)} · {one.view.meter}",
            blocks=_blocks([price_table(one), figure_table(one), day_table(one)]),
        )
