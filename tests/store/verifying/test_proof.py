from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.store.verifying.conftest import proof_of

if TYPE_CHECKING:
    from tests.store.verifying.conftest import Shelf


def test_a_ledger_in_which_everything_happened_is_proved(shelf: Shelf) -> None:
    assert [one.line for one in shelf.findings()] == []


def test_a_proof_writes_nothing(shelf: Shelf) -> None:
    tables = ("poll", "snapshot", "decision", "account", "usage_request")
    before = [shelf.nellie.rows(one) for one in tables]
    proof_of(shelf.database)
    assert [shelf.nellie.rows(one) for one in tables] == before


def test_everything_that_was_proved_is_counted(shelf: Shelf) -> None:
    counted: dict[str, int] = {}
    for check in proof_of(shelf.database).checks:
        counted |= check.counted
    for table, words in (("poll", "polls"), ("snapshot", "snapshots"), ("gap", "gaps"), ("decision", "decisions")):
        assert counted[words] == len(shelf.nellie.rows(table))


def test_only_the_accounts_asked_for_are_proved(shelf: Shelf) -> None:
    shelf.alter("UPDATE snapshot SET value = value + 1 WHERE meter = 1 AND number = 1")
    assert proof_of(shelf.database, accounts=["nected"]).proved


def test_a_head_that_is_still_in_the_chain_is_accepted(shelf: Shelf) -> None:
    digest = shelf.nellie.rows("poll")[3].digest.hex()
    assert proof_of(shelf.database, expected={"nellie-prod": [(4, digest[:12])]}).proved


@pytest.mark.parametrize(("number", "digits"), [(4, "0" * 12), (9_999, "0" * 12)], ids=["another", "gone"])
def test_a_head_that_is_not_in_the_chain_is_found(shelf: Shelf, number: int, digits: str) -> None:
    proof = proof_of(shelf.database, expected={"nellie-prod": [(number, digits)]})
    found = [one for check in proof.checks for one in check.findings]
    assert [(one.place.table, one.place.key["id"]) for one in found] == [("poll", number)]


def test_the_head_is_the_newest_poll_with_its_digest(shelf: Shelf) -> None:
    newest = [row for row in shelf.nellie.rows("poll") if row.account == shelf.nellie.row.id][-1]
    head = proof_of(shelf.database).heads["nellie-prod"]
    assert head is not None
    assert head.words == f"{newest.id}:{newest.digest.hex()[:12]}"


def test_the_newest_close_of_each_account_is_told_with_its_digest(shelf: Shelf) -> None:
    newest = shelf.nellie.rows("statement")[-1]
    closed = proof_of(shelf.database).closed
    assert [(name, one.number, one.digest) for name, one in closed.items()] == [
        ("nellie-prod", newest.number, newest.digest)
    ]


def test_a_cadence_that_is_gone_is_found(shelf: Shelf) -> None:
    shelf.alter("DELETE FROM cadence")
    found = [one.place.table for check in proof_of(shelf.database).checks for one in check.findings]
    assert "cadence" in found


def test_gaps_of_before_the_cadence_was_kept_are_left_out_and_counted(shelf: Shelf) -> None:
    shelf.alter("DELETE FROM cadence WHERE since = 0 AND account = 1")
    proof = proof_of(shelf.database, accounts=["nellie-prod"])
    assert any("older gaps" in note for check in proof.checks for note in check.notes)
