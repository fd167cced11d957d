"""Whether to pay: the verdict on each row of a reconciliation and on a whole invoice, with what may explain it.

Public: ``Verdict``, ``verdict_of``, ``overall``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from reports.document import Tone
from reports.documents.month_judged import (
    CHECK,
    PAY,
    STOP,
    UNBILLED,
    WAIT,
    WRONG,
    billed_words,
    localised,
    word_and_text,
)
from reports.documents.month_words import day_text, named, sentence
from reports.reconciliation import Reconciled
from reports.statement_views import view_of

_MOST_TOLD = 3
_ORDER = (STOP, CHECK, WRONG, UNBILLED, WAIT, PAY)
_TONES = {STOP: Tone.BAD, **dict.fromkeys((CHECK, WRONG, UNBILLED, WAIT), Tone.WARNING), PAY: Tone.GOOD}
# What the headline says already, and a negative rest that the section on certainty puts into words.
_REPEATED = re.compile(r"invoiced than used\.$|not compared\.$|declared prices give|^-[\d,.]+ of the usage")
_DAY = re.compile(r"(\d{4}-\d\d-\d\d): (\S+), between (\S+) and (\S+), (.+ %) observed$", re.ASCII)
_EXPLAINS = re.compile(
    r"^(it would match|the invoice('s period is| m| equals)|the provider took|the counter began anew)", re.IGNORECASE
)
_WITHIN = re.compile(r"^the period alone used .*the invoice lies within", re.IGNORECASE)
_TELLING = re.compile(r"^(the provider took|the invoice (equals|'s period))", re.IGNORECASE)
_UNEXPLAINED = "Nothing was found in the ledger that explains just this difference; ask the provider what it billed."


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one row of a reconciliation means.

    Attributes:
        word: What to do, such as ``Pay it``.
        text: Why, as the rest of a sentence that begins with ``word``.
        why: What else was found, the most telling first.
        decides: False for a meter that may well be missing on the invoice.
        bills: What the invoice says, such as ``bills 3,807 credits and 38.07 EUR``; empty where it says nothing.
        by: The invoiced quantity less the usage; None where that is not known.
    """

    account: str
    meter: str
    word: str
    text: str
    why: tuple[str, ...] = ()
    decides: bool = True
    bills: str = ""
    by: Decimal | None = None

    @property
    def tone(self) -> Tone:
        """How it is meant."""
        return _TONES[self.word] if self.decides else Tone.PLAIN

    @property
    def explained(self) -> tuple[str, ...]:
        """What may explain a difference, for people with a minute; that nothing does, where nothing was found."""
        found = tuple(one for one in self.why if _EXPLAINS.match(one))
        within = any(_WITHIN.match(one) for one in self.why)
        if within:  # as the headline says; that requests of the size are many is then no clue
            found = tuple(one for one in found if _TELLING.match(one))
        if found or within or self.word not in {STOP, CHECK} or not self.by:
            return tuple(f"What may explain it: {one[:1].lower()}{one[1:]}" for one in found)
        return (_UNEXPLAINED,)

    @property
    def headline(self) -> str:
        """The whole sentence."""
        return sentence(f"{self.word}: {self.text}")


def verdict_of(row: Reconciled, told: Sequence[str]) -> Verdict:
    """Return what a row means; ``told`` is what ``reports.explanations`` found."""
    zone = None if row.statement is None else row.statement.asked.agreement.zone
    why = tuple(sentence(_day_told(localised(one, zone))) for one in told if not one.startswith("incomplete: "))
    word, text = word_and_text(row)
    kept = tuple(one for one in why if not _REPEATED.search(one))
    bills = "" if row.billed is None else billed_words(row, view_of(row.statement) if row.statement else None)
    return Verdict(
        row.account, row.meter, word, text, kept, row.expected, bills.removeprefix("the invoice "), row.discrepancy
    )


def _day_told(text: str) -> str:
    """Return what is told of a day that was not wholly observed, with its date as people write it."""
    match = _DAY.match(text)
    if match is None:
        return text
    used = f"{match[2]} used, between {match[3]} and {match[4]}"
    return f"{day_text(date.fromisoformat(match[1]))}: {used}; {match[5]} of the day was observed"


def overall(verdicts: Sequence[Verdict]) -> Verdict | None:
    """Return the one verdict on a whole invoice: that of its worst line; None where nothing decides."""
    deciding = sorted((one for one in verdicts if one.decides), key=lambda one: _ORDER.index(one.word))
    if len(deciding) < 2:
        return deciding[0] if deciding else None
    worst = deciding[0]
    waiting = [one for one in deciding if one.word == WAIT]
    wrong = [one for one in deciding if one.word not in {WAIT, PAY}]
    if worst.word == PAY:
        return Verdict("", "", PAY, f"all {len(deciding):,} lines fit ({_each(deciding)})")
    whole = f"{len(deciding):,} meters"
    if not wrong:
        return Verdict("", "", WAIT, f"{len(waiting):,} of {whole} cannot be judged yet. {_each(waiting)}")
    fit = "does not fit" if len(wrong) == 1 else "do not fit"
    later = f", and {len(waiting):,} cannot be judged yet" if waiting else ""
    text = f"{len(wrong):,} of {whole} {fit}{later}. {_each(wrong)}"
    return replace(worst, text=text, bills="") if len(wrong) == 1 else Verdict("", "", worst.word, text)


def _each(verdicts: Sequence[Verdict]) -> str:
    told = "; ".join(f"{named(one.account)}/{named(one.meter)}: {one.text}" for one in verdicts[:_MOST_TOLD])
    return told if len(verdicts) <= _MOST_TOLD else f"{told}; and {len(verdicts) - _MOST_TOLD:,} more"
