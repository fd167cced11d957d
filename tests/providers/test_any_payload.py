"""Whatever JSON a provider sends, ``parse`` answers or refuses, and nothing it hands on can act upon a terminal."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.errors import AnswerRejectedError
from collector.providers import PROVIDERS
from collector.providers.contract import Answer
from collector.providers.nected import Nected
from collector.providers.nellie import Nellie

TEXTS = st.text(st.characters(exclude_categories=()), max_size=30)  # lone surrogates and controls included
NUMBERS = st.integers() | st.integers(2**63 - 2, 2**63 + 1) | st.floats() | st.decimals()
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)


def mostly(*good: object) -> st.SearchStrategy[object]:
    """One of the good values three times out of four, otherwise any JSON."""
    return st.one_of(*[st.sampled_from(good)] * 3, JSON)


MOMENTS = mostly("2025-12-03T10:30:00Z", "2025-12-03T10:55:00.5+05:30", None)
RECORDS = st.fixed_dictionaries(
    {"requestId": mostly("a", "b", "A", "a "), "status": mostly("completed", "failed", "processing", "queued")},
    optional={"createdAt": MOMENTS, "completedAt": MOMENTS, "creditsUsed": mostly(0, 250, None), "\x1b]": JSON},
)
NELLIE = st.fixed_dictionaries(
    {
        "success": mostly(True),
        "totalRequests": mostly(0, 42, 2**63 - 1),
        "totalCreditsUsed": mostly(0, 8750),
        "recentRequests": st.one_of(*[st.lists(RECORDS | JSON, max_size=5)] * 3, JSON),
    },
    optional={"error": JSON, "details": JSON, "errorCode": JSON, "code": JSON, "\r\n": JSON},
)
NECTED = st.fixed_dictionaries(
    {"code": mostly("success")},
    optional={
        "data": mostly({"invocations": 1000}) | st.fixed_dictionaries({"invocations": JSON}, optional={"\udcff": JSON}),
        "message": JSON,
        "success": JSON,
    },
)
ANY = settings(deadline=None)  # noisy machines are no counter-example


def read(provider: str, payload: object) -> Answer | AnswerRejectedError:
    try:
        return PROVIDERS[provider].parse(payload)
    except AnswerRejectedError as refused:
        return refused


def is_inert(text: str, limit: int) -> bool:
    return text.isprintable() and len(text) <= limit


@pytest.mark.parametrize("provider", PROVIDERS)
@ANY
@given(payload=JSON)
def test_any_json_is_answered_or_refused(provider: str, payload: object) -> None:
    assert isinstance(read(provider, payload), Answer | AnswerRejectedError)


@ANY
@given(payload=NELLIE)
def test_nearly_right_nellie_is_answered_or_refused(payload: object) -> None:
    assert isinstance(read("nellie", payload), Answer | AnswerRejectedError)


@ANY
@given(payload=NECTED)
def test_nearly_right_nected_is_answered_or_refused(payload: object) -> None:
    assert isinstance(read("nected", payload), Answer | AnswerRejectedError)


@ANY
@given(payload=NELLIE)
def test_accepted_counters_fit_every_database(payload: object) -> None:
    found = read("nellie", payload)
    if isinstance(found, Answer):
        assert all(type(value) is int and 0 <= value < 2**63 for value in found.counters.values())


@ANY
@given(payload=NELLIE)
def test_accepted_texts_fit_every_database(payload: object) -> None:
    found = read("nellie", payload)
    if isinstance(found, Answer):
        texts = "".join(record.request_id + record.status for record in found.requests)
        assert "\0" not in texts.encode().decode()


@ANY
@given(items=st.lists(RECORDS | JSON, max_size=8))
def test_every_listed_item_is_a_record_a_repetition_or_a_rejection(items: list[object]) -> None:
    found = read("nellie", {"success": True, "totalRequests": 1, "totalCreditsUsed": 1, "recentRequests": items})
    if isinstance(found, Answer):
        ids = {record.request_id for record in found.requests}
        refused = {int(one.where.split("[")[1].split("]")[0]) for one in found.rejections}
        kept = [item for index, item in enumerate(items) if index not in refused]
        assert all(isinstance(item, dict) and item["requestId"] in ids for item in kept)


@ANY
@given(items=st.lists(RECORDS | JSON, max_size=8))
def test_ids_of_an_answer_are_unique(items: list[object]) -> None:
    found = read("nellie", {"success": True, "totalRequests": 1, "totalCreditsUsed": 1, "recentRequests": items})
    if isinstance(found, Answer):
        assert len({record.request_id for record in found.requests}) == len(found.requests)


@ANY
@given(payload=NELLIE)
def test_rejections_are_inert(payload: object) -> None:
    found = read("nellie", payload)
    if isinstance(found, Answer):
        assert all(is_inert(one.raw, 200) and is_inert(one.where + one.reason, 200) for one in found.rejections)


@ANY
@given(payload=NELLIE)
def test_names_of_unknown_fields_are_inert_sorted_and_unique(payload: object) -> None:
    found = read("nellie", payload)
    if isinstance(found, Answer):
        assert list(found.unknown_fields) == sorted(set(found.unknown_fields))
        assert all(is_inert(name, 200) for name in found.unknown_fields)


@ANY
@given(payload=NELLIE | NECTED)
def test_refusals_are_inert(payload: object) -> None:
    for provider in PROVIDERS:
        found = read(provider, payload)
        if isinstance(found, AnswerRejectedError):
            assert is_inert(found.outcome, 60)
            assert is_inert(str(found), 400)


@ANY
@given(payload=NELLIE)
def test_reading_leaves_the_payload_as_it_was(payload: dict[str, object]) -> None:
    before = repr(payload)
    read("nellie", payload)
    assert repr(payload) == before


@pytest.mark.parametrize("number", [Decimal("1E+99999999"), Decimal("NaN"), 10**100_000], ids=["E", "NaN", "digits"])
def test_number_bomb_in_a_record_is_quoted_without_being_computed(number: object) -> None:
    listed = {"requestId": "r-1", "status": "failed", "creditsUsed": number}
    payload = {"success": True, "totalRequests": 1, "totalCreditsUsed": 1, "recentRequests": [listed]}
    assert is_inert(Nellie().parse(payload).rejections[0].raw, 200)


def test_nesting_beyond_recursion_is_quoted() -> None:
    nested: object = 1
    for _ in range(100_000):
        nested = [nested]
    payload = {"success": True, "totalRequests": 1, "totalCreditsUsed": 1, "recentRequests": [nested]}
    assert Nellie().parse(payload).rejections[0].raw == "[[[[[[[[…]]]]]]]]"


def test_error_words_are_cut_at_200_characters() -> None:
    with pytest.raises(AnswerRejectedError) as refused:
        Nected().parse({"code": "E", "message": "\x1b" * 1000})
    told = str(refused.value).partition("(")[2].partition(")")[0]
    assert len(told) == 200
