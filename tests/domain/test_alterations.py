from __future__ import annotations

from dataclasses import replace

import pytest

from collector.domain.alterations import Hints, Origin, alteration
from collector.domain.digest import START, ChangeFact, ListFacts, PollFacts, chained

CHANGE = ChangeFact("abcd", "new", "completed", 1_000_000, 2_000_000, 25)
FACTS = PollFacts(
    account="nellie-prod",
    kind="poll",
    started_at=1_000_000,
    finished_at=1_250_000,
    outcome="ok",
    http_status=200,
    error=None,
    flags=("clock_skew",),
    values={"requests": 42, "credits": 8750},
    changes=(CHANGE,),
    listing=ListFacts(listed=3, new=1, left=("gone",)),
)
DIGEST = chained(START, FACTS)

FLIPPED = {
    "a value": (replace(FACTS, values={"requests": 42, "credits": 8751}), Origin.VALUE, "credits", 8750),
    "an instant": (replace(FACTS, finished_at=1_250_000 ^ 1 << 40), Origin.POLL, "finished_at", 1_250_000),
    "a word": (replace(FACTS, outcome="oj"), Origin.POLL, "outcome", "ok"),
    "another word": (replace(FACTS, outcome="clock"), Origin.POLL, "outcome", "ok"),
    "a byte that ended a text": (replace(FACTS, outcome="o\udceb"), Origin.POLL, "outcome", "ok"),
    "a number that was empty": (replace(FACTS, error="x"), None, "", None),
    "a status code": (replace(FACTS, http_status=201), Origin.POLL, "http_status", 200),
    "a flag": (replace(FACTS, flags=("clock_skev",)), Origin.POLL, "flags", ("clock_skew",)),
    "a format": (replace(FACTS, format=0), Origin.POLL, "format", 1),
    "a count": (replace(FACTS, listing=replace(FACTS.listing, new=3)), Origin.POLL, "new", 1),
    "a count that is gone": (replace(FACTS, listing=replace(FACTS.listing, new=None)), Origin.POLL, "new", 1),
    "a count that was empty": (replace(FACTS, listing=replace(FACTS.listing, missed=5)), Origin.POLL, "missed", None),
    "one more that left": (
        replace(FACTS, listing=replace(FACTS.listing, left=("came", "gone"))), Origin.LEFT, "came", ("gone",),
    ),
    "an account": (replace(FACTS, account="nellie-prof"), Origin.ACCOUNT, "nellie-prof", "nellie-prod"),
    "a meter": (replace(FACTS, values={"requests": 42, "creditr": 8750}), Origin.METER, "creditr", "credits"),
    "a record's status": (
        replace(FACTS, changes=(replace(CHANGE, status="failed"),)), Origin.CHANGE, "abcd", "completed",
    ),
    "a record's credits": (replace(FACTS, changes=(replace(CHANGE, credits_used=24),)), Origin.CHANGE, "abcd", 25),
    "a record's id": (replace(FACTS, changes=(replace(CHANGE, request_id="abce"),)), Origin.CHANGE, "abce", "abcd"),
    "a record that was added": (
        replace(FACTS, changes=(CHANGE, replace(CHANGE, request_id="new"))), Origin.CHANGE, "new", None,
    ),
    "a value that was added": (
        replace(FACTS, values={"requests": 42, "credits": 8750, "more": 1}), Origin.VALUE, "more", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("facts", "origin", "name", "was"), FLIPPED.values(), ids=list(FLIPPED))
def test_the_one_changed_fact_is_found(facts: PollFacts, origin: Origin | None, name: str, was: object) -> None:
    found = alteration(START, DIGEST, facts, Hints())
    if origin is None:
        assert found is None
    else:
        assert found is not None
        assert (found.origin, found.name, found.was) == (origin, name, was)


def test_the_poll_as_it_was_is_given() -> None:
    found = alteration(START, DIGEST, replace(FACTS, values={"requests": 42, "credits": 8751}), Hints())
    assert found is not None
    assert found.facts == FACTS


def test_a_value_between_its_neighbours_is_found() -> None:
    facts = replace(FACTS, values={"requests": 42, "credits": 8700})
    found = alteration(START, DIGEST, facts, Hints(values={"credits": range(8700, 8800)}))
    assert found is not None
    assert (found.origin, found.name, found.now, found.was) == (Origin.VALUE, "credits", 8700, 8750)


def test_a_value_that_was_not_seen_any_more_is_found() -> None:
    facts = replace(FACTS, values={"requests": 42})
    found = alteration(START, DIGEST, facts, Hints(values={"requests": [1], "credits": [8700, 8750]}))
    assert found is not None
    assert (found.origin, found.name, found.now, found.was) == (Origin.VALUE, "credits", None, 8750)


def test_a_record_that_left_is_found_among_those_that_may_have() -> None:
    facts = replace(FACTS, listing=replace(FACTS.listing, left=()))
    found = alteration(START, DIGEST, facts, Hints(left=["other", "gone"]))
    assert found is not None
    assert (found.origin, found.name, found.was) == (Origin.LEFT, "gone", ("gone",))


def test_a_name_another_account_has_is_found() -> None:
    found = alteration(START, DIGEST, replace(FACTS, account="other"), Hints(accounts=["third", "nellie-prod"]))
    assert found is not None
    assert (found.origin, found.name, found.was) == (Origin.ACCOUNT, "other", "nellie-prod")


def test_two_changed_facts_stay_unnamed() -> None:
    facts = replace(FACTS, values={"requests": 43, "credits": 8751})
    assert alteration(START, DIGEST, facts, Hints(values={"more": [1]})) is None
