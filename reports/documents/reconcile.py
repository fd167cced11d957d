"""The report ``reconcile`` as a document: for each meter whether the invoice fits, by how much not, and why.

Public: ``reconcile_document``, ``reconcile_answer``, ``ReconcileAnswer``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from collector.store.engine import Database
from reports.document import Column, Document, Fact, Kind, Section, Table, Tone
from reports.documents.month_judged import open_reasons
from reports.documents.month_money import amount_bounds
from reports.documents.month_verdict import Verdict, overall, verdict_of
from reports.documents.month_words import between, counted, money, named, period_text, sentence, when
from reports.explanations import explanations
from reports.invoices import Invoice
from reports.question import Question
from reports.reconciliation import COLUMNS, Reconciled, Reconciliation, Status, reconcile
from reports.rendering import Row
from reports.statement import left_out, periods_named
from reports.statement_views import view_of
from reports.tables import number, share

_KINDS = {
    **dict.fromkeys(("period_start", "period_end"), Kind.INSTANT),
    **dict.fromkeys(("opening", "closing", "usage", "lower", "upper", "request_credits", "unexplained",
                     "invoiced_quantity", "discrepancy"), Kind.QUANTITY),
    **dict.fromkeys(("amount", "invoiced_amount"), Kind.MONEY),
    "missing_requests": Kind.COUNT,
    "coverage": Kind.SHARE,
}  # fmt: skip
_COMPARED = (
    Column("account", "Account"), Column("meter", "Meter"), Column("unit", "Unit"),
    Column("usage", "Used", Kind.QUANTITY), Column("invoiced_quantity", "Invoiced", Kind.QUANTITY),
    Column("discrepancy", "Differs", Kind.QUANTITY), Column("amount", "Costs", Kind.MONEY),
    Column("invoiced_amount", "Billed", Kind.MONEY), Column("currency", "Currency"), Column("status", "Status"),
)  # fmt: skip
_NOTHING = "Nothing was recorded in this period; `collector poll` records, `collector status` tells more."
_FOOTER = (
    "Made from the ledger by `collector report reconcile`. Differs: what is invoiced less what was used. Costs: at the "
    "prices declared in the settings. The bounds of a period's usage explain a difference, they never make it fit.",
)
_TONES = {
    Status.MATCHED: Tone.GOOD, Status.WITHIN_TOLERANCE: Tone.GOOD, Status.MISMATCH: Tone.BAD,
    Status.PROVIDER_ONLY: Tone.BAD, Status.LOCAL_ONLY: Tone.WARNING, Status.INCOMPLETE: Tone.WARNING,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReconcileAnswer:
    """The document, and how the command ends: 1 where the invoice does not fit, 4 where that is not known, else 0."""

    document: Document
    exit_code: int


def reconcile_document(database: Database, question: Question, text: str, invoice: Invoice | None = None) -> Document:
    """Return the report ``reconcile`` of the period that ``text`` names.

    Raises:
        UsageError: The text names no period, or a line of the invoice cannot be meant as it stands.
    """
    return reconcile_answer(database, question, text, invoice).document


def reconcile_answer(
    database: Database, question: Question, text: str, invoice: Invoice | None = None
) -> ReconcileAnswer:
    """Return the document of ``reconcile_document`` and the exit code; errors are those of ``reconcile_document``."""
    found = reconcile(database, question, text, invoice)
    told = {(one.account, one.meter): explanations(database, one) for one in found.rows}
    verdicts = [verdict_of(one, told[one.account, one.meter]) for one in found.rows] if invoice is not None else []
    notes = [*found.notes, *left_out(database, question, text, periods_named(database, question, text))]
    document = Document(
        name="reconcile",
        title=f"{'Usage' if invoice is None else 'The invoice'} for {_title(found.rows, text)}",
        subtitle=_subtitle(found.rows, text),
        made_at=question.now,
        records=_records(found.rows),
        facts=_facts(found, verdicts),
        paragraphs=tuple(_answer(found, verdicts)) if found.rows else (),
        sections=tuple(_sections(found, verdicts)),
        footer=(*(sentence(note) for note in notes), *_FOOTER),
        empty="" if found.rows else _NOTHING,
    )
    return ReconcileAnswer(document, found.exit_code(invoiced=invoice is not None))


def _title(rows: Sequence[Reconciled], text: str) -> str:
    names = {
        period_text(one.statement.asked.period.start, one.statement.asked.period.end, _zone(one))
        for one in rows
        if one.statement is not None
    }
    return names.pop() if len(names) == 1 else text


def _zone(row: Reconciled) -> ZoneInfo:
    return ZoneInfo("UTC") if row.statement is None else row.statement.asked.agreement.zone


def _subtitle(rows: Sequence[Reconciled], text: str) -> str:
    accounts = sorted({named(one.account) for one in rows})
    zones = sorted({_zone(one).key for one in rows if one.statement is not None})
    return " · ".join(part for part in (", ".join(accounts), ", ".join(zones)) if part) or f"Period {text}"


def _records(rows: Sequence[Reconciled]) -> Table:
    columns = tuple(Column(key, key.replace("_", " ").capitalize(), _KINDS.get(key, Kind.TEXT)) for key in COLUMNS)
    return Table("reconcile", "Comparison", columns, tuple(one.row for one in rows))


def _facts(found: Reconciliation, verdicts: Sequence[Verdict]) -> tuple[Fact, ...]:
    verdict = overall(verdicts)
    told = [] if verdict is None else [Fact("Invoice", verdict.word, verdict.bills, verdict.tone)]
    counts: dict[Status, int] = {}
    for one in found.rows:
        if one.expected:
            counts[one.status] = counts.get(one.status, 0) + 1
    if len(found.rows) == 1:
        return (*told, *_figures(found.rows[0]))
    return (*told, *(Fact(_words(status), f"{count:,}", tone=_TONES[status]) for status, count in counts.items()))


def _words(status: Status) -> str:
    return status.value.replace("_", " ").capitalize()


def _answer(found: Reconciliation, verdicts: Sequence[Verdict]) -> Iterator[str]:
    verdict = overall(verdicts)
    if verdict is not None:
        yield verdict.headline
        yield from verdict.why
    elif verdicts:
        yield "No line of the invoice decides anything: nothing that it should bill was used."
    else:
        yield "No invoice was given; --invoice FILE holds one against these figures."


def _sections(found: Reconciliation, verdicts: Sequence[Verdict]) -> Iterator[Section]:
    if found.rows:
        rows: tuple[Row, ...] = tuple({**one.row, "status": _words(one.status)} for one in found.rows)
        yield Section("compared", "Side by side", blocks=(Table("compared", "Side by side", _COMPARED, rows),))
    known: Mapping[tuple[str, str], Verdict] = {(one.account, one.meter): one for one in verdicts}
    for number_, one in enumerate(found.rows, 1):
        verdict = known.get((one.account, one.meter))
        told = () if verdict is None else (verdict.headline, *verdict.why)
        yield Section(
            f"r{number_}",
            f"{named(one.account)} · {named(one.meter)}",
            facts=_figures(one),
            paragraphs=(*told, *_ledger(one)),
        )


def _figures(one: Reconciled) -> tuple[Fact, ...]:
    return (*_ledger_facts(one), *_invoice_facts(one), Fact("Status", _words(one.status), tone=_tone(one)))


def _tone(one: Reconciled) -> Tone:
    return _TONES[one.status] if one.expected else Tone.PLAIN


def _ledger_facts(one: Reconciled) -> Iterator[Fact]:
    if one.statement is None:
        return
    view = view_of(one.statement)
    figures = view.figures
    known = between(figures["lower"], figures["upper"], view.unit)
    yield Fact("Used", counted(figures["usage"], view.unit), known if figures["lower"] != figures["upper"] else "exact")
    if figures["amount"] is not None:
        yield Fact("Costs", money(figures["amount"], figures["currency"]), "at your prices")


def _invoice_facts(one: Reconciled) -> Iterator[Fact]:
    if one.billed is None:
        return
    row = one.row
    unit = str(row["unit"] or "units")
    if row["invoiced_quantity"] is not None:
        yield Fact("Invoiced", counted(row["invoiced_quantity"], unit), _differs(one))
    if one.billed.line.amount is not None:
        yield Fact("Billed", money(one.billed.line.amount, one.billed.line.currency or row["currency"]))


def _differs(one: Reconciled) -> str:
    found = one.discrepancy
    if not found:
        return ""
    return f"{number(abs(found))} {'more' if found > 0 else 'less'} than used"


def _ledger(one: Reconciled) -> Iterator[str]:
    """Yield how well the ledger knows its side."""
    if one.statement is None:
        return
    view, zone = view_of(one.statement), _zone(one)
    for reason in open_reasons(one.statement):
        yield sentence(f"the ledger is incomplete: {reason}")
    bounds = amount_bounds(view)
    known = between(view.figures["lower"], view.figures["upper"], view.unit)
    cost = ""
    if bounds is not None and bounds[0] != bounds[1]:
        most = "" if bounds[1] is None else f" and at most {number(bounds[1])}"
        cost = f", which cost at least {number(bounds[0])}{most} {view.figures['currency']}"
    yield (
        f"The ledger, {_span(view.start, view.end, zone)}, holds {known}{cost}; "
        f"{share(view.figures['coverage'])} of that was observed."
    )


def _span(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    return f"{when(start, zone)} to {when(end, zone)}"
