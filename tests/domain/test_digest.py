from __future__ import annotations

from dataclasses import replace

import pytest

from collector.domain.digest import START, ChangeFact, PollFacts, chained

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
GOLDEN = "b06c98cce6fd35b3d9f21745d0995114287bd344eace26e62c24d3f3e2a88711"

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
}


def test_the_digest_of_known_facts_never_changes() -> None:
    assert chained(START, FACTS).hex() == GOLDEN


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
