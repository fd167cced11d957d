from __future__ import annotations

from dataclasses import replace

import pytest

from collector.domain.digest import START, ChangeFact, ListFacts, PollFacts, RowsDigest, chained, chained_decision
from collector.domain.falls import Decision, FallKind

CHANGE = ChangeFact("abcd1234", "new", "completed", 1_764_757_800_000_000, 1_764_759_300_000_000, 250)
FACTS = PollFacts(
    account="nellie-prod",
    kind="poll",
    started_at=1_764_760_000_000_000,
    finished_at=1_764_760_000_250_000,
    outcome="ok",
    http_status=200,
    error=None,
    flags=("clock_skew",),
    values={"requests": 42, "credits": 8750},
    changes=(CHANGE,),
)
GOLDEN_0 = "b06c98cce6fd35b3d9f21745d0995114287bd344eace26e62c24d3f3e2a88711"
GOLDEN_1 = "855875964f520ef9ed390f03ceae649f368368a3dace5660f91ecfaf09678c4b"

LISTED = {
    "length": ListFacts(listed=7),
    "new": ListFacts(new=7),
    "rejected": ListFacts(rejected=7),
    "unmatched": ListFacts(unmatched=7),
    "missed": ListFacts(missed=7),
    "missed_after": ListFacts(missed_after=7),
    "missed_before": ListFacts(missed_before=7),
    "unexplained": ListFacts(unexplained=7),
}
ALTERED = {
    "account": replace(FACTS, account="nellie-dev"),
    "kind": replace(FACTS, kind="import"),
    "started_at": replace(FACTS, started_at=FACTS.started_at + 1),
    "finished_at": replace(FACTS, finished_at=FACTS.finished_at + 1),
    "outcome": replace(FACTS, outcome="clock"),
    "http_status": replace(FACTS, http_status=None),
    "error": replace(FACTS, error="timeout"),
    "an empty error": replace(FACTS, error=""),
    "flags": replace(FACTS, flags=()),
    "another flag": replace(FACTS, flags=("clock_skew", "timestamps")),
    "a value": replace(FACTS, values={"requests": 42, "credits": 8751}),
    "a value's meter": replace(FACTS, values={"requests": 8750, "credits": 42}),
    "a value less": replace(FACTS, values={"requests": 42}),
    "no change": replace(FACTS, changes=()),
    "a change twice": replace(FACTS, changes=(CHANGE, CHANGE)),
    "a change's id": replace(FACTS, changes=(replace(CHANGE, request_id="abcd1235"),)),
    "a change's kind": replace(FACTS, changes=(replace(CHANGE, kind="update"),)),
    "a change's status": replace(FACTS, changes=(replace(CHANGE, status="failed"),)),
    "a change's created_at": replace(FACTS, changes=(replace(CHANGE, created_at=None),)),
    "a change's completed_at": replace(FACTS, changes=(replace(CHANGE, completed_at=CHANGE.created_at),)),
    "a change's credits": replace(FACTS, changes=(replace(CHANGE, credits_used=None),)),
    "a refused record": replace(FACTS, rejections='[["recentRequests[0]", "no id", "{}"]]'),
    "a kept body": replace(FACTS, body=b""),
    "zero instead of no credits": replace(FACTS, changes=(replace(CHANGE, credits_used=0),)),
    "a change's last listing": replace(FACTS, changes=(replace(CHANGE, last_seen_at=5),)),
    **{f"a list's {name}": replace(FACTS, listing=one) for name, one in LISTED.items()},
    "what left the list": replace(FACTS, listing=ListFacts(left=("abcd1234",))),
    "imported rows": replace(FACTS, imported=bytes(32)),
    "the older format": replace(FACTS, format=0),
    "a format to come": replace(FACTS, format=2),
}


@pytest.mark.parametrize(("layout", "golden"), [(0, GOLDEN_0), (1, GOLDEN_1)])
def test_the_digest_of_known_facts_never_changes(layout: int, golden: str) -> None:
    assert chained(START, replace(FACTS, format=layout)).hex() == golden


def test_equal_facts_have_equal_digests() -> None:
    again = replace(FACTS, values={"credits": 8750, "requests": 42}, changes=[replace(CHANGE)])
    assert chained(START, again) == chained(START, FACTS)


@pytest.mark.parametrize("altered", ALTERED.values(), ids=list(ALTERED))
def test_any_other_fact_changes_the_digest(altered: PollFacts) -> None:
    assert chained(START, altered) != chained(START, FACTS)


def test_altered_facts_differ_from_each_other() -> None:
    assert len({chained(START, one) for one in ALTERED.values()}) == len(ALTERED)


def test_the_digest_before_changes_the_digest() -> None:
    assert chained(chained(START, FACTS), FACTS) != chained(START, FACTS)


def test_order_of_changes_matters() -> None:
    other = replace(CHANGE, request_id="b")
    one, two = replace(FACTS, changes=(CHANGE, other)), replace(FACTS, changes=(other, CHANGE))
    assert chained(START, one) != chained(START, two)


def test_a_separator_within_a_text_is_no_separator() -> None:
    one, two = replace(FACTS, flags=("a", "b")), replace(FACTS, flags=('a","b',))
    assert chained(START, one) != chained(START, two)


def test_any_text_can_be_digested() -> None:
    assert len(chained(START, replace(FACTS, error="\ud800\x00\N{SNOWMAN}"))) == 32


DECISION = Decision(FallKind.RESET, 20, 10, 8750, 3, 8750, "the counter began again")
OTHER_DECISIONS = {
    "kind": replace(DECISION, kind=FallKind.CORRECTION),
    "at": replace(DECISION, at=21),
    "since": replace(DECISION, since=11),
    "before": replace(DECISION, before=8751),
    "after": replace(DECISION, after=2),
    "offset": replace(DECISION, offset=0),
    "until": replace(DECISION, until=30),
    "decided_by": replace(DECISION, decided_by="operator:ann"),
    "reason": replace(DECISION, reason="they told us"),
}


@pytest.mark.parametrize("other", OTHER_DECISIONS.values(), ids=OTHER_DECISIONS.keys())
def test_anything_else_in_a_decision_is_another_digest(other: Decision) -> None:
    digests = {chained_decision(START, "nellie-prod", "credits", one, 40) for one in (DECISION, other)}
    assert len(digests) == 2


def test_a_decision_of_another_meter_account_instant_or_place_is_another_digest() -> None:
    first = chained_decision(START, "nellie-prod", "credits", DECISION, 40)
    others = {
        chained_decision(START, "nellie-dev", "credits", DECISION, 40),
        chained_decision(START, "nellie-prod", "requests", DECISION, 40),
        chained_decision(START, "nellie-prod", "credits", DECISION, 41),
        chained_decision(first, "nellie-prod", "credits", DECISION, 40),
    }
    assert len(others | {first}) == 5


def rows_digest(*, snapshots: tuple[tuple[str, int, int], ...] = (), records: tuple[ChangeFact, ...] = ()) -> bytes:
    rows = RowsDigest()
    for meter, at, value in snapshots:
        rows.snapshot(meter, at, value)
    for record in records:
        rows.record(record)
    return rows.digest()


def test_imported_rows_are_told_apart() -> None:
    digests = {
        rows_digest(),
        rows_digest(snapshots=(("credits", 1, 23),)),
        rows_digest(snapshots=(("credits", 12, 3),)),
        rows_digest(snapshots=(("requests", 1, 23),)),
        rows_digest(snapshots=(("credits", 1, 23), ("credits", 2, 23))),
        rows_digest(records=(CHANGE,)),
        rows_digest(records=(replace(CHANGE, first_seen_at=1),)),
        rows_digest(records=(replace(CHANGE, last_seen_at=1),)),
    }
    assert len(digests) == 8
