"""The figures at the head of the month report and of each meter, and what an invoice should say.

Public: ``head_facts``, ``facts_of``, ``should_say``, ``taken_back``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from reports.document import Fact, Tone
from reports.documents.month_evidence import SilenceKind
from reports.documents.month_gaps import gaps_of, read_apart
from reports.documents.month_meters import MeterMonth, Month
from reports.documents.month_verdict import overall
from reports.documents.month_words import between, counted, money, period_words, sentence, units, when
from reports.tables import number, share

_QUOTA = "Of the quota"
_UNCHECKED = Fact("Invoice", "Not checked", "give it with --invoice FILE")


def head_facts(found: Month) -> tuple[Fact, ...]:
    """Return the answer in figures: of one meter all of it, of several the verdict and the sums of money."""
    if not found.meters and not found.verdicts:
        return ()
    verdict = overall(found.verdicts)
    told = [_UNCHECKED] if verdict is None else [Fact("Invoice", verdict.word, verdict.bills, verdict.tone)]
    billed = [one for one in found.meters if one.verdict is not None and one.verdict.decides]
    priced = [one for one in found.meters if one.view.figures["amount"] is not None]
    main = billed or priced or list(found.meters[:1])
    if len(main) == 1:
        kept = [fact for fact in facts_of(main[0], verdict=False) if fact.label != _QUOTA or fact.tone is Tone.BAD]
        return (*told, *kept)
    return (*told, *_sums(priced), *_least_observed(found)) if main else tuple(told)


def _sums(priced: list[MeterMonth]) -> Iterator[Fact]:
    sums: dict[str, list[Decimal]] = {}
    for one in priced:
        sums.setdefault(str(one.view.figures["currency"]), []).append(units(one.view.figures["amount"]))
    for currency, amounts in sorted(sums.items()):
        note = f"{len(amounts):,} meters, at your prices" if len(amounts) > 1 else "1 meter, at your prices"
        yield Fact(f"Amount in {currency}", money(sum(amounts, Decimal(0)), currency), note)


def _least_observed(found: Month) -> Iterator[Fact]:
    if found.meters:
        least = min(found.meters, key=lambda one: one.evidence.observed)
        yield Fact("Observed at least", share(least.evidence.observed), f"{least.view.account}, {least.view.meter}")


def facts_of(one: MeterMonth, *, verdict: bool = True) -> tuple[Fact, ...]:
    """Return a meter's figures: used, amount, invoice, quota, observed."""
    return (*_used(one), *_amount(one), *(_invoice(one) if verdict else ()), *_quota(one), *_observed(one))


def _used(one: MeterMonth) -> Iterator[Fact]:
    figures, unit = one.view.figures, one.view.unit
    note = between(figures["lower"], figures["upper"], unit)
    running = f"until {when(one.evidence.seen_until, one.zone)}; " if one.evidence.seen_until < one.view.end else ""
    exact = figures["lower"] == figures["upper"]
    tone = Tone.PLAIN if exact else Tone.WARNING
    yield Fact("Used", counted(figures["usage"], unit), f"{running}{'exact' if exact else note}", tone)


def _amount(one: MeterMonth) -> Iterator[Fact]:
    figures = one.view.figures
    if figures["amount"] is None:
        return
    note = "at your prices"
    if one.amounts is not None and one.amounts[0] != one.amounts[1]:
        least, most = one.amounts
        currency = figures["currency"]
        known = f"at least {money(least, currency)}" if most is None else f"{number(least)} to {money(most, currency)}"
        note = f"at your prices, {known}"
    if figures["unpriced"]:
        note += f"; {counted(figures['unpriced'], one.view.unit)} without a price not in it"
    yield Fact("Amount", money(figures["amount"], figures["currency"]), note)


def _invoice(one: MeterMonth) -> Iterator[Fact]:
    if one.verdict is not None:
        yield Fact("Invoice", one.verdict.word, one.verdict.bills, one.verdict.tone)


def _quota(one: MeterMonth) -> Iterator[Fact]:
    quota = one.quota_amount
    if not quota:
        return
    used = units(one.view.figures["usage"])
    part = float(used / quota)
    shown = quota if one.scale else int(quota)
    if used > quota:
        over = used - quota
        note = f"{counted(over if one.scale else int(over), one.view.unit)} over the quota of {number(shown)}"
        yield Fact(_QUOTA, f"{part * 100:,.1f} %", note, Tone.BAD)
    else:
        yield Fact(_QUOTA, share(part), f"of {counted(shown, one.view.unit)}")


def _observed(one: MeterMonth) -> Iterator[Fact]:
    gaps = gaps_of(one)
    note = "no gap" if not gaps else "1 gap" if len(gaps) == 1 else f"{len(gaps):,} gaps"
    note = read_apart(one) or note
    if one.evidence.seen_until < one.view.end:
        note = f"up to the last observation, {note}"
    exact = one.view.figures["lower"] == one.view.figures["upper"] and not _begins_late(one)
    tone = Tone.GOOD if one.evidence.observed == 1 else Tone.PLAIN if exact else Tone.WARNING
    yield Fact("Observed", share(one.evidence.observed), note, tone)


def _begins_late(one: MeterMonth) -> bool:
    return any(each.kind is SilenceKind.BEFORE for each in one.evidence.silences)


def should_say(one: MeterMonth) -> str:
    """Return what an invoice of the period should bill, and the command that holds one against the ledger."""
    view, figures = one.view, one.view.figures
    name = period_words(view.start, view.end, one.zone)
    used = counted(figures["usage"], view.unit)
    cost = "" if figures["amount"] is None else f" and {money(figures['amount'], figures['currency'])}"
    if one.evidence.seen_until < view.end:
        seen = when(one.evidence.seen_until, one.zone)
        return sentence(
            f"{name} holds {used}{cost} so far, as seen until {seen}; an invoice can be judged once the period is over "
            f"and was observed to its end, {when(view.end, one.zone)}"
        )
    if _begins_late(one):
        return sentence(
            f"what the invoice for {name} should bill is not known: the ledger holds {used}{cost} for {view.account}, "
            f"{view.meter}, but nothing was observed before {when(_begun(one), one.zone)}"
        )
    known = (
        "" if figures["lower"] == figures["upper"] else f" ({between(figures['lower'], figures['upper'], view.unit)})"
    )
    closed = " These are the figures as closed." if one.row.now is None and one.row.closed is not None else ""
    return sentence(
        f"the invoice for {name} should bill {used}{known}{cost} for {view.account}, {view.meter}; "
        f"whether it does is told by: collector report month --period {view.period} --invoice FILE.{closed}"
    )


def taken_back(one: MeterMonth) -> str:
    """Return what the provider took back in the period, in a sentence; empty where that is nothing or said already."""
    falls = [each for each in one.evidence.falls if each.kind == "correction"]
    if not falls or (one.verdict is not None and any("took" in each for each in one.verdict.why)):
        return ""
    lost = sum((units(each.before) - units(each.after) for each in falls), Decimal(0))
    amount = counted(lost if one.scale else int(lost), one.view.unit)
    times = f" in {len(falls):,} corrections, the last" if len(falls) > 1 else ""
    return (
        f"The provider took {amount} back{times} by {when(falls[-1].at, one.zone)}; the total is less by as much, and "
        "an invoice drawn up without that bills more."
    )


def _begun(one: MeterMonth) -> datetime:
    return next(each.end for each in one.evidence.silences if each.kind is SilenceKind.BEFORE)
