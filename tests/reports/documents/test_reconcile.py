from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collector.domain.accounts import Account
from collector.errors import UsageError
from collector.store.engine import Database
from reports.document import Document, Kind, Section, Table, Tone
from reports.documents.reconcile import reconcile_answer, reconcile_document
from reports.reconciliation import COLUMNS
from tests.reports.conftest import Ledger
from tests.reports.october import NOW, fill, invoice


@pytest.fixture(scope="module")
def october(
    upgraded_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, make_account: Callable[..., Account]
) -> Iterator[Ledger]:
    """October as ``tests.reports.october`` has it; only to be read."""
    path = tmp_path_factory.mktemp("reconcile") / "usage.db"
    shutil.copy(upgraded_sqlite, path)
    found = Ledger(Database(f"sqlite:///{path}"), make_account)
    fill(found)
    yield found
    found.database.close()


def of(ledger: Ledger, *lines: str, text: str = "2026-10", **changes: Any) -> Document:
    billed = invoice(*lines) if lines else None
    return reconcile_document(ledger.database, ledger.question(NOW, **changes), text, billed)


def section(document: Document, name: str) -> Section:
    return next(one for one in document.sections if one.name == name)


@pytest.mark.parametrize(
    ("line", "word", "tone", "code"),
    [
        pytest.param("3807,38.07,EUR", "Pay it", Tone.GOOD, 0, id="fits"),
        pytest.param("3907,39.07,EUR", "Do not pay yet", Tone.BAD, 1, id="too high"),
        pytest.param("3707,37.07,EUR", "Check it first", Tone.WARNING, 1, id="too low"),
    ],
)
def test_first_fact_is_the_verdict(line: str, word: str, tone: Tone, code: int, october: Ledger) -> None:
    question = october.question(NOW, meters=("credits",))
    found = reconcile_answer(october.database, question, "2026-10", invoice(line))
    first = found.document.facts[0]
    assert (first.label, first.value, first.tone, found.exit_code) == ("Invoice", word, tone, code)


def test_every_row_has_its_verdict_its_figures_and_how_well_the_ledger_knows_them(october: Ledger) -> None:
    found = section(of(october, "3907,39.07,EUR"), "r1")
    assert found.title == "nellie-prod · credits"
    assert [(fact.label, fact.value, fact.note) for fact in found.facts] == [
        ("Used", "3,807 credits", "exact"),
        ("Costs", "38.07 EUR", "at your prices"),
        ("Invoiced", "3,907 credits", "100 more than used"),
        ("Billed", "39.07 EUR", ""),
        ("Status", "Mismatch", ""),
    ]
    assert found.paragraphs[0].startswith("Do not pay yet: the invoice bills 3,907 credits and 39.07 EUR, 100 credits")
    assert "It would match if any one of 30 requests of 100 credits was billed twice" in " ".join(found.paragraphs)
    assert found.paragraphs[-1] == (
        "The ledger, 1 Oct 2026, 00:00 Europe/Berlin to 1 Nov 2026, 00:00 Europe/Berlin, holds exactly 3,807 credits; "
        "100.0 % of that was observed."
    )


def test_meter_that_need_not_be_billed_is_no_warning(october: Ledger) -> None:
    found = section(of(october, "3807,38.07,EUR"), "r2")
    assert [fact.tone for fact in found.facts if fact.label == "Status"] == [Tone.PLAIN]


def test_rows_are_those_of_the_command_s_csv(october: Ledger) -> None:
    records = of(october, "3907,39.07,EUR").records
    assert tuple(column.key for column in records.columns) == COLUMNS
    assert {column.key: column.kind for column in records.columns}["discrepancy"] is Kind.QUANTITY
    assert [(row["meter"], row["discrepancy"], row["status"]) for row in records.rows] == [
        ("credits", 100, "mismatch"),
        ("requests", None, "local_only"),
    ]
    (compared,) = (block for block in section(of(october, "3907,39.07,EUR"), "compared").blocks)
    assert isinstance(compared, Table)
    assert [row["status"] for row in compared.rows] == ["Mismatch", "Local only"]


def test_without_an_invoice_it_says_how_to_give_one(october: Ledger) -> None:
    found = of(october)
    assert found.paragraphs == ("No invoice was given; --invoice FILE holds one against these figures.",)
    assert found.title == "Usage for October 2026"


def test_incomplete_ledger_says_why_on_the_account_s_clock(ledger: Ledger) -> None:
    fill(ledger, until=datetime(2026, 10, 20, tzinfo=UTC))
    found = of(ledger, "3807,38.07,EUR", meters=("credits",))
    assert found.facts[0].value == "Wait"
    assert section(found, "r1").paragraphs[-2] == (
        "The ledger is incomplete: the period ends on 1 Nov 2026, 00:00 Europe/Berlin, and the last observation is of "
        "20 Oct 2026, 02:00 Europe/Berlin."
    )


def test_notes_of_the_invoice_stand_at_the_end(october: Ledger) -> None:
    other = "nellie-prod,credits,2026-08-01,2026-09-01,1,,"
    footer = of(october, "3807,38.07,EUR", other).footer
    assert "1 line of other periods left out: from 2026-08-01 until 2026-08-31." in footer


def test_period_without_a_history_is_an_honest_empty_document(october: Ledger) -> None:
    found = of(october, text="2027-05")
    assert found.empty.startswith("Nothing was recorded")
    assert (found.paragraphs, found.sections) == ((), ())


def test_text_that_names_no_period_is_refused(october: Ledger) -> None:
    with pytest.raises(UsageError, match="no statement for"):
        of(october, text="October")
